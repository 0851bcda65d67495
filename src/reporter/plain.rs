//! A run as plain lines, for pipes and logs.

use std::collections::HashMap;
use std::io::Write;
use std::time::{Duration, Instant};

use crate::reporter::safe::one_line;
use crate::reporter::words::{MOST_LETTERS, duration, metrics, summary_lines};
use crate::run::{Reporter, RunEvent};

/// How often a stage's progress is told.
const EVERY: Duration = Duration::from_secs(30);

/// Writes a line for what a person would want to find in a log.
#[derive(Debug)]
pub struct Plain<W> {
    out: W,
    told: HashMap<String, Instant>,
    metrics: HashMap<String, String>,
}

impl<W: Write> Plain<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Plain { out, told: HashMap::new(), metrics: HashMap::new() }
    }

    fn line(&mut self, text: &str) {
        // In one write, also where nothing is buffered. A reader that has gone away does not stop the run.
        let line = format!("{}\n", one_line(text, MOST_LETTERS));
        let _ = self.out.write_all(line.as_bytes());
    }

    fn progress(&mut self, stage: &str, done: u64, total: Option<u64>, unit: &str) {
        let now = Instant::now();
        let last = *self.told.entry(stage.to_owned()).or_insert(now);
        if now.duration_since(last) < EVERY {
            return;
        }
        self.told.insert(stage.to_owned(), now);
        let of = total.map(|total| format!("/{total}")).unwrap_or_default();
        let metrics = self.metrics.get(stage).map(|text| format!("  {text}")).unwrap_or_default();
        self.line(&format!("  … {stage}  {done}{of} {unit}{metrics}"));
    }
}

impl<W: Write> Reporter for Plain<W> {
    fn event(&mut self, event: &RunEvent) {
        match event {
            RunEvent::Began { run, pipeline, total } => {
                self.line(&format!(
                    "run {run} of {pipeline}: {total} {}",
                    if *total == 1 { "stage" } else { "stages" }
                ));
            }
            RunEvent::Started { stage, because, attempt, expected_milliseconds, .. } => {
                let again = if *attempt > 1 { format!(", attempt {attempt}") } else { String::new() };
                let last = expected_milliseconds.filter(|ms| *ms > 1000);
                let last = last.map(|ms| format!("; last time {}", duration(ms as f64 / 1000.0))).unwrap_or_default();
                self.line(&format!("  start {stage} ({because}{again}{last})"));
            }
            RunEvent::Waiting { stage, what } => self.line(&format!("  {stage} waits for {what}")),
            RunEvent::Waited { stage } => self.line(&format!("  {stage} begins")),
            RunEvent::Progress { stage, done, total, unit } => self.progress(stage, *done, *total, unit),
            RunEvent::Metrics { stage, values, .. } => {
                self.metrics.insert(stage.clone(), metrics(values, 6));
            }
            RunEvent::Note { stage, text } if stage.is_empty() => self.line(&format!("  {text}")),
            RunEvent::Note { stage, text } => self.line(&format!("  {stage}: {text}")),
            RunEvent::Retrying { stage, attempt, error, .. } => {
                self.line(&format!("  {stage}: attempt {attempt} failed: {error}; trying again"));
            }
            RunEvent::Finished { stage, seconds, adopted, .. } => {
                let how = if *adopted { "taken from another run".to_owned() } else { duration(*seconds) };
                self.line(&format!("  done {stage} ({how})"));
            }
            RunEvent::Failed { stage, error, .. } => self.line(&format!("  FAILED {stage}: {error}")),
            RunEvent::Stopped { stage } => self.line(&format!("  stopped {stage}")),
            RunEvent::Ended(summary) => {
                for line in summary_lines(summary) {
                    self.line(&line);
                }
            }
            RunEvent::Fresh { .. } => {}
        }
        let _ = self.out.flush();
    }
}

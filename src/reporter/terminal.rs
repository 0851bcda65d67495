//! A run on a terminal: a line for each running stage, and one that sums up.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::reporter::words::{duration, number, summary_lines};
use crate::run::{Reporter, RunEvent};

/// Shows a run on the terminal that standard error is connected to.
#[derive(Debug)]
pub struct Terminal {
    bars: MultiProgress,
    sum: ProgressBar,
    running: BTreeMap<String, Running>,
    total: usize,
    fresh: usize,
    done: usize,
    failed: usize,
}

#[derive(Debug)]
struct Running {
    bar: ProgressBar,
    began: Instant,
    /// When the first progress came, and how far it was: a resumed stage does not begin at zero.
    first: Option<(Instant, u64)>,
    progress: String,
    metrics: String,
}

impl Default for Terminal {
    fn default() -> Self {
        let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10));
        let sum = bars.add(line());
        Terminal { bars, sum, running: BTreeMap::new(), total: 0, fresh: 0, done: 0, failed: 0 }
    }
}

fn line() -> ProgressBar {
    let style = ProgressStyle::with_template("{wide_msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
    let bar = ProgressBar::new_spinner().with_style(style);
    bar.enable_steady_tick(Duration::from_millis(500));
    bar
}

impl Terminal {
    fn say(&self, text: &str) {
        let _ = self.bars.println(text);
    }

    fn sum_up(&self) {
        let waiting = self.total.saturating_sub(self.fresh + self.done + self.failed + self.running.len());
        let failed = if self.failed > 0 { format!(" · {} failed", self.failed) } else { String::new() };
        self.sum.set_message(format!(
            "{} fresh · {} done · {} running · {waiting} waiting{failed}",
            self.fresh,
            self.done,
            self.running.len()
        ));
    }

    fn begin_line(&mut self, stage: &str, because: &str, expected_milliseconds: Option<u64>) {
        let bar = self.bars.insert_before(&self.sum, line());
        let last = expected_milliseconds.filter(|ms| *ms > 1000);
        let last = last.map(|ms| format!("last time {}", duration(ms as f64 / 1000.0))).unwrap_or_default();
        let parts = [because.to_owned(), last];
        let progress = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ");
        let running = Running { bar, began: Instant::now(), first: None, progress, metrics: String::new() };
        running.show(stage);
        self.running.insert(stage.to_owned(), running);
    }

    fn end_line(&mut self, stage: &str) {
        if let Some(running) = self.running.remove(stage) {
            running.bar.finish_and_clear();
            self.bars.remove(&running.bar);
        }
    }
}

impl Running {
    fn show(&self, stage: &str) {
        let parts = [self.progress.as_str(), self.metrics.as_str()];
        let shown: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        self.bar.set_message(format!(
            "▸ {stage}  {}  {}",
            duration(self.began.elapsed().as_secs_f64()),
            shown.join("  ")
        ));
    }

    fn set_progress(&mut self, done: u64, total: Option<u64>, unit: &str) {
        let (since, at) = *self.first.get_or_insert((Instant::now(), done));
        let of = total.map(|total| format!("/{total}")).unwrap_or_default();
        let left = total.filter(|total| *total > done && done > at).map(|total| {
            let pace = since.elapsed().as_secs_f64() / (done - at) as f64;
            format!(", {} left", duration(pace * (total - done) as f64))
        });
        self.progress = format!("{done}{of} {unit}{}", left.unwrap_or_default());
    }
}

impl Reporter for Terminal {
    fn event(&mut self, event: &RunEvent) {
        match event {
            RunEvent::Began { total, .. } => self.total = *total,
            RunEvent::Fresh { .. } => self.fresh += 1,
            RunEvent::Started { stage, because, expected_milliseconds, .. } => {
                self.begin_line(stage, because, *expected_milliseconds);
            }
            RunEvent::Progress { stage, done, total, unit } => {
                if let Some(running) = self.running.get_mut(stage) {
                    running.set_progress(*done, *total, unit);
                    running.show(stage);
                }
            }
            RunEvent::Metrics { stage, values, .. } => {
                if let Some(running) = self.running.get_mut(stage) {
                    let shown = values.iter().take(4).map(|(name, value)| format!("{name} {}", number(*value)));
                    running.metrics = shown.collect::<Vec<_>>().join("  ");
                    running.show(stage);
                }
            }
            RunEvent::Waiting { stage, what } => {
                if let Some(running) = self.running.get_mut(stage) {
                    running.progress = format!("waits for {what}");
                    running.show(stage);
                }
            }
            RunEvent::Waited { stage } => {
                if let Some(running) = self.running.get_mut(stage) {
                    running.progress.clear();
                    running.began = Instant::now();
                    running.show(stage);
                }
            }
            RunEvent::Note { stage, text } if stage.is_empty() => self.say(text),
            RunEvent::Note { stage, text } => self.say(&format!("  {stage}: {text}")),
            RunEvent::Retrying { stage, attempt, error } => {
                self.say(&format!("↻ {stage}  attempt {attempt} failed: {error}; trying again"));
            }
            RunEvent::Finished { stage, seconds, adopted, .. } => {
                self.end_line(stage);
                self.done += 1;
                let how = if *adopted { "taken from another run".to_owned() } else { duration(*seconds) };
                self.say(&format!("✓ {stage}  {how}"));
            }
            RunEvent::Failed { stage, error, .. } => {
                self.end_line(stage);
                self.failed += 1;
                self.say(&format!("✗ {stage}  {error}"));
            }
            RunEvent::Stopped { stage } => {
                self.end_line(stage);
                self.say(&format!("■ {stage}  stopped"));
            }
            RunEvent::Ended(summary) => {
                self.sum.finish_and_clear();
                for line in summary_lines(summary) {
                    self.say(&line);
                }
                return;
            }
        }
        self.sum_up();
    }
}

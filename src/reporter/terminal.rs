//! A run on a terminal: what has happened is said for good; below it stand a line for each running stage, and one that
//! sums up.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use crate::reporter::safe::one_line;
use crate::reporter::screen::{Screen, Size};
use crate::reporter::words::{MOST_LETTERS, duration, metrics, summary_lines};
use crate::run::{Reporter, RunEvent};

/// How often the lines are drawn anew at most, and how often at least, so that times go on.
const SOON: Duration = Duration::from_millis(100);
const TICK: Duration = Duration::from_millis(500);

/// Shows a run on a terminal.
pub struct Terminal(Arc<Mutex<View>>);

/// Takes the lines that are drawn off the terminal while this program is stopped.
#[derive(Clone)]
pub struct Curtain(Weak<Mutex<View>>);

struct View {
    screen: Screen,
    running: BTreeMap<String, Running>,
    total: usize,
    fresh: usize,
    done: usize,
    failed: usize,
    said: Vec<String>,
    drawn: Option<Instant>,
    ended: bool,
}

#[derive(Debug)]
struct Running {
    began: Instant,
    /// When the first progress came, and how far it was: a resumed stage does not begin at zero.
    first: Option<(Instant, u64)>,
    progress: String,
    metrics: String,
}

impl Terminal {
    /// Shows runs on the terminal that `out` writes to.
    #[must_use]
    pub fn new(out: Box<dyn Write + Send>, size: Size) -> Self {
        let view = View {
            screen: Screen::new(out, size),
            running: BTreeMap::new(),
            total: 0,
            fresh: 0,
            done: 0,
            failed: 0,
            said: Vec::new(),
            drawn: None,
            ended: false,
        };
        let view = Arc::new(Mutex::new(view));
        let seen = Arc::downgrade(&view);
        std::thread::spawn(move || {
            loop {
                std::thread::sleep(SOON);
                let Some(view) = seen.upgrade() else { return };
                lock(&view).draw_when_due(TICK);
            }
        });
        Terminal(view)
    }

    /// What takes the lines off the terminal for a while.
    #[must_use]
    pub fn curtain(&self) -> Curtain {
        Curtain(Arc::downgrade(&self.0))
    }
}

impl Curtain {
    /// Takes the lines off. They come back by themselves.
    pub fn draw(&self) {
        if let Some(view) = self.0.upgrade() {
            let mut view = lock(&view);
            let said = std::mem::take(&mut view.said);
            view.screen.draw(&said, &[]);
            view.drawn = Some(Instant::now());
        }
    }
}

fn lock(view: &Mutex<View>) -> MutexGuard<'_, View> {
    view.lock().unwrap_or_else(PoisonError::into_inner)
}

impl View {
    fn say(&mut self, text: &str) {
        self.said.push(one_line(text, MOST_LETTERS));
    }

    /// Draws if that was not done for so long, or there is something to say.
    fn draw_when_due(&mut self, pause: Duration) {
        let begun = self.total > 0 && !self.ended;
        if !self.said.is_empty() || begun && self.drawn.is_none_or(|drawn| drawn.elapsed() >= pause) {
            self.draw();
        }
    }

    fn draw(&mut self) {
        let mut lines = Vec::new();
        if !self.ended {
            lines = self.running.iter().map(|(stage, running)| running.line(stage)).collect();
            lines.push(self.sum());
        }
        let said = std::mem::take(&mut self.said);
        self.screen.draw(&said, &lines);
        self.drawn = Some(Instant::now());
    }

    fn sum(&self) -> String {
        let waiting = self.total.saturating_sub(self.fresh + self.done + self.failed + self.running.len());
        let failed = if self.failed > 0 { format!(" · {} failed", self.failed) } else { String::new() };
        let (fresh, done, running) = (self.fresh, self.done, self.running.len());
        format!("{fresh} fresh · {done} done · {running} running · {waiting} waiting{failed}")
    }

    fn begin(&mut self, stage: &str, because: &str, expected_milliseconds: Option<u64>) {
        let last = expected_milliseconds.filter(|ms| *ms > 1000);
        let last = last.map(|ms| format!("last time {}", duration(ms as f64 / 1000.0))).unwrap_or_default();
        let parts = [because.to_owned(), last];
        let progress = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ");
        let running = Running { began: Instant::now(), first: None, progress, metrics: String::new() };
        self.running.insert(stage.to_owned(), running);
    }

    fn take(&mut self, event: &RunEvent) {
        match event {
            RunEvent::Began { total, .. } => self.total = *total,
            RunEvent::Fresh { .. } => self.fresh += 1,
            RunEvent::Started { stage, because, expected_milliseconds, .. } => {
                self.begin(stage, because, *expected_milliseconds);
            }
            RunEvent::Progress { .. }
            | RunEvent::Metrics { .. }
            | RunEvent::Waiting { .. }
            | RunEvent::Waited { .. } => self.hear(event),
            RunEvent::Note { stage, text } if stage.is_empty() => self.say(text),
            RunEvent::Note { stage, text } => self.say(&format!("  {stage}: {text}")),
            RunEvent::Retrying { stage, attempt, error, .. } => {
                self.say(&format!("↻ {stage}  attempt {attempt} failed: {error}; trying again"));
            }
            RunEvent::Finished { stage, seconds, adopted, .. } => {
                self.running.remove(stage);
                self.done += 1;
                let how = if *adopted { "taken from another run".to_owned() } else { duration(*seconds) };
                self.say(&format!("✓ {stage}  {how}"));
            }
            RunEvent::Failed { stage, error, .. } => {
                self.running.remove(stage);
                self.failed += 1;
                self.say(&format!("✗ {stage}  {error}"));
            }
            RunEvent::Stopped { stage } => {
                self.running.remove(stage);
                self.say(&format!("■ {stage}  stopped"));
            }
            RunEvent::Ended(summary) => {
                self.ended = true;
                summary_lines(summary).iter().for_each(|line| self.say(line));
            }
        }
    }

    /// What a running stage does.
    fn hear(&mut self, event: &RunEvent) {
        let (RunEvent::Progress { stage, .. }
        | RunEvent::Metrics { stage, .. }
        | RunEvent::Waiting { stage, .. }
        | RunEvent::Waited { stage }) = event
        else {
            return;
        };
        let Some(running) = self.running.get_mut(stage) else { return };
        match event {
            RunEvent::Progress { done, total, unit, .. } => running.set_progress(*done, *total, unit),
            RunEvent::Metrics { values, .. } => running.metrics = metrics(values, 4),
            RunEvent::Waiting { what, .. } => running.progress = format!("waits for {what}"),
            _ => {
                running.progress.clear();
                running.began = Instant::now();
            }
        }
    }
}

impl Running {
    fn line(&self, stage: &str) -> String {
        let parts = [self.progress.as_str(), self.metrics.as_str()];
        let shown: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        let took = duration(self.began.elapsed().as_secs_f64());
        one_line(&format!("▸ {stage}  {took}  {}", shown.join("  ")), MOST_LETTERS)
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
        let mut view = lock(&self.0);
        view.take(event);
        // What happens in quick succession is drawn together.
        if view.ended || view.drawn.is_none_or(|drawn| drawn.elapsed() >= SOON) {
            view.draw();
        }
    }
}

impl Drop for Terminal {
    /// Of a run that ended otherwise nothing is left on the terminal but what was said.
    fn drop(&mut self) {
        let mut view = lock(&self.0);
        let said = std::mem::take(&mut view.said);
        view.ended = true;
        view.screen.draw(&said, &[]);
    }
}

//! What a stage says while it runs.

use std::collections::BTreeMap;

use nnf_contract::Event;

use crate::executor::{Handle, Watcher};
use crate::store::{AttemptFolder, AttemptNote};

use super::attempts::Attempts;
use super::message::Message;

/// Most metrics of a record, and the longest of their names: a stage that makes up names without end is cut off.
const MOST_METRICS: usize = 10_000;
const LONGEST_NAME: usize = 1_000;

/// Passes on what a stage says, and keeps the last of its metrics.
pub(super) struct Listener<'a> {
    work: &'a Attempts<'a>,
    folder: &'a AttemptFolder,
    /// Where the log lies, from the store's folder on.
    log: String,
    metrics: BTreeMap<String, f64>,
    /// Whether it was told that not all metrics are kept.
    full: bool,
}

impl<'a> Listener<'a> {
    pub(super) fn new(work: &'a Attempts<'a>, folder: &'a AttemptFolder, log: String) -> Self {
        Listener { work, folder, log, metrics: BTreeMap::new(), full: false }
    }

    /// The last value of each metric.
    pub(super) fn into_metrics(self) -> BTreeMap<String, f64> {
        self.metrics
    }
}

impl Watcher for Listener<'_> {
    fn began(&mut self, handle: &Handle) {
        let note = AttemptNote {
            key: Some(self.work.computed.key),
            executor: handle.executor.clone(),
            id: handle.id.clone(),
            log: self.log.clone(),
        };
        if let Err(error) = self.folder.note(&note) {
            tracing::warn!("{error}");
        }
    }

    fn waits(&mut self, what: &str) {
        self.work.waits_for(what.to_owned());
    }

    fn waited(&mut self) {
        let _ = self.work.messages.send(Message::Waited(self.work.id));
    }

    fn said(&mut self, event: Event) {
        if let Event::Metrics { values, .. } = &event {
            for (name, value) in values {
                self.keep(name, *value);
            }
        }
        self.tell(event);
    }
}

impl Listener<'_> {
    /// The last of a metric's values counts. One that a record cannot hold leaves none: an older one would be believed to
    /// be the last.
    fn keep(&mut self, name: &str, value: f64) {
        if !value.is_finite() {
            self.metrics.remove(name);
        } else if let Some(last) = self.metrics.get_mut(name) {
            *last = value;
        } else if self.metrics.len() < MOST_METRICS && name.len() <= LONGEST_NAME {
            self.metrics.insert(name.to_owned(), value);
        } else if !std::mem::replace(&mut self.full, true) {
            let text = format!(
                "the record keeps {MOST_METRICS} metrics with names of at most {LONGEST_NAME} bytes; others are left out"
            );
            self.tell(Event::Note { text });
        }
    }

    fn tell(&self, event: Event) {
        let _ = self.work.messages.send(Message::Said(self.work.id, event));
    }
}

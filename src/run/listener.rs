//! What a stage says while it runs.
//!
//! It does not know what happens to it.

use std::collections::BTreeMap;

use nnf_contract::Event;

use crate::executor::{Handle, Watcher};
use crate::store::AttemptFolder;

use super::worker::{Assignment, Message};

/// Passes on what a stage says, and keeps the last of its metrics.
pub(super) struct Listener<'a> {
    work: &'a Assignment<'a>,
    folder: &'a AttemptFolder,
    metrics: BTreeMap<String, f64>,
}

impl<'a> Listener<'a> {
    pub(super) fn new(work: &'a Assignment<'a>, folder: &'a AttemptFolder) -> Self {
        Listener { work, folder, metrics: BTreeMap::new() }
    }

    /// The last value of each metric.
    pub(super) fn into_metrics(self) -> BTreeMap<String, f64> {
        self.metrics
    }
}

impl Watcher for Listener<'_> {
    fn began(&mut self, handle: &Handle) {
        if let Err(error) = self.folder.note_process(&handle.id) {
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
            // A stage that makes up names without end is cut off.
            for (name, value) in values {
                if self.metrics.len() < 10_000 || self.metrics.contains_key(name) {
                    self.metrics.insert(name.clone(), *value);
                }
            }
        }
        let _ = self.work.messages.send(Message::Said(self.work.id, event));
    }
}

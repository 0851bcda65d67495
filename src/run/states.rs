//! Where each instance stands. `States::set` is the only place where that changes, and keeps every queue and count in step.

use std::collections::{BTreeMap, BTreeSet};

use crate::digest::Key;
use crate::graph::InstanceId;
use crate::plan::ComputedKey;
use crate::store::RecordSummary;
use crate::why::Reason;

/// Where an instance stands.
#[derive(Debug)]
pub(super) enum Stage {
    /// Not needed for the targets.
    Idle,
    /// Waits for so many producers.
    Waiting(usize),
    /// Its producers are done; its key is to be computed.
    Ready,
    /// Somebody asks which machine it is to measure.
    Asking,
    /// It must run, as soon as there is room.
    Queued(Box<ComputedKey>, Reason),
    /// It runs, for this cause.
    Running(Key, String),
    /// The same work is queued or runs as another instance.
    Twin(Key),
    Done(RecordSummary),
    Failed,
    /// It was stopped because the run was.
    Stopped,
}

/// Where all instances stand, and what follows from it.
#[derive(Debug, Default)]
pub(super) struct States {
    stages: Vec<Stage>,
    ready: BTreeSet<InstanceId>,
    queued: BTreeSet<InstanceId>,
    running: usize,
    needed: usize,
    /// Keys that are queued or run, and as which instance.
    working: BTreeMap<Key, InstanceId>,
    twins: BTreeMap<Key, BTreeSet<InstanceId>>,
}

impl States {
    /// All instances in their order, none of them begun.
    pub(super) fn new(stages: impl Iterator<Item = Stage>) -> Self {
        let mut states = States::default();
        for (index, stage) in stages.enumerate() {
            states.stages.push(Stage::Idle);
            states.needed += usize::from(!matches!(stage, Stage::Idle));
            states.set(InstanceId(u32::try_from(index).unwrap_or(u32::MAX)), stage);
        }
        states
    }

    pub(super) fn get(&self, id: InstanceId) -> &Stage {
        &self.stages[id.index()]
    }

    /// Moves an instance on. Returns where it stood before.
    pub(super) fn set(&mut self, id: InstanceId, stage: Stage) -> Stage {
        let before = std::mem::replace(&mut self.stages[id.index()], stage);
        match &before {
            Stage::Ready => drop(self.ready.remove(&id)),
            Stage::Queued(computed, _) => {
                self.queued.remove(&id);
                self.working.remove(&computed.key);
            }
            Stage::Running(key, _) => {
                self.running -= 1;
                self.working.remove(key);
            }
            Stage::Asking => self.running -= 1,
            Stage::Twin(key) => {
                if let Some(twins) = self.twins.get_mut(key) {
                    twins.remove(&id);
                    if twins.is_empty() {
                        self.twins.remove(key);
                    }
                }
            }
            Stage::Idle | Stage::Waiting(_) | Stage::Done(_) | Stage::Failed | Stage::Stopped => {}
        }
        match &self.stages[id.index()] {
            Stage::Ready => drop(self.ready.insert(id)),
            Stage::Queued(computed, _) => {
                self.queued.insert(id);
                self.working.insert(computed.key, id);
            }
            Stage::Running(key, _) => {
                self.running += 1;
                self.working.insert(*key, id);
            }
            Stage::Asking => self.running += 1,
            Stage::Twin(key) => drop(self.twins.entry(*key).or_default().insert(id)),
            Stage::Idle | Stage::Waiting(_) | Stage::Done(_) | Stage::Failed | Stage::Stopped => {}
        }
        before
    }

    /// A producer of an instance is done.
    pub(super) fn count_down(&mut self, id: InstanceId) {
        if let Stage::Waiting(count) = *self.get(id) {
            let left = count.saturating_sub(1);
            self.set(id, if left == 0 { Stage::Ready } else { Stage::Waiting(left) });
        }
    }

    /// The first instance that is to be looked at.
    pub(super) fn next_ready(&self) -> Option<InstanceId> {
        self.ready.first().copied()
    }

    /// Those that must run, in the order of the graph.
    pub(super) fn queued(&self) -> &BTreeSet<InstanceId> {
        &self.queued
    }

    /// How many run, or have somebody ask for them.
    pub(super) fn running(&self) -> usize {
        self.running
    }

    /// How many are needed for the targets.
    pub(super) fn needed(&self) -> usize {
        self.needed
    }

    /// Whether the work of a key is queued or runs.
    pub(super) fn is_working(&self, key: &Key) -> bool {
        self.working.contains_key(key)
    }

    /// Those that wait for the work of a key.
    pub(super) fn twins(&self, key: &Key) -> Vec<InstanceId> {
        self.twins.get(key).into_iter().flatten().copied().collect()
    }
}

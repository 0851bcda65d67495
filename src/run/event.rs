//! What happens in a run, for whoever watches. Reporters see these and nothing else.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Key;
use crate::why::Reason;

use super::cause::Cause;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum RunEvent {
    /// The run began.
    Began {
        /// Its id.
        run: String,
        /// Name of the pipeline.
        pipeline: String,
        /// Instances that are needed.
        total: usize,
    },
    /// An instance has a record already.
    Fresh {
        /// Its name.
        stage: String,
        /// Its key.
        key: Key,
    },
    /// An attempt began.
    Started {
        /// Name of the instance.
        stage: String,
        /// Its key.
        key: Key,
        /// Why it runs.
        reason: Reason,
        /// The reason in one sentence.
        because: String,
        /// Number of the attempt, from 1.
        attempt: u32,
        /// Milliseconds that it took the last time, if that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expected_milliseconds: Option<u64>,
    },
    /// An instance waits for something other than its inputs and the budget.
    Waiting {
        /// Name of the instance.
        stage: String,
        /// For what.
        what: String,
    },
    /// An instance does not wait any more, and begins.
    Waited {
        /// Name of the instance.
        stage: String,
    },
    /// How far a stage is.
    Progress {
        /// Name of the instance.
        stage: String,
        /// Units done.
        done: u64,
        /// Units in all, if known.
        total: Option<u64>,
        /// What is counted.
        unit: String,
    },
    /// Numbers that a stage reported.
    Metrics {
        /// Name of the instance.
        stage: String,
        /// Where in the work they were taken.
        step: Option<u64>,
        /// The numbers. In JSON, those that it does not have are text: `"NaN"`, `"Infinity"`, `"-Infinity"`.
        #[serde(with = "super::numbers")]
        values: BTreeMap<String, f64>,
    },
    /// A sentence from a stage, or about it.
    Note {
        /// Name of the instance.
        stage: String,
        /// The sentence.
        text: String,
    },
    /// An attempt failed and another follows.
    Retrying {
        /// Name of the instance.
        stage: String,
        /// Number of the failed attempt.
        attempt: u32,
        /// How it failed, in words.
        error: String,
        /// How it failed. Versions that did not tell causes apart wrote none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cause: Option<Cause>,
    },
    /// An instance has a record now.
    Finished {
        /// Its name.
        stage: String,
        /// Its key.
        key: Key,
        /// Seconds that it took.
        seconds: f64,
        /// Whether another run, or another instance with the same key, did the work.
        adopted: bool,
    },
    /// An instance failed for good.
    Failed {
        /// Its name.
        stage: String,
        /// Its key, if it was known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<Key>,
        /// How, in words.
        error: String,
        /// How. Versions that did not tell causes apart wrote none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cause: Option<Cause>,
        /// Seconds that it took.
        seconds: f64,
        /// The last lines of its log.
        log_end: Vec<String>,
        /// Whether the store failed, not the stage.
        store: bool,
    },
    /// An instance was stopped because the run was.
    Stopped {
        /// Its name.
        stage: String,
    },
    /// The run ended.
    Ended(Summary),
}

/// How a run ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Instances that were fresh.
    pub fresh: usize,
    /// Instances that ran, and why, in the order in which they ended.
    pub ran: Vec<Ran>,
    /// Instances that failed.
    pub failed: Vec<String>,
    /// Instances that were not started: what they need failed, or the run was stopped.
    pub not_started: Vec<String>,
    /// Whether a person stopped it.
    pub interrupted: bool,
    /// Whether the store failed.
    pub store_failed: bool,
    /// Seconds that it took.
    pub seconds: f64,
    /// Where the outputs are linked.
    pub results: String,
    /// Id of the run.
    pub run: String,
}

/// An instance that ran.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ran {
    /// Its name.
    pub stage: String,
    /// Seconds that it took.
    pub seconds: f64,
    /// Why it ran, in one sentence.
    pub because: String,
}

/// Whoever watches runs.
pub trait Reporter {
    /// Takes note of an event.
    fn event(&mut self, event: &RunEvent);
}

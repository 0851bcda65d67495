//! What a stage says while it runs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One line of the events file. A reader skips lines whose `event` it does not know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// How far the work is.
    Progress {
        /// Units done.
        done: u64,
        /// Units in all, if known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        total: Option<u64>,
        /// What is counted, such as `steps`.
        unit: String,
    },
    /// Numbers worth watching. The last value of each name is kept in the record.
    Metrics {
        /// Where in the work they were taken.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step: Option<u64>,
        /// The numbers by name.
        values: BTreeMap<String, f64>,
    },
    /// A sentence for the person who watches.
    Note {
        /// The sentence.
        text: String,
    },
}

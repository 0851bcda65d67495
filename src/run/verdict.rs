//! What came of running stages again.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::digest::Key;
use crate::record::Record;
use crate::store::Difference;

/// What came of one stage.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Audited {
    /// Name of the instance.
    pub stage: String,
    /// Its key.
    pub key: Key,
    /// Seconds that it took now.
    pub seconds: f64,
    /// What came of it.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// What came of running a stage again.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// All outputs have the same bytes.
    Same {
        /// How many outputs there are.
        outputs: usize,
    },
    /// Some outputs have other bytes.
    Differs {
        /// Those outputs.
        outputs: Vec<OutputDifference>,
        /// What else was different, such as the number of threads; in words.
        surroundings: Vec<String>,
    },
    /// It could not be run again.
    Failed {
        /// How.
        error: String,
        /// The last lines of its log.
        log_end: Vec<String>,
    },
}

/// An output with other bytes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OutputDifference {
    /// Its name.
    pub output: String,
    /// Where it differs first.
    #[serde(flatten)]
    pub first: Difference,
}

/// What was not the same when a stage ran then and now, although it is not keyed.
pub(super) fn surroundings(then: &Record, now: &Record) -> Vec<String> {
    let names: BTreeSet<&String> = then.environment.keys().chain(now.environment.keys()).collect();
    let said = |value: Option<&String>| value.map_or("-".to_owned(), Clone::clone);
    let mut found: Vec<String> = names
        .into_iter()
        .map(|name| (name, then.environment.get(name), now.environment.get(name)))
        .filter(|(_, then, now)| then != now)
        .map(|(name, then, now)| format!("{name}: {} then, {} now", said(then), said(now)))
        .collect();
    if then.machine != now.machine {
        found.push(format!("machine: {} then, {} now", then.machine.cpu, now.machine.cpu));
    }
    found
}

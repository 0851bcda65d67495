//! How a command ended. What it means in words is said elsewhere.

use std::time::Duration;

use jiff::Timestamp;
use nnf_contract::Machine;
use serde::{Deserialize, Serialize};

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "snake_case")]
pub enum Ended {
    /// By itself; 0 is success.
    Exit {
        /// The exit status.
        code: i32,
    },
    /// By a signal that was not this program's.
    Signal {
        /// Its number.
        signal: i32,
    },
    /// It took longer than it may, and was ended.
    TimedOut {
        /// How long it may take, if that was said by the pipeline.
        limit: Option<Duration>,
    },
    /// It took more memory than it may, and was ended.
    OutOfMemory,
    /// The machine that it ran on failed. It is no failure of the command's.
    NodeFailed,
    /// It had to make room for somebody else's work. It is no failure of the command's.
    Preempted,
    /// Somebody ended it past this program.
    Cancelled,
    /// It was stopped because the run was.
    Stopped,
    /// It was stopped for a while and let go on, though it ran alone to measure. It is no failure of the command's.
    Paused,
    /// It ended, and nobody knows how.
    Unknown {
        /// Why it is not known.
        why: String,
    },
}

impl Ended {
    /// Whether it did its work.
    #[must_use]
    pub fn well(&self) -> bool {
        matches!(self, Ended::Exit { code: 0 })
    }

    /// Whether that was the machine's doing alone: the same command may well succeed if it is begun once more.
    #[must_use]
    pub fn is_the_machines(&self) -> bool {
        matches!(self, Ended::NodeFailed | Ended::Preempted | Ended::Paused)
    }
}

/// A command that has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Execution {
    /// How.
    pub ended: Ended,
    /// When the command itself began, after all waiting.
    pub began: Timestamp,
    /// Seconds that it took from then on.
    pub seconds: f64,
    /// The machine that it ran on; of a command that ran alone, as it was found after the end.
    pub machine: Machine,
}

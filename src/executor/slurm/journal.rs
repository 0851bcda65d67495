//! What a node tells of a stage, line by line, in the file that the waiting side has made for it.

use jiff::Timestamp;
use nnf_contract::Machine;
use serde::{Deserialize, Serialize};

use crate::executor::slurm::state::JobId;
use crate::executor::{Command, Ended, Execution, ExecutorError};

/// A stage in a lane.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Stage {
    pub(crate) command: Command,
    /// Cores that it was told it has; none to find them out on the node.
    pub(crate) cores: u32,
    /// Whether it measures the machine.
    pub(crate) alone: bool,
}

/// A line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "snake_case")]
pub(crate) enum Line {
    /// A job has taken it.
    Taken {
        job: JobId,
        node: String,
        /// It is the first one of its job, which has all its time left.
        first: bool,
    },
    /// It has ended.
    Over { ended: Ended, began: Timestamp, seconds: f64, machine: Machine },
    /// It could not be run.
    Failed { error: ExecutorError },
}

impl From<Result<Execution, ExecutorError>> for Line {
    fn from(result: Result<Execution, ExecutorError>) -> Self {
        match result {
            Ok(Execution { ended, began, seconds, machine }) => Line::Over { ended, began, seconds, machine },
            Err(error) => Line::Failed { error },
        }
    }
}

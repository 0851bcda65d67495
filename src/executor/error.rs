//! Why a command could not be carried out at all.

use std::ffi::OsString;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::executor::Ended;

/// What failed of the executor's side. It is written into events, so it holds text, not sources.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "error", rename_all = "snake_case")]
pub enum ExecutorError {
    /// There is no program in it.
    #[error("the command is empty")]
    Empty,
    /// The program does not start.
    #[error("`{program}` does not start: {why}")]
    NotStarted {
        /// The program.
        program: String,
        /// What is wrong, and what to do.
        why: String,
    },
    /// It runs and cannot be watched.
    #[error("its process was lost: {why}")]
    Lost {
        /// What the system said.
        why: String,
    },
    /// It asks to be kept from files, and that cannot be done.
    #[error("{why}")]
    Sandbox {
        /// Why not.
        why: String,
    },
    /// A file of its attempt cannot be read or written.
    #[error("{file} cannot be used: {why}")]
    File {
        /// Which one: "its log".
        file: String,
        /// What the system said.
        why: String,
    },
    /// The node that is to measure cannot be asked what machine it is.
    #[error("no node could be asked what machine it is")]
    NotAsked {
        /// How the job ended that asked.
        ended: Box<Ended>,
    },
    /// The service that carries out commands refuses, or is out of order.
    #[error("{service}: {why}")]
    Service {
        /// Its name, such as `sbatch`.
        service: String,
        /// What it said.
        why: String,
    },
}

/// Why a command line could not be started, after the system refused it.
#[must_use]
pub fn why_not_started(argv: &[OsString], folder: &Path, error: &std::io::Error) -> String {
    crate::processes::culprit::of_start(argv, folder, error)
}

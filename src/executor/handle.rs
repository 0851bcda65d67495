//! What a command that runs is known by, also to another engine after this one was killed.

use serde::{Deserialize, Serialize};

/// A process group, a job of a cluster. It is written into the folder of the attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handle {
    /// Name of the executor that can make sense of it.
    pub executor: String,
    /// What that executor knows it by: for `local`, the leader's process id and when it began.
    pub id: String,
}

/// What became of a command whose engine was killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovered {
    /// Nothing of it runs any more, and nothing of it can be used: its folder may go, and the work be done anew.
    Gone,
    /// It runs, or waits, or has ended with a result that can be fetched: [`Executor::resume`] goes on with it.
    ///
    /// [`Executor::resume`]: crate::executor::Executor::resume
    Alive,
}

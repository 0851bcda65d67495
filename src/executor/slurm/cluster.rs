//! What Slurm is asked for, and how that fails. Its programs answer; in tests, a script does.

use std::collections::BTreeMap;
use std::path::Path;

use crate::executor::slurm::state::{Job, JobId};

/// What Slurm can be asked for.
pub(crate) trait Cluster: Send + Sync {
    /// Submits a job that starts in a folder, to which the paths among the arguments are relative. Returns its id.
    fn submit(&self, arguments: &[String], script: &[u8], folder: &Path) -> Result<JobId, SlurmError>;
    /// All jobs with these names.
    fn queue(&self, names: &[String]) -> Result<BTreeMap<JobId, Job>, SlurmError>;
    /// Jobs that have left the queue, as far as there are accounts.
    fn accounts(&self, ids: &[JobId]) -> Result<BTreeMap<JobId, Job>, SlurmError>;
    /// Cancels those of some jobs that have this name: another cluster, and this one after it was set up anew, give the
    /// same ids to the jobs of others.
    fn cancel(&self, name: &str, ids: &[JobId]) -> Result<(), SlurmError>;
}

/// Why Slurm did not do what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SlurmError {
    /// A program of Slurm is not there.
    #[error("`{program}` does not start: {error}; is Slurm installed on this machine, and in PATH?")]
    NotInstalled {
        /// Its name.
        program: &'static str,
        /// The system's words.
        error: String,
    },
    /// Slurm does not answer for now.
    #[error("Slurm does not answer: {0}")]
    Silent(String),
    /// A limit on jobs is reached.
    #[error("`sbatch` takes no more jobs for now: {0}")]
    Full(String),
    /// Slurm does not want it, and will not later.
    #[error("`{program}` refused: {said}")]
    Refused {
        /// Its name.
        program: &'static str,
        /// Its words.
        said: String,
    },
}

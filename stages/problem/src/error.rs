//! What can be wrong with a problem's data.

use std::path::Path;

use nnf_contract::StageError;
use nnf_net::NetError;

/// What is wrong.
#[derive(Debug, thiserror::Error)]
pub enum ProblemError {
    /// The disk failed; the message names the file.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// A network is at fault.
    #[error("{0}")]
    Net(#[from] NetError),
    /// libtorch failed.
    #[error("libtorch: {0}")]
    Torch(#[from] tch::TchError),
    /// A file is not what it should be.
    #[error("{path}: {why}")]
    Unfit {
        /// The file.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// Parts do not fit together.
    #[error("{0}")]
    Misfit(String),
}

impl ProblemError {
    /// A file that is not what it should be.
    pub fn unfit(path: &Path, why: impl std::fmt::Display) -> Self {
        ProblemError::Unfit { path: path.display().to_string(), why: why.to_string() }
    }
}

impl From<StageError> for ProblemError {
    fn from(error: StageError) -> Self {
        ProblemError::Misfit(error.to_string())
    }
}

impl From<ProblemError> for StageError {
    fn from(error: ProblemError) -> Self {
        StageError::failed(error)
    }
}

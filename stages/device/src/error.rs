//! What can go wrong in profiling and fitting.

use nnf_contract::StageError;
use nnf_net::NetError;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// The disk failed; the message names the file.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// A network or its gates are at fault.
    #[error("{0}")]
    Net(#[from] NetError),
    /// A table is at fault.
    #[error("table: {0}")]
    Table(#[from] polars::error::PolarsError),
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

impl DeviceError {
    pub(crate) fn unfit(path: &std::path::Path, why: impl std::fmt::Display) -> Self {
        DeviceError::Unfit { path: path.display().to_string(), why: why.to_string() }
    }
}

impl From<DeviceError> for StageError {
    fn from(error: DeviceError) -> Self {
        StageError::failed(error)
    }
}

//! What can be wrong with a supernet or its data.

use nnf_net::NetError;

/// What is wrong.
#[derive(Debug, thiserror::Error)]
pub enum SupernetError {
    /// The disk failed; the message names the file.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// A network, its weights or its gates are at fault.
    #[error("{0}")]
    Net(#[from] NetError),
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

impl SupernetError {
    pub(crate) fn unfit(path: &std::path::Path, why: impl std::fmt::Display) -> Self {
        SupernetError::Unfit { path: path.display().to_string(), why: why.to_string() }
    }
}

//! What can go wrong in evaluation.

use nnf_contract::StageError;
use nnf_net::NetError;
use nnf_problem::ProblemError;
use nnf_supernet::SupernetError;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum EvaluationError {
    /// The disk failed; the message names the file.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// A network, its weights or its gates are at fault.
    #[error("{0}")]
    Net(#[from] NetError),
    /// The supernet or its data are at fault.
    #[error("{0}")]
    Supernet(#[from] SupernetError),
    /// The problem's data are at fault.
    #[error("{0}")]
    Problem(#[from] ProblemError),
    /// A table cannot be made.
    #[error("table: {0}")]
    Table(#[from] polars::error::PolarsError),
    /// What was asked for cannot be answered.
    #[error("{0}")]
    Misfit(String),
}

impl From<EvaluationError> for StageError {
    fn from(error: EvaluationError) -> Self {
        StageError::failed(error)
    }
}

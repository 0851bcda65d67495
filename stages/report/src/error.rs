//! What can go wrong in a report.

use nnf_contract::StageError;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReportError {
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("table: {0}")]
    Table(#[from] polars::error::PolarsError),
    #[error("{path}: {why}")]
    Unfit { path: String, why: String },
    #[error("drawing: {0}")]
    Drawing(String),
    #[error("{0}")]
    Misfit(String),
}

impl From<ReportError> for StageError {
    fn from(error: ReportError) -> Self {
        StageError::failed(error)
    }
}

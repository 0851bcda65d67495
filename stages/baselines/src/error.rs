//! What can go wrong in the baselines.

use nnf_contract::StageError;
use nnf_device::DeviceError;
use nnf_evaluation::EvaluationError;
use nnf_net::NetError;
use nnf_problem::ProblemError;
use nnf_supernet::SupernetError;
use nnf_training::TrainingError;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    /// The disk failed; the message names the file.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// A network or its weights are at fault.
    #[error("{0}")]
    Net(#[from] NetError),
    /// The tasks or their samples are at fault.
    #[error("{0}")]
    Supernet(#[from] SupernetError),
    /// The problem's data are at fault.
    #[error("{0}")]
    Problem(#[from] ProblemError),
    /// Training failed, or was asked to stop.
    #[error("{0}")]
    Training(#[from] TrainingError),
    /// A network cannot be asked its samples.
    #[error("{0}")]
    Evaluation(#[from] EvaluationError),
    /// Latency cannot be predicted or measured.
    #[error("{0}")]
    Device(#[from] DeviceError),
    /// A table cannot be made.
    #[error("table: {0}")]
    Table(#[from] polars::error::PolarsError),
    /// A document cannot be written or read.
    #[error("document: {0}")]
    Json(#[from] serde_json::Error),
    /// Latency has to be measured, but not here.
    #[error(
        "`prune-and-tune-unrestricted` measures what it prunes to a latency budget, and this machine is not the \
         predictor's device: run it there, or leave the method out of `methods`, or ask for `memory_mb` or `macs_shares`"
    )]
    NotTheDevice,
    /// Parts do not fit together.
    #[error("{0}")]
    Misfit(String),
    /// The stage was asked to stop, or cannot go on.
    #[error("{0}")]
    Stage(StageError),
}

impl From<StageError> for BaselineError {
    fn from(error: StageError) -> Self {
        BaselineError::Stage(error)
    }
}

impl From<BaselineError> for StageError {
    fn from(error: BaselineError) -> Self {
        match error {
            BaselineError::Stage(error) => error,
            BaselineError::Training(error) => error.into(),
            other => StageError::failed(other),
        }
    }
}

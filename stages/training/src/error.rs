//! What can go wrong in training.

use nnf_contract::StageError;
use nnf_net::NetError;
use nnf_problem::ProblemError;
use nnf_supernet::SupernetError;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum TrainingError {
    /// The disk failed; the message names the file.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// A network or its weights are at fault.
    #[error("{0}")]
    Net(#[from] NetError),
    /// The problem's data are at fault.
    #[error("{0}")]
    Problem(#[from] ProblemError),
    /// The supernet is at fault.
    #[error("{0}")]
    Supernet(#[from] SupernetError),
    /// libtorch failed.
    #[error("libtorch: {0}")]
    Torch(#[from] tch::TchError),
    /// A table cannot be made.
    #[error("table: {0}")]
    Table(#[from] polars::error::PolarsError),
    /// The training diverged.
    #[error(
        "step {step}: the loss or its gradient is not finite (learning rate {rate:.1e}, seed {seed}); a lower `learning_rate` helps"
    )]
    NotFinite {
        /// The step.
        step: u64,
        /// Its learning rate.
        rate: f64,
        /// Seed of the draws.
        seed: u64,
    },
    /// Parts do not fit together.
    #[error("{0}")]
    Misfit(String),
    /// The engine asked the training to stop; its state is saved.
    #[error("stopped on request")]
    Cancelled,
}

impl From<TrainingError> for StageError {
    fn from(error: TrainingError) -> Self {
        match error {
            TrainingError::Cancelled => StageError::Cancelled,
            other => StageError::failed(other),
        }
    }
}

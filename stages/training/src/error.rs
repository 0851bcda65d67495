//! What can go wrong in training.

use nnf_contract::StageError;
use nnf_net::NetError;
use nnf_supernet::SupernetError;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TrainingError {
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("{0}")]
    Net(#[from] NetError),
    #[error("{0}")]
    Supernet(#[from] SupernetError),
    #[error("libtorch: {0}")]
    Torch(#[from] tch::TchError),
    #[error("table: {0}")]
    Table(#[from] polars::error::PolarsError),
    #[error(
        "step {step}: the loss is not finite (learning rate {rate:.1e}, seed {seed}); a lower `learning_rate` helps"
    )]
    NotFinite { step: u64, rate: f64, seed: u64 },
    #[error("{0}")]
    Misfit(String),
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

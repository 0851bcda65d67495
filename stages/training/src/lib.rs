//! Training: the network to count digits, then network and assembler together (paper §3.4).
//!
//! Every random draw is a function of the seed and the step, and all that changes is in the checkpoint, so a killed
//! training continues and ends with the same bytes as an undisturbed one on the same CPU with the same number of
//! threads; a GPU's sums may differ in the last bits.

mod adamw;
mod checkpoint;
mod counting;
mod error;
mod initial;
mod joint;
mod learner;
mod muon;
mod optimiser;
pub mod place;
mod pretrain_kind;
mod progress;
mod schedule;
mod session;
mod train_kind;

pub use adamw::AdamW;
pub use error::TrainingError;
pub use initial::initial;
pub use learner::Learner;
pub use optimiser::{Method, OptimiserConfig, OptimiserParameters};
pub use progress::Watch;
pub use session::{History, Session, Work};

/// The kinds of stage that this crate offers.
#[must_use]
pub fn offers() -> Vec<nnf_contract::Offer> {
    vec![pretrain_kind::offer(), train_kind::offer()]
}

#[cfg(test)]
mod tests;

//! Joint training of network and assembler (paper §3.4), and what all trainings share. It is generic over the problem.
//!
//! Every random draw is a function of the seed and the step, and all that changes is in the checkpoint, so a killed
//! training continues and ends with the same bytes as an undisturbed one on the same CPU with the same number of
//! threads; a GPU's sums may differ in the last bits.

mod adamw;
mod checkpoint;
mod error;
mod initial;
mod joint;
mod learner;
mod muon;
mod optimiser;
pub mod place;
mod progress;
mod schedule;
mod session;
mod train_kind;

pub use adamw::AdamW;
pub use error::TrainingError;
pub use initial::{initial, initial_input};
pub use learner::Learner;
pub use optimiser::{Method, OptimiserConfig, OptimiserParameters};
pub use progress::Watch;
pub use schedule::one_cycle;
pub use session::{History, Session, Work};

/// The kinds of stage that this crate offers for a problem.
#[must_use]
pub fn offers<P: nnf_problem::Problem>() -> Vec<nnf_contract::Offer> {
    vec![train_kind::offer::<P>()]
}

#[cfg(test)]
mod tests;

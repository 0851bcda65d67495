//! NumVQA: yes-or-no questions about four handwritten digits in a picture (paper §5.1), such as "are exactly two of
//! them odd?".
//!
//! The kinds of all generic rooms are offered here under `numvqa.`, and one that only digits have: a network learns to
//! count them before it learns to answer questions.

mod augment;
mod counting;
mod digits;
mod numvqa;
mod pretrain_kind;
mod questions;

pub use augment::Augmentation;
pub use digits::{Digits, SampleSplit};
pub use numvqa::NumVqa;
pub use questions::Questions;

/// The kinds of stage that this crate offers.
#[must_use]
pub fn offers() -> Vec<nnf_contract::Offer> {
    let rooms = [
        nnf_training::offers::<NumVqa>(),
        nnf_evaluation::offers_of::<NumVqa>(),
        nnf_baselines::offers::<NumVqa>(),
        nnf_search::offers::<NumVqa>(),
    ];
    std::iter::once(pretrain_kind::offer()).chain(rooms.into_iter().flatten()).collect()
}

#[cfg(test)]
mod tests;

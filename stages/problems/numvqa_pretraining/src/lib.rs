//! What digits alone have: a network learns to count them before it learns to answer questions.
//!
//! It is a crate of its own so that a change of it, or of training, makes no evaluation of NumVQA stale.

mod counting;
mod pretrain_kind;

/// The kinds of stage that this crate offers.
#[must_use]
pub fn offers() -> Vec<nnf_contract::Offer> {
    vec![pretrain_kind::offer()]
}

#[cfg(test)]
mod tests;

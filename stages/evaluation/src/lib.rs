//! Gate vectors, extraction of subnets, and accuracy by task and limit.
//!
//! It takes a trained supernet as it is; it does not know training, devices or tables' layout.

mod accuracy;
mod draw;
mod error;
mod evaluate_kind;
mod extract;
mod gates_kinds;
mod subnet;

pub use accuracy::{Accuracy, accuracy};
pub use error::EvaluationError;
pub use subnet::Subnet;

/// The kinds of stage that this crate offers.
#[must_use]
pub fn offers() -> Vec<nnf_contract::Offer> {
    vec![gates_kinds::draw_offer(), gates_kinds::assemble_offer(), extract::offer(), evaluate_kind::offer()]
}

#[cfg(test)]
mod tests;

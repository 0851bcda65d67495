//! Gate vectors, extraction of subnets, and accuracy by task and limit.
//!
//! It takes a trained supernet as it is; it does not know training, devices or tables' layout.

mod draw;
mod error;
mod evaluate_kind;
mod extract;
mod gates_kinds;
mod quality;
mod rows;
mod similarity;
mod similarity_kind;
mod snapshots_kind;
mod subnet;
mod tasks;

pub use error::EvaluationError;
pub use quality::quality;
pub use subnet::Subnet;
pub use tasks::{file_name, named};

/// The kinds of stage that this crate offers for any problem.
#[must_use]
pub fn offers() -> Vec<nnf_contract::Offer> {
    vec![gates_kinds::draw_offer(), gates_kinds::assemble_offer(), similarity_kind::offer(), extract::offer()]
}

/// The kinds of stage that this crate offers for one problem.
#[must_use]
pub fn offers_of<P: nnf_problem::Problem>() -> Vec<nnf_contract::Offer> {
    vec![evaluate_kind::offer::<P>(), snapshots_kind::offer::<P>()]
}

#[cfg(test)]
mod comparison_tests;
#[cfg(test)]
mod tests;

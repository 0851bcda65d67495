//! The scenario sweep: the best subnet for a task within a device's budgets (paper §3.5, Algorithm 1).

mod calibration;
mod candidates;
mod choose;
mod fit;
mod given;
mod judge;
mod results;
mod scenario;
mod sweep_kind;

pub use choose::{Candidate, Choice, choose};

/// The kinds of stage that this crate offers for a problem.
#[must_use]
pub fn offers<P: nnf_problem::Problem>() -> Vec<nnf_contract::Offer> {
    vec![sweep_kind::offer::<P>()]
}

#[cfg(test)]
mod judge_tests;
#[cfg(test)]
mod speed;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod toy;

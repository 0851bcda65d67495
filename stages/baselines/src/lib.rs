//! The paper's baselines (§5.1): a network retrained for each task, and a unified network pruned by dependency graph
//! (DepGraph: Fang et al., CVPR 2023) and fine-tuned for each scenario.
//!
//! Training is that of `nnf-training`, removing channels that of `nnf-net`; here are importance, budgets and when a
//! training has converged.

mod budget;
mod convergence;
mod error;
mod heads;
mod importance;
mod parameters;
mod prune_tune_kind;
mod pruned;
mod pruning;
mod results;
mod retrain_kind;
mod samples;
mod sparsity;
mod tuner;
mod tuning;
mod unified_kind;
mod units;

pub use error::BaselineError;
pub use importance::{Slice, importance, slices};
pub use pruning::{Ranking, Scope};

/// The kinds of stage that this crate offers for a problem.
#[must_use]
pub fn offers<P: nnf_problem::Problem>() -> Vec<nnf_contract::Offer> {
    vec![retrain_kind::offer::<P>(), unified_kind::offer::<P>(), prune_tune_kind::offer::<P>()]
}

#[cfg(test)]
mod tests;

//! Chooses among the subnets that the assembler offers at all limits.
//!
//! The paper's Algorithm 1 raises the limit until a budget is violated; kept modules need not grow with the limit, so
//! here all limits are looked at and the largest subnet that fits is taken.

use nnf_device::{Budget, Micros};
use nnf_net::Bytes;

/// A subnet that the assembler offers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// Limit that it was made for.
    pub limit: f64,
    /// Modules that it keeps.
    pub kept: usize,
    /// Predicted latency.
    pub latency: Micros,
    /// Memory counted from its graph.
    pub memory: Bytes,
}

/// The outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Position of a candidate that fits.
    Fits(usize),
    /// Nothing fits; position of the candidate that is nearest to the budget.
    Nearest(usize),
}

/// How far a candidate is beyond a budget: 1 is just within, 2 twice the budget.
pub(crate) fn excess(candidate: &Candidate, budget: &Budget) -> f64 {
    let latency = budget.latency.map_or(0.0, |budget| candidate.latency.0 / budget.0.max(1e-9));
    let memory = budget.memory.map_or(0.0, |budget| candidate.memory.0 as f64 / budget.0.max(1) as f64);
    latency.max(memory)
}

/// The largest candidate within a budget of which a share of the latency is left free: most kept modules, then least
/// latency. Where none is, the one nearest to that, which may yet be within the whole budget. `None` if there are no
/// candidates.
#[must_use]
pub fn choose(candidates: &[Candidate], budget: &Budget, margin: f64) -> Option<Choice> {
    let careful = budget.leaving(margin);
    let excess = |at: usize, budget: &Budget| excess(&candidates[at], budget);
    let larger = |a: &usize, b: &usize| {
        let (one, two) = (&candidates[*a], &candidates[*b]);
        one.kept.cmp(&two.kept).then(two.latency.0.total_cmp(&one.latency.0)).then(b.cmp(a))
    };
    let largest = (0..candidates.len()).filter(|at| excess(*at, &careful) <= 1.0).max_by(larger);
    let nearer = |a: &usize, b: &usize| excess(*a, &careful).total_cmp(&excess(*b, &careful));
    let nearest = || (0..candidates.len()).min_by(nearer);
    let within = |at: usize| if excess(at, budget) <= 1.0 { Choice::Fits(at) } else { Choice::Nearest(at) };
    largest.or_else(nearest).map(within)
}

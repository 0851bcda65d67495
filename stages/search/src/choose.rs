//! Chooses among the subnets that the assembler offers at all limits.
//!
//! The paper's Algorithm 1 raises the limit until a budget is violated; kept modules need not grow with the limit, so here
//! all limits are looked at and the largest subnet that fits is taken. It does not know where costs come from.

use nnf_device::Micros;
use nnf_net::Bytes;

/// What a subnet may cost. What is `None` is not limited.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Budget {
    /// Greatest latency.
    pub latency: Option<Micros>,
    /// Greatest memory.
    pub memory: Option<Bytes>,
}

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
    /// Position of the largest candidate that fits.
    Fits(usize),
    /// Nothing fits; position of the candidate that is nearest to the budget.
    Nearest(usize),
}

impl Budget {
    /// The same with a share of the latency left free, since predictions are somewhat wrong.
    #[must_use]
    pub fn leaving(&self, margin: f64) -> Self {
        Budget { latency: self.latency.map(|latency| Micros(latency.0 * (1.0 - margin))), ..*self }
    }

    /// How far a candidate is beyond the budget: 1 is just within, 2 twice the budget.
    fn excess(&self, candidate: &Candidate) -> f64 {
        let latency = self.latency.map_or(0.0, |budget| candidate.latency.0 / budget.0.max(1e-9));
        let memory = self.memory.map_or(0.0, |budget| candidate.memory.0 as f64 / budget.0.max(1) as f64);
        latency.max(memory)
    }
}

/// The largest candidate within a budget: most kept modules, then least latency. `None` if there are no candidates.
#[must_use]
pub fn choose(candidates: &[Candidate], budget: &Budget) -> Option<Choice> {
    let fits = |at: &usize| budget.excess(&candidates[*at]) <= 1.0;
    let larger = |a: &usize, b: &usize| {
        let (one, two) = (&candidates[*a], &candidates[*b]);
        one.kept.cmp(&two.kept).then(two.latency.0.total_cmp(&one.latency.0)).then(b.cmp(a))
    };
    let nearer = |a: &usize, b: &usize| budget.excess(&candidates[*a]).total_cmp(&budget.excess(&candidates[*b]));
    let largest = (0..candidates.len()).filter(fits).max_by(larger).map(Choice::Fits);
    largest.or_else(|| (0..candidates.len()).min_by(nearer).map(Choice::Nearest))
}

//! The different subnets that an assembler offers for a task at all limits, with their predicted costs.

use std::collections::BTreeSet;

use nnf_contract::StageError;
use nnf_device::{Budget, DeviceError, Estimator};
use nnf_net::GateVector;
use nnf_supernet::{Assembled, Requirement, Supernet};
use rayon::prelude::*;

use crate::choose::{Candidate, excess};

/// Different subnets, each with its costs.
#[derive(Debug, Default)]
pub(crate) struct Candidates {
    pub(crate) made: Vec<Assembled>,
    pub(crate) candidates: Vec<Candidate>,
}

impl Candidates {
    /// Whether importance pruning removed modules from what the assembler made.
    pub(crate) fn is_cut(&self, at: usize) -> bool {
        self.made[at].gates.ratio() < self.made[at].generated
    }

    /// Of what the assembler made and nothing cut, the nearest of those beyond a budget.
    pub(crate) fn nearest_beyond(&self, budget: &Budget) -> Option<usize> {
        let over = |at: &usize| excess(&self.candidates[*at], budget);
        let beyond = (0..self.made.len()).filter(|at| !self.is_cut(*at) && over(at) > 1.0);
        beyond.min_by(|a, b| over(a).total_cmp(&over(b)))
    }
}

/// So many limits from the least one to 1, each by the same factor above the one before: small networks, of which budgets
/// ask most, differ by as much as large ones.
pub(crate) fn limits(count: usize, least: f64) -> Vec<f64> {
    let steps = count.saturating_sub(1).max(1) as f64;
    (0..count).map(|step| least.powf(1.0 - step as f64 / steps)).collect()
}

/// One forward pass of the assembler for all limits, and the cost of each different vector.
pub(crate) fn candidates(
    supernet: &Supernet,
    estimator: &Estimator,
    bits: &[bool],
    limits: &[f64],
) -> Result<Candidates, StageError> {
    let requirements: Vec<Requirement> =
        limits.iter().map(|limit| Requirement { bits: bits.to_vec(), limit: *limit }).collect();
    let made = supernet.assembled(&requirements).map_err(StageError::failed)?;
    let mut seen: BTreeSet<Vec<bool>> = BTreeSet::new();
    let (made, limits): (Vec<Assembled>, Vec<f64>) =
        made.into_iter().zip(limits.iter().copied()).filter(|(one, _)| seen.insert(one.gates.flat())).unzip();
    let costs = made.par_iter().zip(&limits).map(|(one, limit)| candidate(estimator, &one.gates, *limit));
    let candidates = costs.collect::<Result<Vec<Candidate>, DeviceError>>()?;
    Ok(Candidates { made, candidates })
}

/// A gate vector's costs.
pub(crate) fn candidate(estimator: &Estimator, gates: &GateVector, limit: f64) -> Result<Candidate, DeviceError> {
    let (latency, memory) = estimator.cost(gates)?;
    Ok(Candidate { limit, kept: gates.kept(), latency, memory })
}

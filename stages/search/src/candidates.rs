//! The different subnets that an assembler offers for a task at all limits, with their predicted costs.
//!
//! It does not know budgets.

use std::collections::BTreeSet;

use nnf_contract::StageError;
use nnf_device::Estimator;
use nnf_net::GateVector;
use nnf_supernet::{Requirement, Supernet};
use rayon::prelude::*;

use crate::choose::Candidate;

/// Gate vectors, each with its costs.
#[derive(Debug, Default)]
pub(crate) struct Candidates {
    pub(crate) gates: Vec<GateVector>,
    pub(crate) candidates: Vec<Candidate>,
}

/// Limits evenly spaced up to 1, from the least that is looked at.
pub(crate) fn limits(count: usize, least: f64) -> Vec<f64> {
    (1..=count).map(|step| step as f64 / count as f64).filter(|limit| *limit >= least - 1e-9).collect()
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
    let made = supernet.assemble(&requirements).map_err(StageError::failed)?;
    let mut seen: BTreeSet<Vec<bool>> = BTreeSet::new();
    let different = |(vector, _): &(GateVector, f64)| seen.insert(vector.flat());
    let made: Vec<(GateVector, f64)> = made.into_iter().zip(limits.iter().copied()).filter(different).collect();
    let cost = |(vector, limit): &(GateVector, f64)| {
        let (latency, memory) = estimator.cost(vector)?;
        Ok(Candidate { limit: *limit, kept: vector.kept(), latency, memory })
    };
    let candidates = made.par_iter().map(cost).collect::<Result<Vec<Candidate>, nnf_device::DeviceError>>()?;
    Ok(Candidates { gates: made.into_iter().map(|(vector, _)| vector).collect(), candidates })
}

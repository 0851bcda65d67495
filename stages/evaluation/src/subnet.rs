//! A subnet: the slice of a supernet for a requirement, with batch norms folded, ready to be deployed.
//!
//! It does not know devices.

use nnf_net::{Counts, GateVector, Model, fold_batch_norms, slice};
use nnf_supernet::Supernet;

use crate::error::EvaluationError;

/// A sliced and folded subnet.
#[derive(Debug)]
pub struct Subnet {
    /// Network without gates and batch norms, and its weights.
    pub model: Model,
    /// What it costs.
    pub counts: Counts,
}

impl Subnet {
    /// Slices a supernet by gates.
    ///
    /// # Errors
    /// When the gates do not fit.
    pub fn of(supernet: &Supernet, gates: &GateVector) -> Result<Self, EvaluationError> {
        let (network, weights) = slice(&supernet.model.network, &supernet.model.weights, gates)?;
        let (network, weights) = fold_batch_norms(&network, &weights)?;
        let counts = Counts::of(&network);
        Ok(Subnet { model: Model { network, weights }, counts })
    }
}

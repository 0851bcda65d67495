//! A subnet: the slice of a supernet for a requirement, with batch norms folded, ready to be deployed.

use nnf_net::{Counts, GateVector, Model};
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
        let model = supernet.model.deployed(gates)?;
        Ok(Subnet { counts: Counts::of(&model.network), model })
    }
}

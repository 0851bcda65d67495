//! The subnet for a scenario: one that the assembler makes; where those that fit were cut by importance, one that is made
//! to fit by what its modules cost.
//!
//! It does not know what is done with it.

use nnf_contract::StageError;
use nnf_device::{Budget, DeviceError, Estimator};
use nnf_net::{GateVector, NetError};
use nnf_supernet::{Requirement, Supernet};
use tch::Kind;

use crate::candidates::{Candidates, candidate, candidates};
use crate::choose::{Candidate, Choice, choose, excess};
use crate::fit::fit;

/// All that is on offer for a task.
pub(crate) struct Search<'a> {
    supernet: &'a Supernet,
    estimator: &'a Estimator<'a>,
    bits: &'a [bool],
    found: Candidates,
    /// How many of them the assembler made; those that were made to fit follow.
    made: usize,
}

impl<'a> Search<'a> {
    pub(crate) fn new(
        supernet: &'a Supernet,
        estimator: &'a Estimator<'a>,
        bits: &'a [bool],
        limits: &[f64],
    ) -> Result<Self, StageError> {
        let found = candidates(supernet, estimator, bits, limits)?;
        Ok(Search { supernet, estimator, bits, made: found.candidates.len(), found })
    }

    /// The gates and costs at a position.
    pub(crate) fn at(&self, at: usize) -> (&GateVector, Candidate) {
        (&self.found.gates[at], self.found.candidates[at])
    }

    /// The how-manieth one that was made to fit, from 1; `None` for one that the assembler made.
    pub(crate) fn fitted(&self, at: usize) -> Option<usize> {
        (at + 1).checked_sub(self.made).filter(|number| *number > 0)
    }

    /// The position of the subnet for a budget; `None` if nothing is on offer. With `to_fit` a cut one, and one that does
    /// not fit, gives way to one that is made to fit.
    pub(crate) fn choose(&mut self, budget: &Budget, margin: f64, to_fit: bool) -> Result<Option<Choice>, StageError> {
        let choice = choose(&self.found.candidates[..self.made], budget, margin);
        let good = matches!(choice, Some(Choice::Fits(at)) if !self.found.cut[at]);
        if good || !to_fit {
            return Ok(choice);
        }
        Ok(self.make(&budget.leaving(margin))?.map(Choice::Fits).or(choice))
    }

    /// Makes the assembler's own subnet that is nearest to a budget fit.
    fn make(&mut self, budget: &Budget) -> Result<Option<usize>, StageError> {
        let over = |at: &usize| excess(&self.found.candidates[*at], budget);
        let own = (0..self.made).filter(|at| !self.found.cut[*at]);
        let Some(start) = own.min_by(|a, b| over(a).total_cmp(&over(b))) else { return Ok(None) };
        let limit = self.found.candidates[start].limit;
        let asked = Requirement { bits: self.bits.to_vec(), limit };
        let logits = self.supernet.logits(&[asked]).map_err(StageError::failed)?.to_kind(Kind::Double).view([-1]);
        let logits = Vec::<f64>::try_from(logits).map_err(NetError::Torch).map_err(StageError::failed)?;
        let essential = self.supernet.model.network.essential_layers();
        let used = |gates: &GateVector| -> Result<f64, DeviceError> {
            Ok(excess(&candidate(self.estimator, gates, limit)?, budget))
        };
        let Some(gates) = fit(&self.found.gates[start], &logits, &essential, &used)? else { return Ok(None) };
        if let Some(known) = self.found.gates.iter().position(|known| *known == gates) {
            return Ok(Some(known));
        }
        self.found.candidates.push(candidate(self.estimator, &gates, limit)?);
        self.found.gates.push(gates);
        Ok(Some(self.found.gates.len() - 1))
    }
}

//! The subnet for a scenario: one that the assembler makes; where those that fit were cut by importance, one that is made
//! to fit by what its modules cost.

use nnf_contract::StageError;
use nnf_device::{Budget, DeviceError, Estimator};
use nnf_net::GateVector;
use nnf_supernet::Supernet;

use crate::candidates::{Candidates, candidate, candidates};
use crate::choose::{Candidate, Choice, choose, excess};
use crate::fit::fit;
use crate::judge::Judge;

/// Whether subnets are made to fit where the assembler's are cut by importance or do not fit.
pub(crate) enum Fitting<'a> {
    /// They are not.
    Never,
    /// They are taken unseen.
    Always,
    /// They are taken if they answer no worse than the cut one, or, where none fits, better than a guess.
    Judged(Box<dyn Judge + 'a>),
}

/// All that is on offer for a task.
pub(crate) struct Search<'a> {
    estimator: &'a Estimator<'a>,
    essential: Vec<bool>,
    fitting: Fitting<'a>,
    found: Candidates,
    /// Those that were made to fit; their positions follow the others'.
    fitted: Vec<(GateVector, Candidate)>,
}

impl<'a> Search<'a> {
    pub(crate) fn new(
        supernet: &Supernet,
        estimator: &'a Estimator<'a>,
        bits: &[bool],
        limits: &[f64],
        fitting: Fitting<'a>,
    ) -> Result<Self, StageError> {
        let found = candidates(supernet, estimator, bits, limits)?;
        let essential = supernet.model.network.essential_layers();
        Ok(Search { estimator, essential, fitting, found, fitted: Vec::new() })
    }

    /// The gates and costs at a position.
    pub(crate) fn at(&self, at: usize) -> (&GateVector, Candidate) {
        match at.checked_sub(self.found.made.len()) {
            None => (&self.found.made[at].gates, self.found.candidates[at]),
            Some(at) => (&self.fitted[at].0, self.fitted[at].1),
        }
    }

    /// The how-manieth one that was made to fit, from 1; `None` for one that the assembler made.
    pub(crate) fn fitted(&self, at: usize) -> Option<usize> {
        (at + 1).checked_sub(self.found.made.len()).filter(|number| *number > 0)
    }

    /// The position of the subnet for a budget of which a share is left free; `None` if nothing is on offer.
    pub(crate) fn choose(&mut self, budget: &Budget, margin: f64) -> Result<Option<Choice>, StageError> {
        let choice = choose(&self.found.candidates, budget, margin);
        let good = matches!(choice, Some(Choice::Fits(at)) if !self.found.is_cut(at));
        if good || matches!(self.fitting, Fitting::Never) {
            return Ok(choice);
        }
        let made = match (self.make(&budget.leaving(margin))?, &choice) {
            (None, Some(Choice::Fits(_))) => None,
            // Rather within the budget with nothing left free than beyond it.
            (None, _) => self.make(budget)?,
            (made, _) => made,
        };
        let Some(made) = made else { return Ok(choice) };
        let gates = |at: usize| self.at(at).0;
        let taken = match (&self.fitting, choice) {
            (Fitting::Judged(judge), Some(Choice::Fits(cut))) => judge.prefers(gates(made), gates(cut))?,
            (Fitting::Judged(judge), _) => judge.finds_useful(gates(made))?,
            (Fitting::Always | Fitting::Never, _) => true,
        };
        Ok(if taken { Some(Choice::Fits(made)) } else { choice })
    }

    /// Makes the assembler's own subnet fit that is the nearest of those beyond a budget.
    fn make(&mut self, budget: &Budget) -> Result<Option<usize>, StageError> {
        let Some(start) = self.found.nearest_beyond(budget) else { return Ok(None) };
        let (start, limit) = (&self.found.made[start], self.found.candidates[start].limit);
        let cost = |gates: &GateVector| candidate(self.estimator, gates, limit);
        let used = |gates: &GateVector| Ok::<f64, DeviceError>(excess(&cost(gates)?, budget));
        let Some(gates) = fit(&start.gates, &start.logits, &self.essential, &used)? else { return Ok(None) };
        let all = self.found.made.len() + self.fitted.len();
        if let Some(known) = (0..all).find(|at| *self.at(*at).0 == gates) {
            return Ok(Some(known));
        }
        let cost = cost(&gates)?;
        self.fitted.push((gates, cost));
        Ok(Some(all))
    }
}

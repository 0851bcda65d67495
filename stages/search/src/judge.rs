//! Judges subnets by a few validation samples of a task, before one is chosen.

use nnf_contract::StageError;
use nnf_evaluation::{Accuracy, Subnet, accuracy};
use nnf_net::GateVector;
use nnf_supernet::{Digits, Index, Supernet};

/// Samples of one task.
pub(crate) struct Judge<'a> {
    supernet: &'a Supernet,
    digits: &'a Digits,
    index: &'a Index,
    rows: Vec<usize>,
}

impl<'a> Judge<'a> {
    /// The first so many samples of a task.
    pub(crate) fn new(
        supernet: &'a Supernet,
        digits: &'a Digits,
        index: &'a Index,
        (task, samples): (usize, usize),
    ) -> Self {
        let mut rows = index.of_task(task);
        rows.truncate(samples);
        Judge { supernet, digits, index, rows }
    }

    /// Whether a subnet answers no worse than another.
    pub(crate) fn prefers(&self, one: &GateVector, other: &GateVector) -> Result<bool, StageError> {
        let found = self.of(one)?;
        Ok(found.right == found.samples || found.right >= self.of(other)?.right)
    }

    /// How many answers of a subnet are right.
    fn of(&self, gates: &GateVector) -> Result<Accuracy, StageError> {
        let subnet = Subnet::of(self.supernet, gates)?;
        Ok(accuracy(&subnet.model, self.digits, self.index, &self.rows)?)
    }

    /// Whether a subnet is surely right more often than the commoner answer is, which needs no network.
    pub(crate) fn finds_useful(&self, gates: &GateVector) -> Result<bool, StageError> {
        let yes = self.rows.iter().filter(|row| self.index.label[**row] == 1).count();
        let commoner = yes.max(self.rows.len() - yes) as f64 / self.rows.len().max(1) as f64;
        Ok(self.of(gates)?.interval().0 > commoner)
    }
}

//! Judges subnets by a few validation samples of a task, before one is chosen.

use nnf_contract::StageError;
use nnf_evaluation::{Subnet, quality};
use nnf_net::GateVector;
use nnf_problem::{Problem, Quality, Samples};
use nnf_supernet::Supernet;

/// Judges subnets for one task.
pub(crate) trait Judge {
    /// Whether a subnet answers no worse than another.
    fn prefers(&self, one: &GateVector, other: &GateVector) -> Result<bool, StageError>;
    /// Whether a subnet surely answers better than can be done without a network.
    fn finds_useful(&self, gates: &GateVector) -> Result<bool, StageError>;
}

/// By samples of the task.
pub(crate) struct BySamples<'a, P: Problem> {
    supernet: &'a Supernet,
    problem: &'a P,
    samples: &'a P::Samples,
    rows: Vec<usize>,
}

impl<'a, P: Problem> BySamples<'a, P> {
    /// The first so many samples of a task.
    pub(crate) fn new(
        supernet: &'a Supernet,
        problem: &'a P,
        samples: &'a P::Samples,
        (task, most): (usize, usize),
    ) -> Self {
        let mut rows = samples.of_task(task);
        rows.truncate(most);
        BySamples { supernet, problem, samples, rows }
    }

    /// How good the answers of a subnet are.
    fn of(&self, gates: &GateVector) -> Result<Quality, StageError> {
        let subnet = Subnet::of(self.supernet, gates)?;
        Ok(quality(&subnet.model, self.problem, self.samples, &self.rows)?)
    }
}

impl<P: Problem> Judge for BySamples<'_, P> {
    fn prefers(&self, one: &GateVector, other: &GateVector) -> Result<bool, StageError> {
        let found = self.of(one)?.value;
        Ok(found >= 1.0 || found >= self.of(other)?.value)
    }

    fn finds_useful(&self, gates: &GateVector) -> Result<bool, StageError> {
        Ok(self.of(gates)?.low > self.problem.guess(self.samples, &self.rows))
    }
}

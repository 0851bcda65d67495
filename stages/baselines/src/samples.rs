//! Samples of some tasks as batches on a device.

use nnf_net::Random;
use nnf_problem::{Batch, Problem, Samples as _};
use tch::{Device, Tensor};

use crate::error::BaselineError;

/// Some rows of samples with the data that they name.
pub(crate) struct Samples<'a, P: Problem> {
    problem: &'a P,
    samples: &'a P::Samples,
    rows: Vec<usize>,
}

impl<'a, P: Problem> Samples<'a, P> {
    /// The first samples of a task, or of all tasks; `what` says in a message what they are for.
    pub(crate) fn of(
        (problem, samples): (&'a P, &'a P::Samples),
        task: Option<(usize, &str)>,
        most: usize,
        what: &str,
    ) -> Result<Self, BaselineError> {
        let mut rows = task.map_or_else(|| (0..samples.len()).collect(), |(task, _)| samples.of_task(task));
        rows.truncate(most);
        if rows.is_empty() {
            return Err(BaselineError::Misfit(match task {
                Some((_, name)) => format!(
                    "there are no samples of the task `{name}` to {what}; list it under `tasks`, and not under `unseen`, \
                     where samples are made"
                ),
                None => format!("there are no samples to {what} of the tasks that are trained"),
            }));
        }
        Ok(Samples { problem, samples, rows })
    }

    /// Their rows in the table of samples.
    pub(crate) fn rows(&self) -> &[usize] {
        &self.rows
    }

    /// The greatest number of a task among them.
    pub(crate) fn last_task(&self) -> i64 {
        self.rows.iter().map(|row| i64::from(self.samples.tasks()[*row])).max().unwrap_or(0)
    }

    /// The tasks of some rows, i64 `[B]`.
    pub(crate) fn tasks(&self, rows: &[usize], device: Device) -> Tensor {
        let tasks: Vec<i64> = rows.iter().map(|row| i64::from(self.samples.tasks()[*row])).collect();
        Tensor::from_slice(&tasks).to_device(device)
    }

    /// Some rows as a batch, changed at random where it says how.
    pub(crate) fn batch(
        &self,
        rows: &[usize],
        change: Option<(&P::Augmentation, &mut Random)>,
        device: Device,
    ) -> Result<Batch<P>, BaselineError> {
        Ok(self.problem.batch(self.samples, rows, change, device)?)
    }

    /// The value of the quality of the answers to all of them.
    pub(crate) fn quality(&self, answers: &[P::Answer]) -> f64 {
        self.problem.quality(self.samples, &self.rows, answers).value
    }

    /// Rows drawn with replacement.
    pub(crate) fn draw(&self, count: usize, random: &mut Random) -> Vec<usize> {
        (0..count).map(|_| self.rows[random.below(self.rows.len())]).collect()
    }
}

//! Samples of some tasks as batches on a device.

use nnf_net::Random;
use nnf_supernet::{Augmentation, Digits, Index};
use tch::{Device, Tensor};

use crate::error::BaselineError;

/// Some rows of an index with the digits that they name.
#[derive(Clone)]
pub(crate) struct Samples<'a> {
    digits: &'a Digits,
    index: &'a Index,
    rows: Vec<usize>,
}

/// Pictures float32 `[B, 1, 56, 56]`, right answers i64 `[B]` and tasks i64 `[B]`.
pub(crate) struct Batch {
    pub(crate) pictures: Tensor,
    pub(crate) labels: Tensor,
    pub(crate) tasks: Tensor,
}

impl<'a> Samples<'a> {
    /// The first samples of a task, or of all tasks; `what` says in a message what they are for.
    pub(crate) fn of(
        (digits, index): (&'a Digits, &'a Index),
        task: Option<(usize, &str)>,
        most: usize,
        what: &str,
    ) -> Result<Self, BaselineError> {
        let mut rows = task.map_or_else(|| (0..index.len()).collect(), |(task, _)| index.of_task(task));
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
        Ok(Samples { digits, index, rows })
    }

    pub(crate) fn index(&self) -> &'a Index {
        self.index
    }

    /// Their rows in the index.
    pub(crate) fn rows(&self) -> &[usize] {
        &self.rows
    }

    pub(crate) fn batch(&self, rows: &[usize], device: Device) -> Result<Batch, BaselineError> {
        self.augmented(rows, (&Augmentation::default(), &mut Random::of(0, &[])), device)
    }

    /// A batch of which the digits are changed at random.
    pub(crate) fn augmented(
        &self,
        rows: &[usize],
        change: (&Augmentation, &mut Random),
        device: Device,
    ) -> Result<Batch, BaselineError> {
        let digits: Vec<[u32; 4]> = rows.iter().map(|row| self.index.digits[*row]).collect();
        let whole = |f: &dyn Fn(usize) -> i64| {
            Tensor::from_slice(&rows.iter().map(|row| f(*row)).collect::<Vec<i64>>()).to_device(device)
        };
        Ok(Batch {
            pictures: self.digits.augmented(self.index.split, &digits, change, device)?,
            labels: whole(&|row| i64::from(self.index.label[row])),
            tasks: whole(&|row| i64::from(self.index.task[row])),
        })
    }

    /// Rows drawn with replacement.
    pub(crate) fn draw(&self, count: usize, random: &mut Random) -> Vec<usize> {
        (0..count).map(|_| self.rows[random.below(self.rows.len())]).collect()
    }
}

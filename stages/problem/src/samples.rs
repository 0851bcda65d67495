//! Samples: rows of a table, each with a task, some data that it names, and what is right.

use std::path::Path;

use crate::error::ProblemError;

/// The samples of a problem.
pub trait Samples: Sized {
    /// Reads a table.
    ///
    /// # Errors
    /// When it is no such table, or has no rows.
    fn load(path: &Path) -> Result<Self, ProblemError>;

    /// The task of each sample, a row of the table of tasks.
    fn tasks(&self) -> &[u16];

    /// Checks that a stage's input of this name holds samples that may be learnt from, or by which it may be chosen.
    ///
    /// # Errors
    /// When they are for the tables alone.
    fn check_to_learn(&self, input: &str) -> Result<(), ProblemError>;

    /// Some rows of them.
    #[must_use]
    fn select(&self, rows: &[usize]) -> Self;

    /// Number of samples.
    fn len(&self) -> usize {
        self.tasks().len()
    }

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.tasks().is_empty()
    }

    /// Positions of the samples of a task.
    fn of_task(&self, task: usize) -> Vec<usize> {
        (0..self.len()).filter(|at| usize::from(self.tasks()[*at]) == task).collect()
    }
}

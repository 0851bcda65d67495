//! The seam between the rooms that customise networks and what networks are asked.
//!
//! A [`Problem`] is a data set with a space of tasks: it turns rows of a table of samples into batches, says what a
//! network's outputs are worth, and judges answers. Training, evaluation, search and baselines are generic over it. Each
//! problem is a crate that knows none of these rooms; `nnf-stages` has them offer their kinds for it, under its name
//! (`numvqa.train`). So a change of one problem makes nothing of another stale, and one of a room nothing of another room.

mod error;
mod problem;
mod quality;
mod samples;
mod task_table;

pub use error::ProblemError;
pub use problem::{Batch, Problem, kind_name};
pub use quality::{Quality, share_right};
pub use samples::Samples;
pub use task_table::{TaskTable, column_of_numbers};

#[cfg(test)]
mod tests;

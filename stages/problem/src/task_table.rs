//! The tasks that a network may be asked: names, property bits, and which are trained on.

use std::path::Path;

use polars::prelude::*;

use crate::error::ProblemError;
use crate::samples::Samples;

/// The tasks of a problem, as rows of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskTable {
    /// Names, such as `only two odd`.
    pub names: Vec<String>,
    /// Property bits.
    pub bits: Vec<Vec<bool>>,
    /// Whether a task is trained on.
    pub seen: Vec<bool>,
    /// Whether a task is only there to be trained on, and never asked.
    pub further: Vec<bool>,
}

impl TaskTable {
    /// Reads the Parquet table of tasks.
    ///
    /// # Errors
    /// When it is no such table.
    pub fn load(path: &Path) -> Result<Self, ProblemError> {
        let frame = read(path)?;
        let unfit = |e: PolarsError| ProblemError::unfit(path, e);
        let missing = |name: &str| ProblemError::unfit(path, format!("a row has no `{name}`"));
        let text = |name: &str| -> Result<Vec<String>, ProblemError> {
            let column = frame.column(name).map_err(unfit)?.str().map_err(unfit)?;
            let values: Option<Vec<String>> = column.iter().map(|value| value.map(str::to_owned)).collect();
            values.ok_or_else(|| missing(name))
        };
        let flags = |name: &str| -> Result<Vec<bool>, ProblemError> {
            let values: Option<Vec<bool>> = frame.column(name).map_err(unfit)?.bool().map_err(unfit)?.iter().collect();
            values.ok_or_else(|| missing(name))
        };
        let texts = text("bits")?;
        let all = |bits: &String| {
            !bits.is_empty() && bits.len() == texts[0].len() && bits.bytes().all(|b| b"01".contains(&b))
        };
        if texts.is_empty() || !texts.iter().all(all) {
            let why = "there are no tasks, or their `bits` are not 0 and 1, as many for each";
            return Err(ProblemError::unfit(path, why));
        }
        let bits = texts.iter().map(|bits| bits.bytes().map(|bit| bit == b'1').collect()).collect::<Vec<Vec<bool>>>();
        // Samples name a task by its row.
        let numbers = frame.column("task").map_err(unfit)?.strict_cast(&DataType::UInt32).map_err(unfit)?;
        if !numbers.u32().map_err(unfit)?.iter().eq((0..).map(Some).take(bits.len())) {
            return Err(ProblemError::unfit(path, "`task` does not count its rows from 0: it was sorted or filtered"));
        }
        // A table that was not made here may have none.
        let further = if frame.column("further").is_ok() { flags("further")? } else { vec![false; bits.len()] };
        Ok(TaskTable { names: text("name")?, bits, seen: flags("seen")?, further })
    }

    /// Checks that there are the tasks that samples name.
    ///
    /// # Errors
    /// When a sample names a task that there is not.
    pub fn check(&self, samples: &impl Samples) -> Result<(), ProblemError> {
        match samples.tasks().iter().find(|task| usize::from(**task) >= self.names.len()) {
            None => Ok(()),
            Some(task) => {
                let count = self.names.len();
                Err(ProblemError::Misfit(format!(
                    "a sample names task {task}, but there are {count}: samples and tasks do not belong together"
                )))
            }
        }
    }

    /// Positions of the tasks that are asked.
    #[must_use]
    pub fn asked(&self) -> Vec<usize> {
        (0..self.names.len()).filter(|task| !self.further[*task]).collect()
    }

    /// Position of a task by name.
    ///
    /// # Errors
    /// When there is none; the message names some that there are.
    pub fn position(&self, name: &str) -> Result<usize, ProblemError> {
        self.names.iter().position(|known| known == name).ok_or_else(|| {
            let some: Vec<&str> = self.names.iter().step_by(7).take(6).map(String::as_str).collect();
            ProblemError::Misfit(format!("there is no task `{name}`; tasks are for instance {}", some.join(", ")))
        })
    }
}

fn read(path: &Path) -> Result<DataFrame, ProblemError> {
    nnf_results::table::read(path).map_err(|e| ProblemError::unfit(path, e))
}

/// A column of whole numbers, of which none is missing.
///
/// # Errors
/// When there is no such column, or a row of it has no such number.
pub fn column_of_numbers(frame: &DataFrame, name: &str, path: &Path) -> Result<Vec<u32>, ProblemError> {
    let unfit = |e: PolarsError| ProblemError::unfit(path, e);
    let column = frame.column(name).map_err(unfit)?;
    let values = column.strict_cast(&DataType::UInt32).map_err(unfit)?;
    let values: Option<Vec<u32>> = values.u32().map_err(unfit)?.iter().collect();
    values.ok_or_else(|| ProblemError::unfit(path, format!("a row has no `{name}`")))
}

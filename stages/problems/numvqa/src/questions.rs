//! Questions about pictures: a table of samples.

use std::path::Path;

use nnf_problem::{ProblemError, Samples, column_of_numbers};
use polars::prelude::*;

use crate::digits::SampleSplit;

/// Samples: a task, four digits, the answer; from the Parquet table of `numvqa.synthesize`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Questions {
    /// Task of each sample.
    pub task: Vec<u16>,
    /// Rows of its digits.
    pub digits: Vec<[u32; 4]>,
    /// Its answer, 0 or 1.
    pub label: Vec<u8>,
    /// Which digits the rows are of.
    pub split: SampleSplit,
}

impl Samples for Questions {
    fn load(path: &Path) -> Result<Self, ProblemError> {
        let frame = nnf_results::table::read(path).map_err(|e| ProblemError::unfit(path, e))?;
        let unfit = |e: PolarsError| ProblemError::unfit(path, e);
        let whole = |name: &str| column_of_numbers(&frame, name, path);
        let columns = [whole("d0")?, whole("d1")?, whole("d2")?, whole("d3")?];
        let digits =
            (0..frame.height()).map(|row| [0, 1, 2, 3].map(|position: usize| columns[position][row])).collect();
        let narrow =
            |values: Vec<u32>| values.into_iter().map(|v| u16::try_from(v).unwrap_or(u16::MAX)).collect::<Vec<u16>>();
        let label = whole("label")?.into_iter().map(|answer| u8::try_from(answer).ok().filter(|answer| *answer < 2));
        let label: Option<Vec<u8>> = label.collect();
        let label = label.ok_or_else(|| ProblemError::unfit(path, "a `label` is neither 0 nor 1"))?;
        let split = frame.column("split").map_err(unfit)?.str().map_err(unfit)?.unique().map_err(unfit)?;
        let splits: Vec<Option<&str>> = split.iter().collect();
        let split = match splits.as_slice() {
            [Some("train")] => SampleSplit::Train,
            [Some("test")] => SampleSplit::Test,
            [] => return Err(ProblemError::unfit(path, "it has no samples")),
            _ => return Err(ProblemError::unfit(path, "`split` is neither all `train` nor all `test`")),
        };
        Ok(Questions { task: narrow(whole("task")?), digits, label, split })
    }

    fn tasks(&self) -> &[u16] {
        &self.task
    }

    fn select(&self, rows: &[usize]) -> Self {
        Questions {
            task: rows.iter().map(|row| self.task[*row]).collect(),
            digits: rows.iter().map(|row| self.digits[*row]).collect(),
            label: rows.iter().map(|row| self.label[*row]).collect(),
            split: self.split,
        }
    }

    fn check_to_learn(&self, input: &str) -> Result<(), ProblemError> {
        match self.split {
            SampleSplit::Train => Ok(()),
            SampleSplit::Test => Err(ProblemError::Misfit(format!(
                "the samples of `{input}` are of test digits, which only tables may be made with: give `{input}` a table of \
                 {input} samples"
            ))),
        }
    }
}

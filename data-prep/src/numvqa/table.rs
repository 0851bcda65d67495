//! Samples and tasks as Parquet tables, and a summary for people.
//!
//! Samples: `task` u16, `d0`–`d3` u32 (rows of the digits of the split: top left, top right, bottom left, bottom right),
//! `label` u8 (0 or 1), `split` (which digits the rows are of). Tasks: `task` u16, `name`, `quantifier`, `target`, `bits`
//! (property bits as `0` and `1`: exists, only, counts 1–4, digits 0–9), `seen`, `further` (trained, never asked). It does
//! not draw anything.

use std::fmt::Write as _;
use std::path::Path;

use polars::prelude::*;

use crate::numvqa::question::Question;
use crate::numvqa::sample::Sample;
use crate::parquet::write;

pub(crate) fn write_samples(samples: &[Sample], split: &str, path: &Path) -> PolarsResult<()> {
    let digit = |position: usize| samples.iter().map(|sample| sample.digits[position]).collect::<Vec<u32>>();
    let frame = df!(
        "task" => samples.iter().map(|sample| sample.task).collect::<Vec<u16>>(),
        "d0" => digit(0),
        "d1" => digit(1),
        "d2" => digit(2),
        "d3" => digit(3),
        "label" => samples.iter().map(|sample| u8::from(sample.label)).collect::<Vec<u8>>(),
        "split" => vec![split; samples.len()],
    )?;
    write(frame, path)
}

/// The tasks: those that are asked first, further ones behind them.
pub(crate) struct Tasks<'a> {
    pub(crate) questions: &'a [Question],
    /// How many are asked.
    pub(crate) asked: usize,
    pub(crate) unseen: &'a [usize],
}

pub(crate) fn write_tasks(tasks: &Tasks<'_>, path: &Path) -> PolarsResult<()> {
    let Tasks { questions, asked, unseen } = tasks;
    let text = |f: fn(&Question) -> String| questions.iter().map(f).collect::<Vec<String>>();
    let frame = df!(
        "task" => (0..questions.len()).map(|task| u16::try_from(task).unwrap_or(u16::MAX)).collect::<Vec<u16>>(),
        "name" => text(|question| question.name()),
        "quantifier" => text(|question| question.quantifier.name().to_owned()),
        "target" => text(|question| question.target.name()),
        "bits" => text(|question| question.bits()),
        "seen" => (0..questions.len()).map(|task| !unseen.contains(&task)).collect::<Vec<bool>>(),
        "further" => (0..questions.len()).map(|task| task >= *asked).collect::<Vec<bool>>(),
    )?;
    write(frame, path)
}

/// How many samples of each task each split has, and how many of them have the answer yes.
pub(crate) fn summary(tasks: &Tasks<'_>, splits: &[(&str, Vec<Sample>)]) -> String {
    let mut text = String::from("| task | seen |");
    for (name, _) in splits {
        let _ = write!(text, " {name} | yes |");
    }
    text.push_str("\n|---|---|");
    text.push_str(&"--:|--:|".repeat(splits.len()));
    text.push('\n');
    for (task, question) in tasks.questions.iter().enumerate() {
        let seen = match () {
            () if task >= tasks.asked => "further",
            () if tasks.unseen.contains(&task) => "no",
            () => "yes",
        };
        let _ = write!(text, "| {} | {seen} |", question.name());
        for (_, samples) in splits {
            let own = samples.iter().filter(|sample| usize::from(sample.task) == task);
            let (all, yes) = own.fold((0, 0), |(all, yes), sample| (all + 1, yes + u32::from(sample.label)));
            let _ = write!(text, " {all} | {yes} |");
        }
        text.push('\n');
    }
    text
}

//! Kind `report.scenarios`: what the sweeps of all devices found, as one table.
//!
//! A subnet is chosen by its predicted latency, so whether it keeps the budget is told twice: as predicted and as
//! measured.

use std::collections::BTreeSet;

use nnf_contract::{Input, Kind, Offer, Parameter, Stage, StageError};
use nnf_results::statistics;
use polars::prelude::*;
use serde::Deserialize;

use crate::document::Document;
use crate::error::ReportError;
use crate::format::{NONE, megabytes, milliseconds, percent, percents};
use crate::output::{self, PARQUET};
use crate::read;
use crate::table::Table;

#[derive(Debug, Deserialize)]
struct Parameters {
    title: String,
    note: String,
}

const COLUMNS: [&str; 18] = [
    "device",
    "threads",
    "task",
    "seen",
    "latency_budget_us",
    "memory_budget_bytes",
    "fits",
    "limit",
    "kept",
    "modules",
    "predicted_us",
    "measured_us",
    "memory_bytes",
    "accuracy",
    "low",
    "high",
    "samples",
    "subnet",
];

pub(crate) fn offer() -> Offer {
    let kind = Kind::new("report.scenarios", "What the sweeps of all devices found, as one table")
        .inputs([Input::new("sweeps", PARQUET, "results of sweeps").many()])
        .outputs(output::of_table())
        .parameters([
            Parameter::string("title", "heading of the table").default("Scenarios"),
            Parameter::string("note", "text under the table").default(""),
        ]);
    Offer { kind, run }
}

fn run(stage: &Stage) -> Result<(), StageError> {
    let p: Parameters = stage.parameters()?;
    let frame = output::collected(stage, "sweeps", &COLUMNS)?;
    let document = document(&p.title, &frame)?.text(p.note);
    output::write_table(stage, &document, with_within(&frame)?)
}

/// Whether each scenario keeps its latency budget when it is measured; `None` without such a budget.
pub(crate) fn within(frame: &DataFrame) -> Result<Vec<Option<bool>>, ReportError> {
    let (budgets, measured) = (read::numbers(frame, "latency_budget_us")?, read::numbers(frame, "measured_us")?);
    let kept = |(budget, measured): (&Option<f64>, &Option<f64>)| budget.zip(*measured).map(|(most, us)| us <= most);
    Ok(budgets.iter().zip(&measured).map(kept).collect())
}

/// The table with a column `measured_within`.
pub(crate) fn with_within(frame: &DataFrame) -> Result<DataFrame, ReportError> {
    let mut frame = frame.clone();
    let within = within(&frame)?;
    frame.with_column(Column::new("measured_within".into(), within))?;
    Ok(frame)
}

pub(crate) fn document(title: &str, frame: &DataFrame) -> Result<Document, ReportError> {
    let column = |name: &str| read::numbers(frame, name);
    let (devices, tasks, fits) =
        (read::words(frame, "device")?, read::words(frame, "task")?, read::flags(frame, "fits")?);
    let (latency, memory) = (column("latency_budget_us")?, column("memory_budget_bytes")?);
    let (kept, modules) = (column("kept")?, column("modules")?);
    let (predicted, measured, used) = (column("predicted_us")?, column("measured_us")?, column("memory_bytes")?);
    let (accuracy, low, high) = (column("accuracy")?, column("low")?, column("high")?);
    let within = within(frame)?;
    let subnets = read::words(frame, "subnet")?;
    let with_memory = memory.iter().any(Option::is_some);
    let row = |at: usize| {
        let mut cells = vec![devices[at].clone(), tasks[at].clone(), milliseconds(latency[at])];
        cells.extend(with_memory.then(|| megabytes(memory[at])));
        cells.extend([
            milliseconds(predicted[at]),
            if fits[at] { "yes" } else { "no: the nearest" }.to_owned(),
            milliseconds(measured[at]),
            within[at].map_or(NONE, |within| if within { "yes" } else { "no" }).to_owned(),
            megabytes(used[at]),
            percent(kept[at].zip(modules[at]).map(|(kept, modules)| kept / modules), 1),
            percent(accuracy[at], 1),
            percents(low[at], high[at], 1),
            subnets[at].clone(),
        ]);
        cells
    };
    let rows: Vec<Vec<String>> = (0..frame.height()).map(row).collect();
    let mut titles = vec!["device:", "task:", "latency budget"];
    titles.extend(with_memory.then_some("memory budget"));
    titles.extend([
        "predicted",
        "predicted to fit:",
        "measured",
        "measured within:",
        "memory, counted",
        "modules kept, of all",
        "accuracy",
        "95 % interval",
        "subnet:",
    ]);
    Ok(Document::new(title).table("", Table::new(titles, rows)).text(summary(frame, &within)?))
}

/// Mean accuracy of what is predicted to fit, and how much of it keeps its budget when measured.
fn summary(frame: &DataFrame, within: &[Option<bool>]) -> Result<String, ReportError> {
    let (fits, accuracy) = (read::flags(frame, "fits")?, read::numbers(frame, "accuracy")?);
    let samples = read::numbers(frame, "samples")?;
    let fitting: Vec<usize> = (0..frame.height()).filter(|at| fits[*at]).collect();
    let own: Vec<f64> = fitting.iter().filter_map(|at| accuracy[*at]).collect();
    let count: f64 = samples.iter().flatten().copied().fold(f64::INFINITY, f64::min);
    let (devices, subnets) = (read::words(frame, "device")?, read::words(frame, "subnet")?);
    let different: BTreeSet<(&str, &str)> =
        fitting.iter().map(|at| (devices[*at].as_str(), subnets[*at].as_str())).collect();
    let judged = fitting.iter().filter(|at| within[**at].is_some()).count();
    let kept = fitting.iter().filter(|at| within[**at] == Some(true)).count();
    let mut told = format!(
        "In {} of {} scenarios a subnet is predicted to fit, {} different ones in all; mean accuracy is {}, on at least \
         {count:.0} samples each. ",
        fitting.len(),
        frame.height(),
        different.len(),
        percent((!own.is_empty()).then(|| statistics::mean(&own)), 1),
    );
    if judged > 0 {
        told.push_str(&format!("Measured, {kept} of the {judged} with a latency budget keep it. "));
    }
    if fitting.len() < frame.height() {
        told.push_str("Where nothing fits the nearest subnet is shown, and is not part of the mean.");
    }
    Ok(told)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn what_is_predicted_to_fit_is_told_apart_from_what_does() {
        let frame = df!(
            "device" => ["d"; 4],
            "task" => ["a", "b", "c", "e"],
            "latency_budget_us" => [Some(1000.0), Some(1000.0), Some(500.0), None],
            "memory_budget_bytes" => [None, None, None, Some(2e6)],
            "fits" => [true, true, false, true],
            "kept" => [1_u64; 4],
            "modules" => [10_u64; 4],
            "predicted_us" => [900.0, 900.0, 900.0, 900.0],
            "measured_us" => [950.0, 1100.0, 480.0, 900.0],
            "memory_bytes" => [1_000_000_u64; 4],
            "accuracy" => [0.9, 0.8, 0.1, 0.7],
            "low" => [0.1; 4],
            "high" => [1.0; 4],
            "samples" => [200_u64, 100, 100, 100],
            "subnet" => ["x", "x", "y", "z"],
        )
        .unwrap();
        let text = document("T", &frame).unwrap().markdown();
        let cells = |task: &str| -> Vec<String> {
            let line = text.lines().find(|line| line.contains(&format!("| d      | {task} "))).unwrap();
            line.split('|').map(|cell| cell.trim().to_owned()).collect()
        };
        assert_eq!(cells("a")[5..9], ["0.90 ms", "yes", "0.95 ms", "yes"]);
        assert_eq!(cells("b")[5..9], ["0.90 ms", "yes", "1.10 ms", "no"]);
        assert_eq!(cells("c")[5..9], ["0.90 ms", "no: the nearest", "0.48 ms", "yes"]);
        assert_eq!(cells("e")[5..9], ["0.90 ms", "yes", "0.90 ms", "–"]);
        assert!(
            text.contains(
                "3 of 4 scenarios a subnet is predicted to fit, 2 different ones in all; mean accuracy is 80.0 %, on at least 100"
            ),
            "{text}"
        );
        assert!(text.contains("Measured, 1 of the 2 with a latency budget keep it."), "{text}");
        assert_eq!(with_within(&frame).unwrap().column("measured_within").unwrap().null_count(), 1);
    }
}

//! Kind `report.scenarios`: what the sweeps of all devices found, as one table.
//!
//! It does not know how subnets were chosen.

use nnf_contract::{Input, Kind, Offer, Parameter, Stage, StageError};
use polars::prelude::*;
use serde::Deserialize;

use crate::document::Document;
use crate::error::ReportError;
use crate::format::{megabytes, milliseconds, percent, percents};
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
    output::write_table(stage, &document, frame)
}

pub(crate) fn document(title: &str, frame: &DataFrame) -> Result<Document, ReportError> {
    let column = |name: &str| read::numbers(frame, name);
    let (devices, tasks, fits) =
        (read::words(frame, "device")?, read::words(frame, "task")?, read::flags(frame, "fits")?);
    let (latency, memory) = (column("latency_budget_us")?, column("memory_budget_bytes")?);
    let (kept, modules) = (column("kept")?, column("modules")?);
    let (predicted, measured, used) = (column("predicted_us")?, column("measured_us")?, column("memory_bytes")?);
    let (accuracy, low, high, samples) = (column("accuracy")?, column("low")?, column("high")?, column("samples")?);
    let row = |at: usize| {
        vec![
            devices[at].clone(),
            tasks[at].clone(),
            milliseconds(latency[at]),
            megabytes(memory[at]),
            if fits[at] { "yes" } else { "no: the nearest" }.to_owned(),
            milliseconds(predicted[at]),
            milliseconds(measured[at]),
            megabytes(used[at]),
            percent(kept[at].zip(modules[at]).map(|(kept, modules)| kept / modules), 1),
            percent(accuracy[at], 1),
            percents(low[at], high[at], 1),
        ]
    };
    let rows: Vec<Vec<String>> = (0..frame.height()).map(row).collect();
    let titles = [
        "device:",
        "task:",
        "latency budget",
        "memory budget",
        "fits:",
        "predicted",
        "measured",
        "memory",
        "modules kept",
        "accuracy",
        "95 % interval",
    ];
    let all: f64 = accuracy.iter().flatten().sum::<f64>() / accuracy.len().max(1) as f64;
    let count: f64 = samples.iter().flatten().copied().fold(f64::INFINITY, f64::min);
    let mean = format!("Mean accuracy {}, at least {count:.0} samples a row.", percent(Some(all), 1));
    Ok(Document::new(title).table("", Table::new(titles, rows)).text(mean))
}

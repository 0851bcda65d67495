//! Kind `report.scenarios`: what the sweeps of all devices found, as one table.
//!
//! It does not know how subnets were chosen.

use nnf_contract::{Input, Kind, Offer, Output, Parameter, Stage, StageError};
use polars::prelude::*;
use serde::Deserialize;

use crate::error::ReportError;
use crate::markdown::{megabytes, percent, table};
use crate::read;

#[derive(Debug, Deserialize)]
struct Parameters {
    title: String,
    note: String,
}

pub(crate) fn offer() -> Offer {
    let parquet = "application/vnd.apache.parquet";
    let kind = Kind::new("report.scenarios", "What the sweeps of all devices found, as one table")
        .inputs([Input::new("sweeps", parquet, "results of sweeps").many()])
        .outputs([
            Output::new("markdown", "text/markdown", "the table for people"),
            Output::new("csv", "text/csv", "the table"),
            Output::new("parquet", parquet, "the table"),
        ])
        .parameters([
            Parameter::string("title", "heading of the table").default("Scenarios"),
            Parameter::string("note", "text under the table").default(""),
        ]);
    Offer { kind, run }
}

fn run(stage: &Stage) -> Result<(), StageError> {
    let p: Parameters = stage.parameters()?;
    let mut frames = Vec::new();
    for sweep in stage.inputs("sweeps") {
        frames.push(read::parquet(&sweep.path)?);
    }
    let mut frame = together(frames)?;
    let mut text = format!("# {}\n\n{}", p.title, markdown(&frame)?);
    if !p.note.is_empty() {
        text.push_str(&format!("\n{}\n", p.note.trim()));
    }
    fs_err::write(stage.output("markdown")?, text).map_err(StageError::failed)?;
    Ok(read::write(&mut frame, stage.output("csv")?, stage.output("parquet")?)?)
}

/// All rows, device after device in the order given.
fn together(frames: Vec<DataFrame>) -> Result<DataFrame, ReportError> {
    let mut frames = frames.into_iter();
    let mut all = frames.next().ok_or_else(|| ReportError::Misfit("there is no sweep to report".into()))?;
    for frame in frames {
        all.vstack_mut(&frame)?;
    }
    Ok(all)
}

pub(crate) fn markdown(frame: &DataFrame) -> Result<String, ReportError> {
    let column = |name: &str| read::numbers(frame, name);
    let (devices, tasks, fits) =
        (read::words(frame, "device")?, read::words(frame, "task")?, read::flags(frame, "fits")?);
    let (latency, memory) = (column("latency_budget_us")?, column("memory_budget_bytes")?);
    let (kept, modules) = (column("kept")?, column("modules")?);
    let (predicted, measured, used) = (column("predicted_us")?, column("measured_us")?, column("memory_bytes")?);
    let (accuracy, low, high, samples) = (column("accuracy")?, column("low")?, column("high")?, column("samples")?);
    let ms = |value: Option<f64>| value.map_or_else(|| "–".into(), |us| format!("{:.2} ms", us / 1e3));
    let row = |at: usize| {
        vec![
            devices[at].clone(),
            tasks[at].clone(),
            ms(latency[at]),
            megabytes(memory[at]),
            if fits[at] { "yes" } else { "no: the nearest" }.to_owned(),
            ms(predicted[at]),
            ms(measured[at]),
            megabytes(used[at]),
            percent(kept[at].zip(modules[at]).map(|(kept, modules)| kept / modules), 1),
            percent(accuracy[at], 1),
            format!("{}–{}", percent(low[at], 1).trim_end_matches(" %"), percent(high[at], 1)),
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
    Ok(format!(
        "{}\nMean accuracy {}, at least {count:.0} samples a row.\n",
        table(&titles, &rows),
        percent(Some(all), 1)
    ))
}

//! Kind `report.figure10`: accuracy against the latency budget for each task, a panel for each device (Fig. 10, for
//! NumVQA).
//!
//! It does not know how subnets were chosen.

use nnf_contract::{Input, Kind, Offer, Stage, StageError};
use polars::prelude::*;
use serde::Deserialize;

use crate::chart::{Axis, Body, Chart, Look, Panel, Point, Series};
use crate::document::Document;
use crate::error::ReportError;
use crate::format::{milliseconds, percent};
use crate::output::{self, Claim, Figure, PARQUET};
use crate::read;

#[derive(Debug, Deserialize)]
struct Parameters {
    scale: String,
}

const COLUMNS: [&str; 9] =
    ["device", "task", "latency_budget_us", "fits", "measured_us", "accuracy", "low", "high", "samples"];

pub(crate) fn offer() -> Offer {
    let summary = "Figure 10: accuracy against the latency budget for each task (NumVQA's counterpart)";
    let kind = Kind::new("report.figure10", summary)
        .inputs([Input::new("sweeps", PARQUET, "results of sweeps with latency budgets").many()])
        .outputs(output::of_figure())
        .parameters([output::scale()]);
    Offer { kind, run }
}

fn run(stage: &Stage) -> Result<(), StageError> {
    let p: Parameters = stage.parameters()?;
    figure(&output::collected(stage, "sweeps", &COLUMNS)?, &p.scale)?.write(stage)
}

struct Row {
    device: String,
    task: String,
    budget: f64,
    accuracy: f64,
    interval: (f64, f64),
}

pub(crate) fn figure(sweeps: &DataFrame, scale: &str) -> Result<Figure, ReportError> {
    let (rows, left_out) = rows(sweeps)?;
    let devices = read::distinct(&rows.iter().map(|row| row.device.clone()).collect::<Vec<String>>());
    let tasks = read::distinct(&rows.iter().map(|row| row.task.clone()).collect::<Vec<String>>());
    let panels: Vec<Panel> = devices.iter().map(|device| panel(device, &tasks, &rows)).collect();
    let columns = panels.len().min(3);
    let chart = Chart { panels, columns, area: (330.0, 250.0) };
    let document = document(&rows, &devices, &tasks, left_out, scale);
    Ok(Figure { chart, document, data: sweeps.clone() })
}

/// The scenarios with a latency budget that a subnet fits, by rising budget; and how many nothing fits.
fn rows(sweeps: &DataFrame) -> Result<(Vec<Row>, usize), ReportError> {
    let (devices, tasks) = (read::words(sweeps, "device")?, read::words(sweeps, "task")?);
    let (budgets, fits) = (read::numbers(sweeps, "latency_budget_us")?, read::flags(sweeps, "fits")?);
    let number = |name: &str| read::all_numbers(sweeps, name);
    let (accuracy, low, high) = (number("accuracy")?, number("low")?, number("high")?);
    let row = |at: usize| {
        let budget = budgets[at].filter(|_| fits[at])?;
        let (device, task) = (devices[at].clone(), tasks[at].clone());
        Some(Row { device, task, budget, accuracy: accuracy[at], interval: (low[at], high[at]) })
    };
    let mut rows: Vec<Row> = (0..sweeps.height()).filter_map(row).collect();
    if rows.is_empty() {
        return Err(ReportError::Misfit("no scenario has a latency budget that a subnet fits".into()));
    }
    rows.sort_by(|a, b| a.budget.total_cmp(&b.budget));
    Ok((rows, (0..sweeps.height()).filter(|at| budgets[*at].is_some() && !fits[*at]).count()))
}

fn panel(device: &str, tasks: &[String], rows: &[Row]) -> Panel {
    let own: Vec<&Row> = rows.iter().filter(|row| row.device == device).collect();
    let series = tasks.iter().enumerate().map(|(style, task)| {
        // A little apart, so that intervals of tasks with one budget do not hide each other.
        let apart = 1.0 + 0.012 * (style as f64 - (tasks.len() as f64 - 1.0) / 2.0);
        let point = |row: &&&Row| {
            let (low, high) = row.interval;
            Point::within(row.budget / 1e3 * apart, row.accuracy * 100.0, low * 100.0, high * 100.0)
        };
        let points = own.iter().filter(|row| row.task == *task).collect::<Vec<_>>().iter().map(point).collect();
        Series { name: task.clone(), style, look: Look::Line, points }
    });
    let low = own.iter().map(|row| row.interval.0).fold(1.0, f64::min) * 100.0;
    Panel {
        title: device.to_owned(),
        note: "bars: 95 % intervals".into(),
        x: Axis::log_around("latency budget (ms)", own.iter().map(|row| row.budget / 1e3)),
        y: Axis::between("accuracy (%)", (low - 1.0).max(0.0), 100.0 + (100.0 - low) * 0.04),
        body: Body::Series(series.collect()),
    }
}

fn document(rows: &[Row], devices: &[String], tasks: &[String], left_out: usize, scale: &str) -> Document {
    let mut claims = Vec::new();
    for device in devices {
        for task in tasks {
            let own: Vec<&Row> = rows.iter().filter(|row| row.device == *device && row.task == *task).collect();
            let (Some(first), Some(last)) = (own.first(), own.last()) else { continue };
            let at =
                |row: &Row| format!("{} within {}", percent(Some(row.accuracy), 1), milliseconds(Some(row.budget)));
            let ours = format!("{}; {}", at(first), at(last));
            claims.push(Claim::new(format!("{device}: {task}"), "better with a larger budget", ours));
        }
    }
    let note = if left_out > 0 {
        format!("{left_out} scenarios in which no subnet fits the budget are not drawn. ")
    } else {
        String::new()
    };
    Document::new("Accuracy and latency budget (Fig. 10, the counterpart for NumVQA)")
        .text(format!(
            "{note}Points of tasks with the same budget stand a little apart. The paper shows AttrOD, where accuracy is mAP."
        ))
        .table("The paper's claims", output::claims(claims))
        .text(scale)
}

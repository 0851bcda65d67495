//! Kind `report.figure10`: accuracy against measured latency for each task, a panel for each device (Fig. 10, for
//! NumVQA). Budgets are upright lines.

use nnf_contract::{Input, Kind, Offer, Stage, StageError};
use polars::prelude::*;
use serde::Deserialize;

use crate::chart::{Axis, Body, Chart, Look, Panel, Point, Series};
use crate::document::Document;
use crate::error::ReportError;
use crate::format::{milliseconds, percent};
use crate::output::{self, Claim, Figure, PARQUET};
use crate::read;
use crate::scenarios::with_within;

#[derive(Debug, Deserialize)]
struct Parameters {
    scale: String,
}

const COLUMNS: [&str; 9] =
    ["device", "task", "latency_budget_us", "fits", "measured_us", "accuracy", "low", "high", "samples"];

pub(crate) fn offer() -> Offer {
    let summary = "Figure 10: accuracy against measured latency for each task (NumVQA's counterpart)";
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
    measured: f64,
    accuracy: f64,
    interval: (f64, f64),
}

impl Row {
    fn within(&self) -> bool {
        self.measured <= self.budget
    }
}

pub(crate) fn figure(sweeps: &DataFrame, scale: &str) -> Result<Figure, ReportError> {
    let (rows, left_out) = rows(sweeps)?;
    let devices = read::distinct(&rows.iter().map(|row| row.device.clone()).collect::<Vec<String>>());
    let tasks = read::distinct(&rows.iter().map(|row| row.task.clone()).collect::<Vec<String>>());
    let panels: Vec<Panel> = devices.iter().map(|device| panel(device, &tasks, &rows)).collect();
    let columns = panels.len().min(3);
    let chart = Chart { panels, columns, area: (330.0, 250.0) };
    let document = document(&rows, &devices, &tasks, left_out, scale);
    Ok(Figure { chart, document, data: with_within(sweeps)? })
}

/// The scenarios with a latency budget that a subnet is predicted to fit, by rising budget; and how many nothing fits.
fn rows(sweeps: &DataFrame) -> Result<(Vec<Row>, usize), ReportError> {
    let (devices, tasks) = (read::words(sweeps, "device")?, read::words(sweeps, "task")?);
    let (budgets, fits) = (read::numbers(sweeps, "latency_budget_us")?, read::flags(sweeps, "fits")?);
    let number = |name: &str| read::all_numbers(sweeps, name);
    let (accuracy, low, high) = (number("accuracy")?, number("low")?, number("high")?);
    let measured = number("measured_us")?;
    let row = |at: usize| {
        let budget = budgets[at].filter(|_| fits[at])?;
        let (device, task) = (devices[at].clone(), tasks[at].clone());
        let interval = (low[at], high[at]);
        Some(Row { device, task, budget, measured: measured[at], accuracy: accuracy[at], interval })
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
    let least = own.iter().map(|row| row.interval.0).fold(1.0, f64::min) * 100.0;
    let (low, high) = Axis::ends_of_accuracy(least);
    // Budgets of different tasks may be one but for rounding.
    let mut budgets: Vec<f64> = own.iter().map(|row| row.budget / 1e3).collect();
    budgets.dedup_by(|next, one| *next / *one - 1.0 < 0.005);
    let budget = |at: &f64| Series {
        name: "latency budget".into(),
        style: 0,
        look: Look::Guide,
        points: vec![Point::new(*at, low), Point::new(*at, high)],
    };
    let mut series: Vec<Series> = budgets.iter().map(budget).collect();
    series.extend(tasks.iter().enumerate().map(|(style, task)| {
        let mut own: Vec<&&Row> = own.iter().filter(|row| row.task == *task).collect();
        own.sort_by(|a, b| a.measured.total_cmp(&b.measured));
        let point = |row: &&&Row| {
            let (low, high) = row.interval;
            Point::within(row.measured / 1e3, row.accuracy * 100.0, low * 100.0, high * 100.0)
        };
        Series { name: task.clone(), style, look: Look::Line, points: own.iter().map(point).collect() }
    }));
    Panel {
        title: device.to_owned(),
        note: "bars: 95 % intervals; upright lines: the budgets".into(),
        x: Axis::log_around("measured latency (ms)", own.iter().map(|row| row.measured / 1e3).chain(budgets)),
        y: Axis::accuracy(least),
        body: Body::Series(series),
    }
}

/// What tasks gain from their least to their greatest budget.
fn gain(ends: &[(&Row, &Row)]) -> String {
    let count = |holds: &dyn Fn(f64, f64) -> bool| {
        ends.iter().filter(|(least, most)| holds(most.accuracy, least.accuracy)).count()
    };
    let gained = |(least, most): &(&Row, &Row)| most.accuracy - least.accuracy;
    if ends.is_empty() {
        return "no task has networks of two latency budgets".into();
    }
    let mut told = format!(
        "from the least to the greatest budget {} of {} tasks are better, {} worse, {} the same",
        count(&|most, least| most > least),
        ends.len(),
        count(&|most, least| most < least),
        count(&|most, least| most == least),
    );
    let at = |row: &Row| format!("{} in {}", percent(Some(row.accuracy), 1), milliseconds(Some(row.measured)));
    let best = ends.iter().max_by(|a, b| gained(a).total_cmp(&gained(b)));
    if let Some((least, most)) = best.filter(|ends| gained(ends) > 0.0) {
        told.push_str(&format!("; most of all {}: {}, then {}", least.task, at(least), at(most)));
    }
    told
}

fn document(rows: &[Row], devices: &[String], tasks: &[String], left_out: usize, scale: &str) -> Document {
    let mut claims = Vec::new();
    for device in devices {
        let ends: Vec<(&Row, &Row)> = tasks
            .iter()
            .filter_map(|task| {
                let mut own = rows.iter().filter(|row| row.device == *device && row.task == *task);
                let first = own.next()?;
                Some((first, own.next_back()?)).filter(|(least, most)| least.budget < most.budget)
            })
            .collect();
        claims.push(Claim::new(device.as_str(), "better with a larger budget", gain(&ends)));
    }
    let over = rows.iter().filter(|row| !row.within()).count();
    let mut note =
        "Each mark is the subnet of a task and a budget, at its measured latency; it was chosen by its predicted \
                    latency. "
            .to_owned();
    if over > 0 {
        note.push_str(&format!("{over} of {} are slower than their budget when measured. ", rows.len()));
    }
    if left_out > 0 {
        note.push_str(&format!("{left_out} scenarios in which no subnet is predicted to fit are not drawn. "));
    }
    Document::new("Accuracy and latency (Fig. 10, the counterpart for NumVQA)")
        .text(format!("{note}The paper shows AttrOD, where accuracy is mAP."))
        .table("The paper's claims", output::claims(claims))
        .text(scale)
}

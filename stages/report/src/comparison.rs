//! Kind `report.comparison`: NN-Factory and the baselines at equal latency budgets (Table 3's layout, for NumVQA), as a
//! table and as a figure of accuracy against measured latency.
//!
//! It does not know how a method makes its networks.

use nnf_contract::{Input, Kind, Offer, Stage, StageError};
use nnf_results::statistics;
use polars::prelude::*;
use serde::Deserialize;

use crate::baseline::{self, Made, OURS};
use crate::chart::{Axis, Body, Chart, Look, Panel, Point, Series};
use crate::document::Document;
use crate::error::ReportError;
use crate::format::{NONE, milliseconds, percent};
use crate::output::{self, Figure, PARQUET};
use crate::read;
use crate::table::Table;

#[derive(Debug, Deserialize)]
struct Parameters {
    scale: String,
}

const SWEEP: [&str; 8] = ["device", "task", "latency_budget_us", "measured_us", "whole_us", "accuracy", "low", "high"];

pub(crate) fn offer() -> Offer {
    let summary = "NN-Factory and the baselines at equal latency budgets (Table 3 for NumVQA), as table and figure";
    let kind = Kind::new("report.comparison", summary)
        .inputs([
            Input::new("sweeps", PARQUET, "results of sweeps: NN-Factory's networks").many(),
            Input::new("baselines", PARQUET, "tables of baselines that have budgets").many(),
            Input::new("retrain", PARQUET, "tables of Retrain, whose network is the whole one on every device")
                .many()
                .optional(),
        ])
        .outputs(output::of_figure())
        .parameters([output::scale()]);
    Offer { kind, run }
}

fn run(stage: &Stage) -> Result<(), StageError> {
    let p: Parameters = stage.parameters()?;
    let sweeps = output::collected(stage, "sweeps", &SWEEP)?;
    let baselines = output::collected(stage, "baselines", &baseline::COLUMNS)?;
    let mut all = baseline::made(&sweeps, Some(OURS))?;
    all.extend(baseline::made(&baselines, None)?);
    if !stage.inputs("retrain").is_empty() {
        all.extend(baseline::retrained(&output::collected(stage, "retrain", &baseline::RETRAIN)?, &sweeps)?);
    }
    figure(&all, &p.scale)?.write(stage)
}

/// One scenario, with what each method made for it.
struct Scenario<'a> {
    device: &'a str,
    task: &'a str,
    budget: f64,
    made: Vec<Option<&'a Made>>,
}

pub(crate) fn figure(all: &[Made], scale: &str) -> Result<Figure, ReportError> {
    let methods = read::distinct(&all.iter().map(|made| made.method.clone()).collect::<Vec<String>>());
    let scenarios = scenarios(all, &methods);
    if scenarios.is_empty() {
        return Err(ReportError::Misfit("the sweeps have no latency budgets to compare at".into()));
    }
    let devices = read::distinct(&all.iter().map(|made| made.device.clone()).collect::<Vec<String>>());
    let panels: Vec<Panel> = devices.iter().map(|device| panel(device, &methods, all)).collect();
    let columns = panels.len().min(3);
    let chart = Chart { panels, columns, area: (340.0, 260.0) };
    let document = Document::new("NN-Factory and the baselines at equal latency budgets")
        .text(
            "Latency and accuracy of each method's network for a task, a device and a latency budget; an asterisk marks a \
             network that is slower than its budget. Retrain keeps the full architecture whatever the budget.",
        )
        .table("Scenarios", table(&scenarios, &methods))
        .table("Means over the scenarios that all methods have", means(&scenarios, &methods))
        .text(scale);
    Ok(Figure { chart, document, data: data(&scenarios, &methods)? })
}

/// Our scenarios in order, each with the baselines' networks for the same task, device and budget. Budgets within half a
/// per cent are one: they are shares of predicted latencies. A method without budgets has one network for all.
fn scenarios<'a>(all: &'a [Made], methods: &[String]) -> Vec<Scenario<'a>> {
    let near = |one: Option<f64>, budget: f64| one.is_none_or(|one| (one / budget - 1.0).abs() < 0.005);
    let of = |ours: &'a Made, budget: f64| Scenario {
        device: &ours.device,
        task: &ours.task,
        budget,
        made: methods
            .iter()
            .map(|method| {
                all.iter().find(|made| {
                    made.method == *method
                        && made.device == ours.device
                        && made.task == ours.task
                        && near(made.budget, budget)
                })
            })
            .collect(),
    };
    let ours = all.iter().filter(|made| made.method == OURS);
    ours.filter_map(|made| Some(of(made, made.budget?))).collect()
}

fn table(scenarios: &[Scenario], methods: &[String]) -> Table {
    let mut titles = vec!["device:".to_owned(), "task:".to_owned(), "budget".to_owned()];
    for method in methods {
        titles.extend([format!("{method}: latency"), "accuracy".to_owned()]);
    }
    let row = |scenario: &Scenario| {
        let mut cells = vec![scenario.device.to_owned(), scenario.task.to_owned(), milliseconds(Some(scenario.budget))];
        for made in &scenario.made {
            let late = made.is_some_and(|made| made.measured > scenario.budget);
            let mark = if late { "*" } else { "" };
            cells.push(format!("{}{mark}", milliseconds(made.map(|made| made.measured))));
            cells.push(percent(made.map(|made| made.accuracy), 1));
        }
        cells
    };
    Table::new(titles, scenarios.iter().map(row).collect())
}

/// Mean accuracy, latency and kept budgets of each method, over the same scenarios.
fn means(scenarios: &[Scenario], methods: &[String]) -> Table {
    let whole: Vec<&Scenario> = scenarios.iter().filter(|one| one.made.iter().all(Option::is_some)).collect();
    let row = |(at, method): (usize, &String)| {
        let own: Vec<(&Made, f64)> =
            whole.iter().filter_map(|one| one.made[at].map(|made| (made, one.budget))).collect();
        let mean = |f: &dyn Fn(&(&Made, f64)) -> f64| {
            if own.is_empty() { None } else { Some(statistics::mean(&own.iter().map(f).collect::<Vec<f64>>())) }
        };
        let kept = own.iter().filter(|(made, budget)| made.measured <= *budget).count();
        vec![
            method.clone(),
            percent(mean(&|(made, _)| made.accuracy), 2),
            milliseconds(mean(&|(made, _)| made.measured)),
            mean(&|(made, budget)| made.measured / budget).map_or_else(|| NONE.into(), |share| format!("{share:.2}")),
            format!("{kept} of {}", own.len()),
        ]
    };
    let rows = methods.iter().enumerate().map(row).collect();
    Table::new(["method:", "mean accuracy", "mean latency", "latency / budget", "within budget"], rows)
}

fn panel(device: &str, methods: &[String], all: &[Made]) -> Panel {
    let own: Vec<&Made> = all.iter().filter(|made| made.device == device).collect();
    let series = methods.iter().enumerate().map(|(style, method)| {
        let point = |made: &&&Made| {
            let (low, high) = made.interval;
            Point::within(made.measured / 1e3, made.accuracy * 100.0, low * 100.0, high * 100.0)
        };
        let points = own.iter().filter(|made| made.method == *method).collect::<Vec<_>>().iter().map(point).collect();
        Series { name: method.clone(), style, look: Look::Marks, points }
    });
    let low = own.iter().map(|made| made.interval.0).fold(1.0, f64::min) * 100.0;
    Panel {
        title: device.to_owned(),
        note: "each mark: the network of a task and budget; bars: 95 % intervals".into(),
        x: Axis::log_around("measured latency (ms)", own.iter().map(|made| made.measured / 1e3)),
        y: Axis::between("accuracy (%)", (low - 1.0).max(0.0), 100.0 + (100.0 - low) * 0.04),
        body: Body::Series(series.collect()),
    }
}

fn data(scenarios: &[Scenario], methods: &[String]) -> PolarsResult<DataFrame> {
    let rows: Vec<(&Scenario, &Made)> =
        scenarios.iter().flat_map(|one| one.made.iter().flatten().map(move |made| (one, *made))).collect();
    let words = |f: &dyn Fn(&(&Scenario, &Made)) -> String| rows.iter().map(f).collect::<Vec<String>>();
    let floats = |f: &dyn Fn(&(&Scenario, &Made)) -> f64| rows.iter().map(f).collect::<Vec<f64>>();
    df!(
        "method" => words(&|(_, made)| methods.iter().find(|method| **method == made.method).cloned().unwrap_or_default()),
        "device" => words(&|(one, _)| one.device.to_owned()),
        "task" => words(&|(one, _)| one.task.to_owned()),
        "latency_budget_us" => floats(&|(one, _)| one.budget),
        "measured_us" => floats(&|(_, made)| made.measured),
        "accuracy" => floats(&|(_, made)| made.accuracy),
        "low" => floats(&|(_, made)| made.interval.0),
        "high" => floats(&|(_, made)| made.interval.1),
    )
}

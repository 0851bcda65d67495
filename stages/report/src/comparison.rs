//! Kind `report.comparison`: NN-Factory and the baselines at equal budgets (Table 3's layout, for NumVQA), as a
//! table and as a figure of accuracy against measured latency.

use nnf_contract::{Input, Kind, Offer, Stage, StageError};
use nnf_results::statistics;
use polars::prelude::*;
use serde::Deserialize;

use crate::baseline::{self, Budgets, Made, OPTIONAL, OURS};
use crate::chart::{Axis, Body, Chart, Look, Panel, Point, Series};
use crate::document::Document;
use crate::error::ReportError;
use crate::estimate::{self, Estimate};
use crate::format::{megabytes, milliseconds, or_none, percent, percent_more, percents};
use crate::matching::{Scenario, scenarios};
use crate::output::{self, Claim, Figure, PARQUET};
use crate::read;
use crate::table::Table;

#[derive(Debug, Deserialize)]
struct Parameters {
    scale: String,
}

const SWEEP: [&str; 8] = ["device", "task", "latency_budget_us", "measured_us", "whole_us", "accuracy", "low", "high"];

pub(crate) fn offer() -> Offer {
    let summary = "NN-Factory and the baselines at equal budgets (Table 3 for NumVQA), as table and figure";
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
    let sweeps = output::collected_with(stage, "sweeps", &SWEEP, &OPTIONAL)?;
    let baselines = output::collected_with(stage, "baselines", &baseline::COLUMNS, &OPTIONAL)?;
    let mut all = baseline::made(&sweeps, Some(OURS))?;
    all.extend(baseline::made(&baselines, None)?);
    if !stage.inputs("retrain").is_empty() {
        let retrain = output::collected_with(stage, "retrain", &baseline::RETRAIN, &OPTIONAL)?;
        all.extend(baseline::retrained(&retrain, &sweeps)?);
    }
    figure(&all, &p.scale)?.write(stage)
}

pub(crate) fn figure(all: &[Made], scale: &str) -> Result<Figure, ReportError> {
    let methods = read::distinct(&all.iter().map(|made| made.method.clone()).collect::<Vec<String>>());
    let scenarios = scenarios(all, &methods)?;
    if scenarios.is_empty() {
        return Err(ReportError::Misfit("the sweeps have no budgets to compare at".into()));
    }
    let devices = read::distinct(&scenarios.iter().map(|one| one.device.to_owned()).collect::<Vec<String>>());
    let panels: Vec<Panel> = devices.iter().map(|device| panel(device, &methods, &scenarios)).collect();
    let columns = panels.len().min(3);
    let chart = Chart { panels, columns, area: (340.0, 260.0) };
    let document = Document::new("NN-Factory and the baselines at equal budgets (Table 3, the counterpart for NumVQA)")
        .text(
            "Each method's network for a task, a device and its budgets: Δ is by how much of the budget measured latency, or \
             counted memory, is above it; an asterisk marks what is over. NN-Factory's network is chosen by its predicted \
             latency, and is the nearest where none is predicted to fit; a sweep with `calibrate` measures some choices \
             beforehand, and where they take longer than predicted, expects that of all. Retrain keeps the full \
             architecture whatever the budget. Prune&Tune removes channels that NN-Factory gates, until the predicted \
             latency fits; Prune&Tune (unrestricted) removes any, until the latency measured on the device itself fits.",
        )
        .table("Scenarios", table(&scenarios, &methods))
        .text(differing_samples(&scenarios, &methods))
        .table("Means over the scenarios that all methods have", means(&scenarios, &methods))
        .table("Mean accuracy by device and budget", by_budget(&scenarios, &methods))
        .text("± is half of the 95 % interval of a mean over tasks (Student's t).")
        .table("The paper's claims, on AttrOD", output::claims(claims(&scenarios, &methods)))
        .text(scale);
    Ok(Figure { chart, document, data: data(&scenarios)? })
}

fn table(scenarios: &[Scenario], methods: &[String]) -> Table {
    let memory = scenarios.iter().any(|one| one.budgets.memory.is_some());
    let mut titles = vec!["device:".to_owned(), "task:".to_owned(), "latency budget".to_owned()];
    titles.extend(memory.then(|| "memory budget".to_owned()));
    for method in methods {
        titles.push(format!("{method}: Δ latency"));
        titles.extend(memory.then(|| "Δ memory".to_owned()));
        titles.extend(["accuracy".to_owned(), "95 % interval".to_owned()]);
    }
    titles.push("samples".to_owned());
    let row = |one: &Scenario| {
        let mut cells = vec![one.device.to_owned(), one.task.to_owned(), milliseconds(one.budgets.latency)];
        cells.extend(memory.then(|| megabytes(one.budgets.memory)));
        for made in &one.made {
            let slower = made.and_then(|made| one.slower(made));
            let larger = made.and_then(|made| one.larger(made));
            let mark = |more: Option<f64>| if more.is_some_and(|more| more > 0.0) { "*" } else { "" };
            cells.push(format!("{}{}", percent_more(slower, one.budgets.latency), mark(slower)));
            cells.extend(memory.then(|| format!("{}{}", percent_more(larger, one.budgets.memory), mark(larger))));
            cells.push(percent(made.map(|made| made.accuracy), 1));
            cells.push(percents(made.map(|made| made.interval.0), made.map(|made| made.interval.1), 1));
        }
        cells.push(samples(one).iter().map(|count| format!("{count:.0}")).collect::<Vec<String>>().join(" / "));
        cells
    };
    Table::new(titles, scenarios.iter().map(row).collect())
}

/// The different numbers of samples that the networks of a scenario were judged on, rising.
fn samples(one: &Scenario) -> Vec<f64> {
    let mut counts: Vec<f64> = one.made.iter().flatten().filter_map(|made| made.samples).collect();
    counts.sort_by(f64::total_cmp);
    counts.dedup();
    counts
}

/// A remark where methods were judged on different samples; nothing where they were not.
fn differing_samples(scenarios: &[Scenario], methods: &[String]) -> String {
    let unlike: Vec<&Scenario> = scenarios.iter().filter(|one| samples(one).len() > 1).collect();
    let Some(first) = unlike.first() else { return String::new() };
    let of = |(method, made): (&String, &Option<&Made>)| {
        made.and_then(|made| made.samples).map(|samples| format!("{method} on {samples:.0}"))
    };
    let told: Vec<String> = methods.iter().zip(&first.made).filter_map(of).collect();
    format!(
        "Attention: in {} of {} scenarios the methods were judged on different numbers of samples; the first: {}.",
        unlike.len(),
        scenarios.len(),
        told.join(", ")
    )
}

/// The scenarios for which every method has a network: means over others would not compare.
fn complete<'a, 'b>(scenarios: &'b [Scenario<'a>]) -> Vec<&'b Scenario<'a>> {
    scenarios.iter().filter(|one| one.made.iter().all(Option::is_some)).collect()
}

/// Mean accuracy, latency, memory and kept budgets of each method, over the same scenarios.
fn means(scenarios: &[Scenario], methods: &[String]) -> Table {
    let whole = complete(scenarios);
    let row = |(at, method): (usize, &String)| {
        let own: Vec<(&Scenario, &Made)> =
            whole.iter().filter_map(|one| one.made[at].map(|made| (*one, made))).collect();
        // Nothing where a single scenario has nothing: the means are of the same scenarios.
        let mean = |f: &dyn Fn(&Scenario, &Made) -> Option<f64>| {
            let values: Option<Vec<f64>> = own.iter().map(|(one, made)| f(one, made)).collect();
            values.filter(|values| !values.is_empty()).map(|values| statistics::mean(&values))
        };
        vec![
            method.clone(),
            estimate::share(Estimate::over_tasks(own.iter().map(|(one, made)| (one.task, made.accuracy)))),
            milliseconds(mean(&|_, made| Some(made.measured))),
            or_none(mean(&|one, made| Some(made.measured / one.budgets.latency?)), |share| format!("{share:.2}")),
            megabytes(mean(&|_, made| made.memory)),
            kept(&own),
        ]
    };
    let titles = [
        "method:",
        "mean accuracy over tasks",
        "mean latency",
        "latency / budget",
        "mean memory",
        "measured within budget",
    ];
    Table::new(titles, methods.iter().enumerate().map(row).collect())
}

/// How many networks keep their budgets, of those of which it is known.
fn kept(own: &[(&Scenario, &Made)]) -> String {
    let known: Vec<bool> = own.iter().filter_map(|(one, made)| one.kept(made)).collect();
    format!("{} of {}", known.iter().filter(|kept| **kept).count(), known.len())
}

/// Mean accuracy of each method over the tasks of each device and its budgets, where all methods have them.
fn by_budget(scenarios: &[Scenario], methods: &[String]) -> Table {
    let whole = complete(scenarios);
    let mut places: Vec<(&str, Budgets)> = Vec::new();
    for one in &whole {
        if !places.contains(&(one.device, one.budgets)) {
            places.push((one.device, one.budgets));
        }
    }
    let memory = whole.iter().any(|one| one.budgets.memory.is_some());
    let row = |(device, budgets): &(&str, Budgets)| {
        let own: Vec<&&Scenario> =
            whole.iter().filter(|one| one.device == *device && one.budgets == *budgets).collect();
        let mut cells = vec![(*device).to_owned(), milliseconds(budgets.latency)];
        cells.extend(memory.then(|| megabytes(budgets.memory)));
        cells.push(own.len().to_string());
        for at in 0..methods.len() {
            let found = own.iter().filter_map(|one| Some((one.task, one.made[at]?.accuracy)));
            cells.push(estimate::share(Estimate::over_tasks(found)));
        }
        cells
    };
    let mut titles = vec!["device:".to_owned(), "latency budget".to_owned()];
    titles.extend(memory.then(|| "memory budget".to_owned()));
    titles.push("tasks".to_owned());
    titles.extend(methods.iter().cloned());
    Table::new(titles, places.iter().map(row).collect())
}

/// What section 5.2 says of Table 3, and the same of ours.
fn claims(scenarios: &[Scenario], methods: &[String]) -> Vec<Claim> {
    let Some(us) = methods.iter().position(|method| method == OURS) else { return Vec::new() };
    let mut claims = Vec::new();
    for (at, method) in methods.iter().enumerate() {
        let own: Vec<(&Scenario, &Made)> = scenarios.iter().filter_map(|one| Some((one, one.made[at]?))).collect();
        let (budgets, accuracy) = match method.as_str() {
            OURS => ("keeps them in all 11 scenarios", ""),
            name if name.starts_with("Retrain") => (
                "misses them in all 11 scenarios",
                "NN-Factory is close to it, and better where a task has few samples",
            ),
            name if name.starts_with("Prune&Tune") => {
                ("keeps them in all 11 scenarios", "much lower than NN-Factory: mean mAP 0.27, NN-Factory 0.34")
            }
            _ => ("not in the paper", "not in the paper"),
        };
        claims.push(Claim::new(format!("{method}: budgets"), budgets, format!("keeps them in {}", kept(&own))));
        let by_task: Vec<(&str, f64)> =
            own.iter().filter_map(|(one, made)| Some((one.task, one.made[us]?.accuracy - made.accuracy))).collect();
        if at != us && !by_task.is_empty() {
            let more: Vec<f64> = by_task.iter().map(|(_, more)| more * 100.0).collect();
            let (low, high) = (statistics::quantile(&more, 0.0), statistics::quantile(&more, 1.0));
            let (mean, count) = (Estimate::over_tasks(by_task), more.len());
            let ours = format!(
                "NN-Factory {} points on average of {} tasks; in {count} scenarios from {low:+.2} to {high:+.2}",
                estimate::points(mean),
                mean.map_or(0, |mean| mean.count),
            );
            claims.push(Claim::new(format!("{method}: accuracy"), accuracy, ours));
        }
    }
    claims
}

fn panel(device: &str, methods: &[String], scenarios: &[Scenario]) -> Panel {
    // A network may be that of several scenarios.
    let mut own: Vec<&Made> = Vec::new();
    for made in scenarios.iter().filter(|one| one.device == device).flat_map(|one| one.made.iter().flatten()) {
        if !own.iter().any(|other| std::ptr::eq(*other, *made)) {
            own.push(made);
        }
    }
    let series = methods.iter().enumerate().map(|(style, method)| {
        let point = |made: &&Made| {
            let (low, high) = made.interval;
            Point::within(made.measured / 1e3, made.accuracy * 100.0, low * 100.0, high * 100.0)
        };
        let points = own.iter().filter(|made| made.method == *method).map(point).collect();
        Series { name: method.clone(), style, look: Look::Marks, points }
    });
    let low = own.iter().map(|made| made.interval.0).fold(1.0, f64::min) * 100.0;
    Panel {
        title: device.to_owned(),
        note: "each mark: the network of a task and budget; bars: 95 % intervals".into(),
        x: Axis::log_around("measured latency (ms)", own.iter().map(|made| made.measured / 1e3)),
        y: Axis::accuracy(low),
        body: Body::Series(series.collect()),
    }
}

fn data(scenarios: &[Scenario]) -> PolarsResult<DataFrame> {
    let rows: Vec<(&Scenario, &Made)> =
        scenarios.iter().flat_map(|one| one.made.iter().flatten().map(move |made| (one, *made))).collect();
    let words = |f: &dyn Fn(&Scenario, &Made) -> String| rows.iter().map(|(a, b)| f(a, b)).collect::<Vec<String>>();
    let floats = |f: &dyn Fn(&Scenario, &Made) -> f64| rows.iter().map(|(a, b)| f(a, b)).collect::<Vec<f64>>();
    let options =
        |f: &dyn Fn(&Scenario, &Made) -> Option<f64>| rows.iter().map(|(a, b)| f(a, b)).collect::<Vec<Option<f64>>>();
    df!(
        "method" => words(&|_, made| made.method.clone()),
        "device" => words(&|one, _| one.device.to_owned()),
        "task" => words(&|one, _| one.task.to_owned()),
        "latency_budget_us" => options(&|one, _| one.budgets.latency),
        "memory_budget_bytes" => options(&|one, _| one.budgets.memory),
        "measured_us" => floats(&|_, made| made.measured),
        "latency_delta_us" => options(&|one, made| one.slower(made)),
        "memory_bytes" => options(&|_, made| made.memory),
        "memory_delta_bytes" => options(&|one, made| one.larger(made)),
        "measured_within" => rows.iter().map(|(one, made)| one.kept(made)).collect::<Vec<Option<bool>>>(),
        "accuracy" => floats(&|_, made| made.accuracy),
        "low" => floats(&|_, made| made.interval.0),
        "high" => floats(&|_, made| made.interval.1),
        "samples" => options(&|_, made| made.samples),
    )
}

//! Kind `report.figure12`: mean accuracy of generated models along the training of the supernet (Fig. 12).
//!
//! It does not know how snapshots were made.

use nnf_contract::{Input, Kind, Offer, Stage, StageError};
use nnf_results::statistics;
use polars::prelude::*;
use serde::Deserialize;

use crate::chart::{Axis, Body, Chart, Look, Panel, Point, Series};
use crate::document::Document;
use crate::error::ReportError;
use crate::format::percent;
use crate::output::{self, Claim, Figure, PARQUET};
use crate::{backbone, read};

#[derive(Debug, Deserialize)]
struct Parameters {
    scale: String,
}

pub(crate) fn offer() -> Offer {
    let kind = Kind::new("report.figure12", "Figure 12: accuracy of generated models along the training")
        .inputs([Input::new("results", PARQUET, "tables of `supernet.evaluate_snapshots`").many()])
        .outputs(output::of_figure())
        .parameters([output::scale()]);
    Offer { kind, run }
}

fn run(stage: &Stage) -> Result<(), StageError> {
    let p: Parameters = stage.parameters()?;
    let results = output::collected(stage, "results", &["network", "step", "task", "limit", "accuracy"])?;
    figure(&results, &p.scale)?.write(stage)
}

struct Mean {
    network: String,
    limit: f64,
    step: f64,
    accuracy: f64,
    half: Option<f64>,
    tasks: usize,
}

pub(crate) fn figure(results: &DataFrame, scale: &str) -> Result<Figure, ReportError> {
    let means = means(results)?;
    let networks = read::distinct(&means.iter().map(|mean| mean.network.clone()).collect::<Vec<String>>());
    let mut limits: Vec<f64> = means.iter().map(|mean| mean.limit).collect();
    limits.sort_by(f64::total_cmp);
    limits.dedup();
    let panel = |network: &String| {
        let series = limits.iter().enumerate().map(|(style, limit)| {
            let own = means.iter().filter(|mean| mean.network == *network && mean.limit == *limit);
            let name = format!("limit {}", percent(Some(*limit), 0));
            Series { name, style, look: Look::Line, points: own.map(point).collect() }
        });
        let series: Vec<Series> = series.collect();
        let low =
            series.iter().flat_map(|one| &one.points).map(|p| p.interval.map_or(p.y, |i| i.0)).fold(100.0, f64::min);
        let own = means.iter().filter(|mean| mean.network == *network);
        let tasks = own.clone().map(|mean| mean.tasks).max().unwrap_or(0);
        Panel {
            title: backbone::of(network).title,
            note: format!("mean over {tasks} tasks, with its 95 % interval"),
            x: Axis::around("training (steps)", own.map(|mean| mean.step).chain([0.0])),
            y: Axis::between("accuracy (%)", (low - 1.0).max(0.0), 100.0 + (100.0 - low) * 0.04),
            body: Body::Series(series),
        }
    };
    let panels: Vec<Panel> = networks.iter().map(panel).collect();
    let columns = panels.len().min(3);
    let chart = Chart { panels, columns, area: (370.0, 250.0) };
    Ok(Figure { chart, document: document(&means, &networks, scale), data: data(&means)? })
}

/// Mean accuracy over tasks by network, limit and step.
fn means(results: &DataFrame) -> Result<Vec<Mean>, ReportError> {
    let networks = read::words(results, "network")?;
    let (limits, steps) = (read::all_numbers(results, "limit")?, read::all_numbers(results, "step")?);
    let accuracy = read::all_numbers(results, "accuracy")?;
    let mut means: Vec<(Mean, Vec<f64>)> = Vec::new();
    for row in 0..networks.len() {
        let same = |mean: &Mean| mean.network == networks[row] && mean.limit == limits[row] && mean.step == steps[row];
        match means.iter_mut().find(|(mean, _)| same(mean)) {
            Some((_, values)) => values.push(accuracy[row]),
            None => {
                let network = networks[row].clone();
                let mean = Mean { network, limit: limits[row], step: steps[row], accuracy: 0.0, half: None, tasks: 0 };
                means.push((mean, vec![accuracy[row]]));
            }
        }
    }
    let finished = |(mean, values): (Mean, Vec<f64>)| Mean {
        accuracy: statistics::mean(&values),
        half: statistics::half_interval(&values),
        tasks: values.len(),
        ..mean
    };
    let mut means: Vec<Mean> = means.into_iter().map(finished).collect();
    means.sort_by(|a, b| a.step.total_cmp(&b.step));
    Ok(means)
}

fn point(mean: &Mean) -> Point {
    let y = mean.accuracy * 100.0;
    match mean.half {
        Some(half) => Point::within(mean.step, y, (y - half * 100.0).max(0.0), (y + half * 100.0).min(100.0)),
        None => Point::new(mean.step, y),
    }
}

fn document(means: &[Mean], networks: &[String], scale: &str) -> Document {
    let mut claims = Vec::new();
    for network in networks {
        let own: Vec<&Mean> = means.iter().filter(|mean| mean.network == *network).collect();
        let least = own.iter().map(|mean| mean.limit).fold(f64::INFINITY, f64::min);
        let own: Vec<&&Mean> = own.iter().filter(|mean| mean.limit == least).collect();
        let (Some(first), Some(last)) = (own.first(), own.last()) else { continue };
        let at = |mean: &Mean| format!("{} after {:.0} steps", percent(Some(mean.accuracy), 2), mean.step);
        let ours = format!("{}; {} (limit {})", at(first), at(last), percent(Some(least), 0));
        claims.push(Claim::new(backbone::of(network).title, "accuracy improves gradually with more epochs", ours));
    }
    Document::new("Accuracy of generated models along the training (Fig. 12)")
        .text("Mean over tasks with the 95 % interval of that mean (Student's t over tasks).")
        .table("The paper's claims", output::claims(claims))
        .text(scale)
}

fn data(means: &[Mean]) -> PolarsResult<DataFrame> {
    let floats = |f: &dyn Fn(&Mean) -> f64| means.iter().map(f).collect::<Vec<f64>>();
    df!(
        "network" => means.iter().map(|mean| mean.network.clone()).collect::<Vec<String>>(),
        "limit" => floats(&|mean| mean.limit),
        "step" => floats(&|mean| mean.step),
        "accuracy" => floats(&|mean| mean.accuracy),
        "low" => means.iter().map(|mean| mean.half.map(|half| (mean.accuracy - half).max(0.0))).collect::<Vec<Option<f64>>>(),
        "high" => means.iter().map(|mean| mean.half.map(|half| (mean.accuracy + half).min(1.0))).collect::<Vec<Option<f64>>>(),
        "tasks" => means.iter().map(|mean| mean.tasks as u64).collect::<Vec<u64>>(),
    )
}

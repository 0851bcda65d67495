//! Kind `report.figure9`: mean accuracy over tasks against the limit, a line for each backbone (Fig. 9, NumVQA).
//!
//! It does not know how tasks were drawn or networks trained.

use nnf_contract::{Input, Kind, Offer, Stage, StageError};
use nnf_results::statistics;
use polars::prelude::*;
use serde::Deserialize;

use crate::chart::{Axis, Body, Chart, Look, Panel, Point, Series};
use crate::document::Document;
use crate::error::ReportError;
use crate::figures::ratio_by_limit::{Group, groups};
use crate::format::{limit, percent};
use crate::output::{self, Claim, Figure, PARQUET};
use crate::supernets::{Supernet, Supernets};

#[derive(Debug, Deserialize)]
struct Parameters {
    scale: String,
}

pub(crate) fn offer() -> Offer {
    let kind = Kind::new("report.figure9", "Figure 9: mean accuracy over tasks against the limit, for each backbone")
        .inputs([Input::new("results", PARQUET, "rows of tasks at several limits, of one backbone or several").many()])
        .outputs(output::of_figure())
        .parameters([output::scale()]);
    Offer { kind, run }
}

fn run(stage: &Stage) -> Result<(), StageError> {
    let p: Parameters = stage.parameters()?;
    let results = output::labelled(stage, "results", &["network", "task", "seen", "limit", "accuracy"], &[])?;
    figure(&results, &p.scale)?.write(stage)
}

/// One point of the figure.
struct Mean {
    supernet: usize,
    limit: f64,
    accuracy: f64,
    half: Option<f64>,
    tasks: usize,
}

pub(crate) fn figure(results: &DataFrame, scale: &str) -> Result<Figure, ReportError> {
    let supernets = Supernets::of(results, &["task", "limit"])?;
    let one = |((supernet, limit), values): Group| {
        let accuracy: Vec<f64> = values.iter().map(|row| row[0]).collect();
        let (mean, half) = (statistics::mean(&accuracy), statistics::half_interval(&accuracy));
        Mean { supernet, limit, accuracy: mean, half, tasks: accuracy.len() }
    };
    let means: Vec<Mean> = groups(results, &supernets, &["accuracy"])?.into_iter().map(one).collect();
    let series = supernets.all().iter().enumerate().map(|(style, supernet)| Series {
        name: supernet.title.clone(),
        style,
        look: Look::Line,
        points: means.iter().filter(|mean| mean.supernet == style).map(point).collect(),
    });
    let series: Vec<Series> = series.collect();
    let heights = series.iter().flat_map(|one| &one.points).flat_map(|p| [p.y, p.interval.map_or(p.y, |(low, _)| low)]);
    let low = heights.fold(100.0, f64::min);
    let panel = Panel {
        title: "Accuracy by activation limit".into(),
        note: format!("mean over {} seen tasks, with its 95 % interval", means.first().map_or(0, |mean| mean.tasks)),
        x: Axis::log_around("activation limit (%)", means.iter().map(|mean| mean.limit * 100.0)),
        y: Axis::between("accuracy (%)", (low - 0.5).max(0.0), 100.0 + (100.0 - low) * 0.04),
        body: Body::Series(series),
    };
    let chart = Chart { panels: vec![panel], columns: 1, area: (400.0, 260.0) };
    Ok(Figure { chart, document: document(&means, supernets.all(), scale), data: data(&means, supernets.all())? })
}

fn point(mean: &Mean) -> Point {
    let (x, y) = (mean.limit * 100.0, mean.accuracy * 100.0);
    match mean.half {
        Some(half) => Point::within(x, y, (y - half * 100.0).max(0.0), (y + half * 100.0).min(100.0)),
        None => Point::new(x, y),
    }
}

fn document(means: &[Mean], supernets: &[Supernet], scale: &str) -> Document {
    let told = |(position, supernet): (usize, &Supernet)| {
        let own: Vec<&Mean> = means.iter().filter(|mean| mean.supernet == position).collect();
        let ends = own.first().zip(own.last()).map(|(first, last)| {
            let at = |mean: &Mean| format!("{} at a limit of {}", percent(Some(mean.accuracy), 2), limit(mean.limit));
            format!("{}, {}", at(first), at(last))
        });
        let paper = match supernet.family() {
            "ResNet" => "above 99 % (Table 2)",
            "ViT" => "lower than ResNet: poor sample efficiency",
            "MobileNet" => "lower than ResNet: limited capability",
            _ => "not in the paper",
        };
        Claim::new(&supernet.title, paper, ends.unwrap_or_default())
    };
    Document::new("Accuracy of generated models under different activation limits (Fig. 9, NumVQA)")
        .text(format!(
            "Mean accuracy over {} tasks that were trained on, with the 95 % interval of that mean (Student's t over tasks). \
             The paper averages 10 random tasks; it prints no numbers beside its curves.",
            means.iter().map(|mean| mean.tasks).max().unwrap_or(0)
        ))
        .table("The paper's claims", output::claims(supernets.iter().enumerate().map(told).collect()))
        .text(scale)
}

fn data(means: &[Mean], supernets: &[Supernet]) -> PolarsResult<DataFrame> {
    let floats = |f: &dyn Fn(&Mean) -> f64| means.iter().map(f).collect::<Vec<f64>>();
    df!(
        "label" => means.iter().map(|mean| supernets[mean.supernet].label.clone()).collect::<Vec<String>>(),
        "network" => means.iter().map(|mean| supernets[mean.supernet].network.clone()).collect::<Vec<String>>(),
        "limit" => floats(&|mean| mean.limit),
        "accuracy" => floats(&|mean| mean.accuracy),
        "low" => means.iter().map(|mean| mean.half.map(|half| (mean.accuracy - half).max(0.0))).collect::<Vec<Option<f64>>>(),
        "high" => means.iter().map(|mean| mean.half.map(|half| (mean.accuracy + half).min(1.0))).collect::<Vec<Option<f64>>>(),
        "tasks" => means.iter().map(|mean| mean.tasks as u64).collect::<Vec<u64>>(),
    )
}

//! Kind `report.figure9`: mean accuracy over tasks against the limit, a line for each backbone (Fig. 9, NumVQA).

use nnf_contract::{Input, Kind, Offer, Stage, StageError};
use polars::prelude::*;
use serde::Deserialize;

use crate::chart::{Axis, Body, Chart, Look, Panel, Series};
use crate::document::Document;
use crate::error::ReportError;
use crate::estimate::Estimate;
use crate::figures::ratio_by_limit::{Group, groups};
use crate::format::{counts, limit, percent};
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
    accuracy: Estimate,
}

pub(crate) fn figure(results: &DataFrame, scale: &str) -> Result<Figure, ReportError> {
    let supernets = Supernets::of(results, &["task", "limit"])?;
    let one = |((supernet, limit), values): Group| {
        let accuracy: Vec<f64> = values.iter().map(|row| row[0]).collect();
        Some(Mean { supernet, limit, accuracy: Estimate::of(&accuracy)? })
    };
    let means: Vec<Mean> = groups(results, &supernets, &["accuracy"])?.into_iter().filter_map(one).collect();
    let series = supernets.all().iter().enumerate().map(|(style, supernet)| Series {
        name: supernet.title.clone(),
        style,
        look: Look::Line,
        points: means
            .iter()
            .filter(|mean| mean.supernet == style)
            .map(|mean| mean.accuracy.point(mean.limit * 100.0))
            .collect(),
    });
    let series: Vec<Series> = series.collect();
    let heights = series.iter().flat_map(|one| &one.points).flat_map(|p| [p.y, p.interval.map_or(p.y, |(low, _)| low)]);
    let low = heights.fold(100.0, f64::min);
    let panel = Panel {
        title: "Accuracy by activation limit".into(),
        note: format!(
            "mean over {} seen tasks, with its 95 % interval",
            counts(means.iter().map(|mean| mean.accuracy.count))
        ),
        x: Axis::log_around("activation limit (%)", means.iter().map(|mean| mean.limit * 100.0)),
        y: Axis::accuracy(low),
        body: Body::Series(series),
    };
    let chart = Chart { panels: vec![panel], columns: 1, area: (400.0, 260.0) };
    Ok(Figure { chart, document: document(&means, supernets.all(), scale), data: data(&means, supernets.all())? })
}

fn document(means: &[Mean], supernets: &[Supernet], scale: &str) -> Document {
    let told = |(position, supernet): (usize, &Supernet)| {
        let own: Vec<&Mean> = means.iter().filter(|mean| mean.supernet == position).collect();
        let ends = own.first().zip(own.last()).map(|(first, last)| {
            let at =
                |mean: &Mean| format!("{} at a limit of {}", percent(Some(mean.accuracy.mean), 2), limit(mean.limit));
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
            counts(means.iter().map(|mean| mean.accuracy.count))
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
        "accuracy" => floats(&|mean| mean.accuracy.mean),
        "low" => means.iter().map(|mean| Some(mean.accuracy.interval()?.0)).collect::<Vec<Option<f64>>>(),
        "high" => means.iter().map(|mean| Some(mean.accuracy.interval()?.1)).collect::<Vec<Option<f64>>>(),
        "tasks" => means.iter().map(|mean| mean.accuracy.count as u64).collect::<Vec<u64>>(),
    )
}

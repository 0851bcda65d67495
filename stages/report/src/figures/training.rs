//! Kind `report.figure12`: mean accuracy of generated models along the training of the supernet (Fig. 12).

use std::cmp::Ordering;

use nnf_contract::{Input, Kind, Offer, Parameter, ParameterType, Stage, StageError};
use polars::prelude::*;
use serde::Deserialize;

use crate::chart::{Axis, Body, Chart, Look, Panel, Series};
use crate::document::Document;
use crate::error::ReportError;
use crate::estimate::Estimate;
use crate::format::{counts, limit, percent};
use crate::output::{self, Claim, Figure, PARQUET};
use crate::read;
use crate::supernets::{Supernet, Supernets};

/// Samples of an epoch of the paper.
const EPOCH: f64 = 200_000.0;

#[derive(Debug, Deserialize)]
struct Parameters {
    #[serde(flatten)]
    batches: Batches,
    scale: String,
}

/// How many samples a step of each training has; 0 where nobody says.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Batches {
    pub(crate) batch: u32,
    pub(crate) batches: Vec<Batch>,
}

/// The same for one supernet.
#[derive(Debug, Deserialize)]
pub(crate) struct Batch {
    pub(crate) label: String,
    pub(crate) batch: u32,
}

impl Batches {
    fn of(&self, supernet: &Supernet) -> u32 {
        self.batches.iter().find(|one| one.label == supernet.label).map_or(self.batch, |one| one.batch)
    }

    fn check(&self, supernets: &[Supernet]) -> Result<(), ReportError> {
        for (at, one) in self.batches.iter().enumerate() {
            let label = &one.label;
            if self.batches[..at].iter().any(|other| other.label == *label) {
                return Err(ReportError::Misfit(format!("`batches` has two entries of `{label}`")));
            }
            if !supernets.iter().any(|supernet| supernet.label == *label) {
                let named = |one: &Supernet| match one.label.as_str() {
                    "" => format!("{} without a label", one.title),
                    label => format!("`{label}`"),
                };
                let found = supernets.iter().map(named).collect::<Vec<String>>().join(", ");
                return Err(ReportError::Misfit(format!("`batches` has `{label}`, the results are of {found}")));
            }
        }
        Ok(())
    }
}

pub(crate) fn offer() -> Offer {
    let kind = Kind::new("report.figure12", "Figure 12: accuracy of generated models along the training")
        .inputs([Input::new("results", PARQUET, "tables of `evaluate_snapshots` of a problem").many()])
        .outputs(output::of_figure())
        .parameters([
            Parameter::int(
                "batch",
                0,
                1_000_000,
                "samples of a step, to count epochs of 200,000 samples; 0 counts steps",
            )
            .default(0),
            Parameter::list("batches", batch_of_one(), "the same for supernets with another number, by their labels")
                .default(serde_json::json!([])),
            output::scale(),
        ]);
    Offer { kind, run }
}

fn batch_of_one() -> ParameterType {
    ParameterType::Record {
        fields: vec![
            Parameter::string("label", "label of the supernet's results"),
            Parameter::int("batch", 1, 1_000_000, "samples of a step of its training"),
        ],
    }
}

fn run(stage: &Stage) -> Result<(), StageError> {
    let p: Parameters = stage.parameters()?;
    let results = output::labelled(stage, "results", &["network", "step", "task", "limit", "accuracy"], &[])?;
    figure(&results, &p.batches, &p.scale)?.write(stage)
}

struct Mean {
    supernet: usize,
    limit: f64,
    step: f64,
    accuracy: Estimate,
}

pub(crate) fn figure(results: &DataFrame, batches: &Batches, scale: &str) -> Result<Figure, ReportError> {
    let supernets = Supernets::of(results, &["step", "task", "limit"])?;
    batches.check(supernets.all())?;
    let means = means(results, &supernets)?;
    let mut limits: Vec<f64> = means.iter().map(|mean| mean.limit).collect();
    limits.sort_by(f64::total_cmp);
    limits.dedup();
    let all = supernets.all();
    let own = |at: usize| means.iter().filter(|mean| mean.supernet == at).collect::<Vec<&Mean>>();
    let panels: Vec<Panel> =
        all.iter().enumerate().map(|(at, one)| panel(&one.title, &own(at), &limits, batches.of(one))).collect();
    let columns = panels.len().min(3);
    let chart = Chart { panels, columns, area: (370.0, 250.0) };
    Ok(Figure { chart, document: document(&means, all, batches, scale), data: data(&means, all)? })
}

fn panel(title: &str, own: &[&Mean], limits: &[f64], batch: u32) -> Panel {
    let (unit, each) = if batch > 0 {
        ("training (epochs of 200,000 samples)", f64::from(batch) / EPOCH)
    } else {
        ("training (steps)", 1.0)
    };
    let series = limits.iter().enumerate().map(|(style, at)| {
        let points =
            own.iter().filter(|mean| mean.limit == *at).map(|mean| mean.accuracy.point(mean.step * each)).collect();
        Series { name: format!("limit {}", limit(*at)), style, look: Look::Line, points }
    });
    let series: Vec<Series> = series.collect();
    let low = series.iter().flat_map(|one| &one.points).map(|p| p.interval.map_or(p.y, |i| i.0)).fold(100.0, f64::min);
    let tasks = counts(own.iter().map(|mean| mean.accuracy.count));
    Panel {
        title: title.to_owned(),
        note: format!("mean over {tasks} tasks, with its 95 % interval"),
        x: Axis::around(unit, own.iter().map(|mean| mean.step * each).chain([0.0])),
        y: Axis::accuracy(low),
        body: Body::Series(series),
    }
}

/// Mean accuracy over tasks by supernet, limit and step.
fn means(results: &DataFrame, supernets: &Supernets) -> Result<Vec<Mean>, ReportError> {
    let (limits, steps) = (read::all_numbers(results, "limit")?, read::all_numbers(results, "step")?);
    let accuracy = read::all_numbers(results, "accuracy")?;
    let mut groups: Vec<((usize, f64, f64), Vec<f64>)> = Vec::new();
    for row in 0..limits.len() {
        let place = (supernets.of_row(row), limits[row], steps[row]);
        match groups.iter_mut().find(|(group, _)| *group == place) {
            Some((_, values)) => values.push(accuracy[row]),
            None => groups.push((place, vec![accuracy[row]])),
        }
    }
    let one = |((supernet, limit, step), values): ((usize, f64, f64), Vec<f64>)| {
        Some(Mean { supernet, limit, step, accuracy: Estimate::of(&values)? })
    };
    let mut means: Vec<Mean> = groups.into_iter().filter_map(one).collect();
    means.sort_by(|a, b| (a.supernet, a.step).partial_cmp(&(b.supernet, b.step)).unwrap_or(Ordering::Equal));
    Ok(means)
}

fn document(means: &[Mean], supernets: &[Supernet], batches: &Batches, scale: &str) -> Document {
    let mut claims = Vec::new();
    for (position, supernet) in supernets.iter().enumerate() {
        let own: Vec<&Mean> = means.iter().filter(|mean| mean.supernet == position).collect();
        let least = own.iter().map(|mean| mean.limit).fold(f64::INFINITY, f64::min);
        let own: Vec<&&Mean> = own.iter().filter(|mean| mean.limit == least).collect();
        let (Some(first), Some(last)) = (own.first(), own.last()) else { continue };
        let batch = batches.of(supernet);
        let at = |mean: &Mean| {
            let samples = mean.step * f64::from(batch);
            let epochs = if batch > 0 { format!(" ({:.2} epochs)", samples / EPOCH) } else { String::new() };
            format!("{} after {:.0} steps{epochs}", percent(Some(mean.accuracy.mean), 2), mean.step)
        };
        let ours = format!("{}; {} (limit {})", at(first), at(last), limit(least));
        claims.push(Claim::new(&supernet.title, "accuracy improves gradually with more epochs", ours));
    }
    let told = supernets.iter().filter(|one| batches.of(one) > 0);
    let told: Vec<String> = told.map(|one| format!("{} of {}", batches.of(one), one.title)).collect();
    let epochs = match told.is_empty() {
        true => String::new(),
        false => format!(
            "An epoch is 200,000 samples, as in the paper, which trains for 150. Samples of a step: {}.",
            told.join(", ")
        ),
    };
    Document::new("Accuracy of generated models along the training (Fig. 12)")
        .text(format!(
            "Mean over {} tasks with the 95 % interval of that mean (Student's t over tasks). {epochs}",
            counts(means.iter().map(|mean| mean.accuracy.count))
        ))
        .table("The paper's claims", output::claims(claims))
        .text(scale)
}

fn data(means: &[Mean], supernets: &[Supernet]) -> PolarsResult<DataFrame> {
    let floats = |f: &dyn Fn(&Mean) -> f64| means.iter().map(f).collect::<Vec<f64>>();
    df!(
        "label" => means.iter().map(|mean| supernets[mean.supernet].label.clone()).collect::<Vec<String>>(),
        "network" => means.iter().map(|mean| supernets[mean.supernet].network.clone()).collect::<Vec<String>>(),
        "limit" => floats(&|mean| mean.limit),
        "step" => floats(&|mean| mean.step),
        "accuracy" => floats(&|mean| mean.accuracy.mean),
        "low" => means.iter().map(|mean| Some(mean.accuracy.interval()?.0)).collect::<Vec<Option<f64>>>(),
        "high" => means.iter().map(|mean| Some(mean.accuracy.interval()?.1)).collect::<Vec<Option<f64>>>(),
        "tasks" => means.iter().map(|mean| mean.accuracy.count as u64).collect::<Vec<u64>>(),
    )
}

//! Kind `report.figure11`: the ratio that the assembler generates, and what importance pruning leaves, against the limit
//! that was asked for (Fig. 11).

use nnf_contract::{Input, Kind, Offer, Stage, StageError};
use nnf_results::statistics;
use polars::prelude::*;
use serde::Deserialize;

use crate::chart::{Axis, Body, Chart, Look, Panel, Point, Series};
use crate::document::Document;
use crate::error::ReportError;
use crate::format::{NONE, limit, percent};
use crate::output::{self, Claim, Figure, PARQUET};
use crate::read;
use crate::supernets::{Supernet, Supernets};

/// How far ratios may be apart that count as one, and from a limit that does not bind: half a point.
const STABLE: f64 = 0.005;

#[derive(Debug, Deserialize)]
struct Parameters {
    scale: String,
}

pub(crate) fn offer() -> Offer {
    let summary = "Figure 11: generated activation ratio, before and after importance pruning, against the limit";
    let kind = Kind::new("report.figure11", summary)
        .inputs([Input::new("results", PARQUET, "rows of tasks at several limits, of one backbone or several").many()])
        .outputs(output::of_figure())
        .parameters([output::scale()]);
    Offer { kind, run }
}

fn run(stage: &Stage) -> Result<(), StageError> {
    let p: Parameters = stage.parameters()?;
    let columns = ["network", "task", "seen", "limit", "generated_ratio", "ratio"];
    let results = output::labelled(stage, "results", &columns, &[])?;
    figure(&results, &p.scale)?.write(stage)
}

/// A supernet's position and a limit, with the values of each task.
pub(super) type Group = ((usize, f64), Vec<Vec<f64>>);

/// Values of some columns of each seen task, by supernet and by rising limit.
pub(super) fn groups(results: &DataFrame, supernets: &Supernets, columns: &[&str]) -> Result<Vec<Group>, ReportError> {
    let (seen, limits) = (read::flags(results, "seen")?, read::all_numbers(results, "limit")?);
    let values = columns.iter().map(|name| read::all_numbers(results, name)).collect::<Result<Vec<_>, _>>()?;
    let mut groups = Vec::new();
    for supernet in 0..supernets.all().len() {
        let own: Vec<usize> = supernets.rows(supernet).into_iter().filter(|row| seen[*row]).collect();
        let mut own_limits: Vec<f64> = own.iter().map(|row| limits[*row]).collect();
        own_limits.sort_by(f64::total_cmp);
        own_limits.dedup();
        for limit in own_limits {
            let rows = own.iter().filter(|row| limits[**row] == limit);
            let rows = rows.map(|row| values.iter().map(|column| column[*row]).collect()).collect();
            groups.push(((supernet, limit), rows));
        }
    }
    if groups.is_empty() {
        return Err(ReportError::Misfit("no row is of a task that was trained on".into()));
    }
    Ok(groups)
}

struct Mean {
    supernet: usize,
    limit: f64,
    /// Generated, then pruned: mean, least and greatest over tasks.
    ratios: [(f64, f64, f64); 2],
}

pub(crate) fn figure(results: &DataFrame, scale: &str) -> Result<Figure, ReportError> {
    let supernets = Supernets::of(results, &["task", "limit"])?;
    let one = |((supernet, limit), values): Group| {
        let ratios = [0, 1].map(|part| {
            let own: Vec<f64> = values.iter().map(|row| row[part]).collect();
            (statistics::mean(&own), statistics::quantile(&own, 0.0), statistics::quantile(&own, 1.0))
        });
        Mean { supernet, limit, ratios }
    };
    let means: Vec<Mean> = groups(results, &supernets, &["generated_ratio", "ratio"])?.into_iter().map(one).collect();
    let all = supernets.all();
    let panels: Vec<Panel> = all.iter().enumerate().map(|(at, one)| panel(&one.title, at, &means)).collect();
    let columns = panels.len().min(3);
    let chart = Chart { panels, columns, area: (320.0, 280.0) };
    Ok(Figure { chart, document: document(&means, all, scale), data: data(&means, all)? })
}

fn panel(title: &str, supernet: usize, means: &[Mean]) -> Panel {
    let own: Vec<&Mean> = means.iter().filter(|mean| mean.supernet == supernet).collect();
    let points = |part: usize| {
        let point = |mean: &&Mean| {
            let (middle, low, high) = mean.ratios[part];
            Point::within(mean.limit * 100.0, middle * 100.0, low * 100.0, high * 100.0)
        };
        own.iter().map(point).collect::<Vec<Point>>()
    };
    let (first, last) = (own.first().map_or(1.0, |mean| mean.limit), own.last().map_or(1.0, |mean| mean.limit));
    let diagonal = [first, last].map(|limit| Point::new(limit * 100.0, limit * 100.0)).to_vec();
    // What is drawn one above the other stays readable: the ring shows around the disc.
    let series = vec![
        Series { name: "ratio = limit".into(), style: 0, look: Look::Guide, points: diagonal.clone() },
        Series { name: "generated".into(), style: 1, look: Look::Line, points: points(0) },
        Series { name: "after importance pruning".into(), style: 0, look: Look::Line, points: points(1) },
    ];
    let heights: Vec<f64> = series
        .iter()
        .flat_map(|one| &one.points)
        .flat_map(|point| [Some(point.y), point.interval.map(|i| i.0), point.interval.map(|i| i.1)])
        .flatten()
        .collect();
    Panel {
        title: title.to_owned(),
        note: "mean over seen tasks; bars from the least to the greatest".into(),
        x: Axis::log_around("activation limit (%)", own.iter().map(|mean| mean.limit * 100.0)),
        y: Axis::log_around("activation ratio (%)", heights),
        body: Body::Series(series),
    }
}

fn document(means: &[Mean], supernets: &[Supernet], scale: &str) -> Document {
    let mut claims = Vec::new();
    for (position, supernet) in supernets.iter().enumerate() {
        let own: Vec<&Mean> = means.iter().filter(|mean| mean.supernet == position).collect();
        let Some(first) = own.first() else { continue };
        let title = &supernet.title;
        let [generated, pruned] = first.ratios;
        let ours = format!(
            "limit {}: generated {}, after pruning {}",
            limit(first.limit),
            percent(Some(generated.0), 1),
            percent(Some(pruned.0), 1)
        );
        let paper = "at very low limits the ratio misses the limit, and pruning brings it to the diagonal";
        claims.push(Claim::new(format!("{title}, low limits"), paper, ours));
        claims.push(Claim::new(format!("{title}, high limits"), "the ratio becomes stable", at_high_limits(&own)));
    }
    let nothing = means.iter().any(|mean| mean.ratios.iter().any(|(_, least, _)| *least <= 0.0));
    Document::new("Generated activation ratio and specified activation limit (Fig. 11)")
        .text("Mean over tasks that were trained on; bars reach from the least to the greatest task.")
        .text(if nothing {
            "A ratio of 0 has no place on the logarithmic axis and is marked at its lower end."
        } else {
            ""
        })
        .table("The paper's claims", output::claims(claims))
        .text(scale)
}

/// From where on the ratio stays as it is at the greatest limit, though it could be greater.
fn at_high_limits(own: &[&Mean]) -> String {
    let [.., before, last] = own else { return NONE.to_owned() };
    let ratio = |mean: &Mean| mean.ratios[1].0;
    let told = |mean: &Mean| percent(Some(ratio(mean)), 1);
    let as_last = |mean: &&&Mean| (ratio(mean) - ratio(last)).abs() < STABLE && ratio(mean) < mean.limit - STABLE;
    match own.iter().rev().take_while(as_last).last().filter(|even| even.limit < last.limit) {
        Some(even) => format!("within half a point of {} from a limit of {} on", told(last), limit(even.limit)),
        None => {
            let before = format!("{} at a limit of {}", told(before), limit(before.limit));
            format!("does not become stable: {before}, {} at {}", told(last), limit(last.limit))
        }
    }
}

fn data(means: &[Mean], supernets: &[Supernet]) -> PolarsResult<DataFrame> {
    let floats = |f: &dyn Fn(&Mean) -> f64| means.iter().map(f).collect::<Vec<f64>>();
    df!(
        "label" => means.iter().map(|mean| supernets[mean.supernet].label.clone()).collect::<Vec<String>>(),
        "network" => means.iter().map(|mean| supernets[mean.supernet].network.clone()).collect::<Vec<String>>(),
        "limit" => floats(&|mean| mean.limit),
        "generated" => floats(&|mean| mean.ratios[0].0),
        "generated_least" => floats(&|mean| mean.ratios[0].1),
        "generated_greatest" => floats(&|mean| mean.ratios[0].2),
        "pruned" => floats(&|mean| mean.ratios[1].0),
        "pruned_least" => floats(&|mean| mean.ratios[1].1),
        "pruned_greatest" => floats(&|mean| mean.ratios[1].2),
    )
}

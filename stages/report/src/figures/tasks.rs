//! Kind `report.figure14`: accuracy of seen and unseen tasks, bars sorted, unseen ones hatched (Fig. 14a).

use nnf_contract::{Input, Kind, Offer, Parameter, Stage, StageError};
use nnf_results::statistics;
use polars::prelude::*;
use serde::Deserialize;

use crate::chart::{Axis, Body, Chart, Look, Name, Panel, Point, Series};
use crate::document::Document;
use crate::error::ReportError;
use crate::format::{self, percent};
use crate::output::{self, Claim, Figure, PARQUET};
use crate::read;
use crate::supernets::Supernets;

#[derive(Debug, Deserialize)]
struct Parameters {
    limit: f64,
    scale: String,
}

pub(crate) fn offer() -> Offer {
    let kind =
        Kind::new("report.figure14", "Figure 14: accuracy of known and unseen tasks, sorted, unseen ones marked")
            .inputs([Input::new("results", PARQUET, "rows of all tasks, of one backbone or several").many()])
            .outputs(output::of_figure())
            .parameters([
                Parameter::float("limit", 1e-6, 1.0, "the limit whose rows are shown").default(0.05),
                output::scale(),
            ]);
    Offer { kind, run }
}

fn run(stage: &Stage) -> Result<(), StageError> {
    let p: Parameters = stage.parameters()?;
    let columns = ["network", "task", "seen", "limit", "accuracy", "low", "high", "samples"];
    figure(&output::labelled(stage, "results", &columns, &[])?, p.limit, &p.scale)?.write(stage)
}

struct Row {
    task: String,
    seen: bool,
    accuracy: f64,
    interval: (f64, f64),
}

pub(crate) fn figure(results: &DataFrame, limit: f64, scale: &str) -> Result<Figure, ReportError> {
    let near = |at: f64| (at - limit).abs() < 1e-9;
    let shown: BooleanChunked = read::all_numbers(results, "limit")?.into_iter().map(near).collect();
    let data = results.filter(&shown)?;
    if data.height() == 0 {
        return Err(ReportError::Misfit(format!("no row has the limit {limit}")));
    }
    let supernets = Supernets::of(&data, &["task", "limit"])?;
    let mut groups = Vec::new();
    for (position, supernet) in supernets.all().iter().enumerate() {
        groups.push((supernet.title.clone(), rows(&data, &supernets.rows(position))?));
    }
    let panels: Vec<Panel> = groups.iter().map(|(title, rows)| panel(title, rows, limit)).collect();
    let most = groups.iter().map(|(_, rows)| rows.len()).max().unwrap_or(1);
    let chart = Chart { panels, columns: 1, area: ((most as f64 * 13.0).max(240.0), 190.0) };
    Ok(Figure { chart, document: document(&groups, limit, scale), data })
}

/// Rows of a supernet, best first.
fn rows(data: &DataFrame, own: &[usize]) -> Result<Vec<Row>, ReportError> {
    let (tasks, seen) = (read::words(data, "task")?, read::flags(data, "seen")?);
    let number = |name: &str| read::all_numbers(data, name);
    let (accuracy, low, high) = (number("accuracy")?, number("low")?, number("high")?);
    let row = |at: &usize| Row {
        task: tasks[*at].clone(),
        seen: seen[*at],
        accuracy: accuracy[*at],
        interval: (low[*at], high[*at]),
    };
    let mut rows: Vec<Row> = own.iter().map(row).collect();
    rows.sort_by(|a, b| b.accuracy.total_cmp(&a.accuracy).then_with(|| a.task.cmp(&b.task)));
    Ok(rows)
}

fn panel(title: &str, rows: &[Row], limit: f64) -> Panel {
    let bars = |seen: bool| {
        let own = rows.iter().enumerate().filter(|(_, row)| row.seen == seen);
        own.map(|(at, row)| {
            let (low, high) = row.interval;
            Point::within(at as f64, row.accuracy * 100.0, low * 100.0, high * 100.0)
        })
        .collect::<Vec<Point>>()
    };
    let least = rows.iter().map(|row| row.interval.0).fold(1.0, f64::min);
    let names = rows.iter().map(|row| Name { text: row.task.clone(), marked: !row.seen }).collect();
    Panel {
        title: title.to_owned(),
        note: format!("limit {}; bars: 95 % intervals; unseen tasks bold", format::limit(limit)),
        x: Axis::names("task", names),
        y: Axis::between("accuracy (%)", if least > 0.5 { 50.0 } else { 0.0 }, 102.0),
        body: Body::Series(vec![
            // Light, so that intervals show on it.
            Series { name: "seen in training".into(), style: 5, look: Look::Bars, points: bars(true) },
            Series { name: "unseen".into(), style: 1, look: Look::HatchedBars, points: bars(false) },
        ]),
    }
}

fn document(groups: &[(String, Vec<Row>)], limit: f64, scale: &str) -> Document {
    let mut claims = Vec::new();
    for (title, rows) in groups {
        let of = |seen: bool| rows.iter().filter(|row| row.seen == seen).map(|row| row.accuracy).collect::<Vec<f64>>();
        let (seen, unseen) = (of(true), of(false));
        let mean = |values: &[f64]| percent(Some(statistics::mean(values)), 2);
        let ours =
            format!("mean {} of {} seen, {} of {} unseen tasks", mean(&seen), seen.len(), mean(&unseen), unseen.len());
        claims.push(Claim::new(format!("{title}: means"), "slightly lower for unseen tasks", ours));
        let good = unseen.iter().filter(|accuracy| **accuracy >= 0.95).count();
        let least = unseen.iter().copied().fold(f64::INFINITY, f64::min);
        let ours = format!("{good} of {} at 95 % or above; least {}", unseen.len(), percent(Some(least), 2));
        claims.push(Claim::new(format!("{title}: unseen tasks"), "most are excellent, a few much lower", ours));
    }
    Document::new("Accuracy of known and unseen tasks (Fig. 14a, NumVQA)")
        .text(format!(
            "All tasks at a limit of {}, best first. No sample of an unseen task was trained on; whether samples of further \
             tasks were, which teach the assembler what a task's bits mean, the pipeline says.",
            format::limit(limit)
        ))
        .table("The paper's claims", output::claims(claims))
        .text(scale)
}

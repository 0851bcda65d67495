//! Kind `report.table2`: accuracy and ratio by task and limit, the paper's beside ours (Table 2).
//!
//! Beside the ratio stand kept modules, MACs ratio, parameters and bytes, since a ratio alone says little: the paper's
//! networks are wider than ours.

use std::collections::BTreeMap;

use nnf_contract::{Input, Kind, Offer, Parameter, Stage, StageError};
use nnf_results::statistics;
use polars::prelude::*;
use serde::Deserialize;

use crate::document::Document;
use crate::error::ReportError;
use crate::format::{limit, megabytes, or_none, percent, percents, points};
use crate::output::{self, PARQUET};
use crate::read;
use crate::supernets::Supernets;
use crate::table::Table;

#[derive(Debug, Deserialize)]
struct Parameters {
    title: String,
    scale: String,
}

const COLUMNS: [&str; 15] = [
    "network",
    "task",
    "seen",
    "limit",
    "accuracy",
    "low",
    "high",
    "samples",
    "generated_ratio",
    "ratio",
    "kept",
    "modules",
    "macs_ratio",
    "parameters",
    "weight_bytes",
];

/// What tells the rows of a supernet apart.
const KEY: [&str; 2] = ["task", "limit"];

pub(crate) fn offer() -> Offer {
    let kind = Kind::new("report.table2", "Table 2: accuracy and ratio by task and limit, the paper's beside ours")
        .inputs([
            Input::new("results", PARQUET, "our rows of the paper's table, of one backbone or several").many(),
            Input::new("paper", "text/csv", "the paper's rows"),
            Input::new("all", PARQUET, "our rows of all tasks, for means over seen and unseen tasks").many().optional(),
        ])
        .outputs(output::of_table())
        .parameters([
            Parameter::string("title", "heading of the table").default("The quality of generated models on NumVQA"),
            output::scale(),
        ]);
    Offer { kind, run }
}

fn run(stage: &Stage) -> Result<(), StageError> {
    let p: Parameters = stage.parameters()?;
    let results = output::labelled(stage, "results", &COLUMNS, &[])?;
    let paper = read::csv(stage.input("paper")?, &["task", "activation_limit"])?;
    let joined = joined(&results, &paper)?;
    let mut document = document(&p.title, &joined)?;
    if !stage.inputs("all").is_empty() {
        let all = output::labelled(stage, "all", &COLUMNS, &[])?;
        document = document.table("All tasks", means(&all)?);
    }
    let document = document.text(p.scale);
    let accuracy: Vec<f64> = read::numbers(&joined, "accuracy")?.into_iter().flatten().collect();
    stage.metrics(
        None,
        &[
            ("mean accuracy", statistics::mean(&accuracy)),
            ("least accuracy", accuracy.iter().copied().fold(f64::INFINITY, f64::min)),
        ],
    );
    output::write_table(stage, &document, joined)
}

/// Our rows with the paper's figures where it has them, in the order of ours.
pub(crate) fn joined(results: &DataFrame, paper: &DataFrame) -> Result<DataFrame, ReportError> {
    // Limits are compared in millionths, since one is computed and the other read from text.
    let millionths = |limit: f64| (limit * 1e6).round() as i64;
    let (tasks, limits) = (read::words(paper, "task")?, read::all_numbers(paper, "activation_limit")?);
    let place: BTreeMap<(String, i64), usize> = tasks
        .into_iter()
        .zip(limits)
        .enumerate()
        .map(|(row, (task, limit))| ((task, millionths(limit)), row))
        .collect();
    let supernets = Supernets::of(results, &KEY)?;
    let (tasks, limits) = (read::words(results, "task")?, read::all_numbers(results, "limit")?);
    let mut theirs = [Vec::new(), Vec::new()];
    for row in 0..results.height() {
        let at = place.get(&(tasks[row].clone(), millionths(limits[row])));
        let family = supernets.all()[supernets.of_row(row)].column();
        for (found, part) in theirs.iter_mut().zip(["accuracy", "activation_ratio"]) {
            let column = format!("{family}_{part}");
            let column = if read::has(paper, &column) { read::numbers(paper, &column)? } else { Vec::new() };
            found.push(at.and_then(|at| column.get(*at).copied().flatten()));
        }
    }
    let [accuracy, ratio] = theirs;
    let mut joined = results.clone();
    joined.with_column(Column::new("paper_accuracy".into(), accuracy))?;
    joined.with_column(Column::new("paper_ratio".into(), ratio))?;
    Ok(joined)
}

pub(crate) fn document(title: &str, joined: &DataFrame) -> Result<Document, ReportError> {
    let supernets = Supernets::of(joined, &KEY)?;
    let modules = read::numbers(joined, "modules")?;
    let mut document = Document::new(title);
    for (position, supernet) in supernets.all().iter().enumerate() {
        let rows = supernets.rows(position);
        let accuracy: Vec<f64> = pick(&read::numbers(joined, "accuracy")?, &rows).into_iter().flatten().collect();
        let mean = statistics::mean(&accuracy);
        let modules = or_none(rows.first().and_then(|row| modules[*row]), |modules| format!("{modules:.0} modules"));
        let (title, network) = (&supernet.title, &supernet.network);
        let caption = format!("{title}: {network}, {modules}, mean accuracy {}", percent(Some(mean), 2));
        document = document.table(caption, comparison(joined, &rows)?);
    }
    Ok(document.text(
        "A ratio is of a network's own modules. The paper's networks have other numbers of modules than ours, so no \
         difference of ratios is shown.",
    ))
}

const TITLES: [&str; 13] = [
    "task:",
    "limit",
    "accuracy, paper",
    "accuracy, ours",
    "95 % interval",
    "difference, points",
    "ratio, paper",
    "ratio, ours",
    "modules kept",
    "MACs, of the whole",
    "parameters",
    "weights",
    "samples",
];

fn comparison(joined: &DataFrame, rows: &[usize]) -> Result<Table, ReportError> {
    let column = |name: &str| read::numbers(joined, name);
    let (tasks, limits) = (read::words(joined, "task")?, column("limit")?);
    let (accuracy, low, high) = (column("accuracy")?, column("low")?, column("high")?);
    let (theirs, their_ratio, ratio) = (column("paper_accuracy")?, column("paper_ratio")?, column("ratio")?);
    let (kept, modules, macs) = (column("kept")?, column("modules")?, column("macs_ratio")?);
    let (parameters, bytes, samples) = (column("parameters")?, column("weight_bytes")?, column("samples")?);
    let whole = |value: Option<f64>| or_none(value, |value| format!("{value:.0}"));
    let row = |at: &usize| {
        let at = *at;
        vec![
            tasks[at].clone(),
            or_none(limits[at], limit),
            percent(theirs[at], 1),
            percent(accuracy[at], 2),
            percents(low[at], high[at], 2),
            points(accuracy[at], theirs[at]),
            percent(their_ratio[at], 1),
            percent(ratio[at], 1),
            format!("{} of {}", whole(kept[at]), whole(modules[at])),
            percent(macs[at], 1),
            or_none(parameters[at], |value| format!("{:.2} M", value / 1e6)),
            megabytes(bytes[at]),
            whole(samples[at]),
        ]
    };
    Ok(Table::new(TITLES, rows.iter().map(row).collect()))
}

fn pick<T: Clone>(values: &[T], rows: &[usize]) -> Vec<T> {
    rows.iter().map(|row| values[*row].clone()).collect()
}

/// Mean accuracy and ratio over seen and over unseen tasks, by supernet and limit.
pub(crate) fn means(all: &DataFrame) -> Result<Table, ReportError> {
    let (limits, accuracy) = (read::all_numbers(all, "limit")?, read::numbers(all, "accuracy")?);
    let (ratio, seen) = (read::numbers(all, "ratio")?, read::flags(all, "seen")?);
    let supernets = Supernets::of(all, &KEY)?;
    let mut groups: BTreeMap<(usize, i64, bool), Vec<(f64, f64)>> = BTreeMap::new();
    for at in 0..all.height() {
        let key = (supernets.of_row(at), (limits[at] * 1e6).round() as i64, !seen[at]);
        groups.entry(key).or_default().push((accuracy[at].unwrap_or(f64::NAN), ratio[at].unwrap_or(f64::NAN)));
    }
    let row = |key: &(usize, i64, bool)| {
        let ((supernet, millionths, unseen), values) = (key, &groups[key]);
        let mean = |f: &dyn Fn(&(f64, f64)) -> f64| statistics::mean(&values.iter().map(f).collect::<Vec<f64>>());
        let least = values.iter().map(|(accuracy, _)| *accuracy).fold(f64::INFINITY, f64::min);
        vec![
            supernets.all()[*supernet].title.clone(),
            limit(*millionths as f64 / 1e6),
            if *unseen { "unseen" } else { "seen" }.to_owned(),
            values.len().to_string(),
            percent(Some(mean(&|value| value.0)), 2),
            percent(Some(least), 2),
            percent(Some(mean(&|value| value.1)), 1),
        ]
    };
    let rows = groups.keys().map(row).collect();
    Ok(Table::new(["backbone:", "limit", "tasks:", "number", "mean accuracy", "least accuracy", "mean ratio"], rows))
}

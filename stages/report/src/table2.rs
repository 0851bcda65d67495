//! Kind `report.table2`: accuracy and ratio by task and limit, the paper's beside ours (Table 2).
//!
//! Beside the ratio stand kept channels, MACs ratio, parameters and bytes, since a ratio alone says little: the paper's
//! network is wider than ours. It does not know how accuracy was found.

use std::collections::BTreeMap;

use nnf_contract::{Input, Kind, Offer, Output, Parameter, Stage, StageError};
use polars::prelude::*;
use serde::Deserialize;

use crate::error::ReportError;
use crate::markdown::{megabytes, percent, points, table};
use crate::read;

#[derive(Debug, Deserialize)]
struct Parameters {
    backbone: String,
    scale: String,
}

pub(crate) fn offer() -> Offer {
    let parquet = "application/vnd.apache.parquet";
    let kind = Kind::new("report.table2", "Accuracy and ratio by task and limit, the paper's beside ours")
        .inputs([
            Input::new("results", parquet, "our rows: those of the paper's table"),
            Input::new("paper", "text/csv", "the paper's rows"),
            Input::new("all", parquet, "our rows of all tasks, for means over seen and unseen tasks").optional(),
        ])
        .outputs([
            Output::new("markdown", "text/markdown", "the table for people"),
            Output::new("csv", "text/csv", "the table"),
            Output::new("parquet", parquet, "the table"),
        ])
        .parameters([
            Parameter::choice("backbone", &["resnet", "vit"], "which of the paper's columns to compare with")
                .default("resnet"),
            Parameter::string("scale", "what is smaller than in the paper, said under the table").default(""),
        ]);
    Offer { kind, run }
}

fn run(stage: &Stage) -> Result<(), StageError> {
    let p: Parameters = stage.parameters()?;
    let results = read::parquet(stage.input("results")?)?;
    let paper = read::csv(stage.input("paper")?)?;
    let mut joined = joined(&results, &paper, &p.backbone)?;
    let mut text = markdown(&joined)?;
    if !p.scale.is_empty() {
        text.push_str(&format!("\n{}\n", p.scale.trim()));
    }
    if let Some(all) = stage.optional_input("all")? {
        text.push_str(&means(&read::parquet(all)?)?);
    }
    fs_err::write(stage.output("markdown")?, text).map_err(StageError::failed)?;
    let accuracy: Vec<f64> = read::numbers(&joined, "accuracy")?.into_iter().flatten().collect();
    stage.metrics(
        None,
        &[
            ("mean accuracy", accuracy.iter().sum::<f64>() / accuracy.len().max(1) as f64),
            ("least accuracy", accuracy.iter().copied().fold(f64::INFINITY, f64::min)),
        ],
    );
    Ok(read::write(&mut joined, stage.output("csv")?, stage.output("parquet")?)?)
}

/// Our rows with the paper's figures where it has them, in the order of ours.
pub(crate) fn joined(results: &DataFrame, paper: &DataFrame, backbone: &str) -> Result<DataFrame, ReportError> {
    let (accuracy, ratio) = (format!("{backbone}_accuracy"), format!("{backbone}_activation_ratio"));
    // Limits are compared in thousandths, since one is computed and the other read from text.
    let thousandths = |column: &str| {
        (col(column) * lit(1000.0)).round(0, RoundMode::HalfToEven).cast(DataType::Int64).alias("thousandths")
    };
    let theirs = paper.clone().lazy().with_column(thousandths("activation_limit")).select([
        col("task"),
        col("thousandths"),
        col(accuracy.as_str()).alias("paper_accuracy"),
        col(ratio.as_str()).alias("paper_ratio"),
    ]);
    let ours = results.clone().lazy().with_column(thousandths("limit"));
    let mut arguments = JoinArgs::new(JoinType::Left);
    arguments.maintain_order = MaintainOrderJoin::Left;
    let on = [col("task"), col("thousandths")];
    Ok(ours
        .join(theirs, on.clone(), on, arguments)
        .select([all().exclude_cols(["thousandths"]).as_expr()])
        .collect()?)
}

fn markdown(joined: &DataFrame) -> Result<String, ReportError> {
    let column = |name: &str| read::numbers(joined, name);
    let (tasks, limits) = (read::words(joined, "task")?, column("limit")?);
    let (accuracy, low, high) = (column("accuracy")?, column("low")?, column("high")?);
    let (theirs, their_ratio, ratio) = (column("paper_accuracy")?, column("paper_ratio")?, column("ratio")?);
    let (kept, modules, macs) = (column("kept")?, column("modules")?, column("macs_ratio")?);
    let (parameters, bytes, samples) = (column("parameters")?, column("weight_bytes")?, column("samples")?);
    let whole = |value: Option<f64>| value.map_or_else(|| "–".into(), |value| format!("{value:.0}"));
    let row = |at: usize| {
        vec![
            tasks[at].clone(),
            percent(limits[at], 0),
            percent(theirs[at], 1),
            percent(accuracy[at], 2),
            format!("{}–{}", percent(low[at], 2).trim_end_matches(" %"), percent(high[at], 2)),
            points(accuracy[at], theirs[at]),
            percent(their_ratio[at], 1),
            percent(ratio[at], 1),
            format!("{} of {}", whole(kept[at]), whole(modules[at])),
            percent(macs[at], 1),
            format!("{:.2} M", parameters[at].unwrap_or(f64::NAN) / 1e6),
            megabytes(bytes[at]),
            whole(samples[at]),
        ]
    };
    let rows: Vec<Vec<String>> = (0..joined.height()).map(row).collect();
    let titles = [
        "task:",
        "limit",
        "paper",
        "ours",
        "95 % interval",
        "points",
        "paper's ratio",
        "our ratio",
        "channels kept",
        "MACs",
        "parameters",
        "weights",
        "samples",
    ];
    let mean = accuracy.iter().flatten().sum::<f64>() / accuracy.len().max(1) as f64;
    Ok(format!("{}\nMean accuracy of these rows: {}.\n", table(&titles, &rows), percent(Some(mean), 2)))
}

/// Mean accuracy and ratio over seen and over unseen tasks, by limit.
fn means(all: &DataFrame) -> Result<String, ReportError> {
    let (limits, accuracy) = (read::numbers(all, "limit")?, read::numbers(all, "accuracy")?);
    let (ratio, seen) = (read::numbers(all, "ratio")?, read::flags(all, "seen")?);
    let mut groups: BTreeMap<(i64, bool), Vec<(f64, f64)>> = BTreeMap::new();
    for at in 0..all.height() {
        let limit = limits[at].ok_or_else(|| ReportError::Misfit(format!("row {at} has no limit")))?;
        let key = ((limit * 1e6).round() as i64, !seen[at]);
        groups.entry(key).or_default().push((accuracy[at].unwrap_or(f64::NAN), ratio[at].unwrap_or(f64::NAN)));
    }
    let rows: Vec<Vec<String>> = groups
        .iter()
        .map(|((limit, unseen), values)| {
            let mean = |f: &dyn Fn(&(f64, f64)) -> f64| values.iter().map(f).sum::<f64>() / values.len() as f64;
            let least = values.iter().map(|(accuracy, _)| *accuracy).fold(f64::INFINITY, f64::min);
            vec![
                percent(Some(*limit as f64 / 1e6), 0),
                if *unseen { "unseen" } else { "seen" }.to_owned(),
                values.len().to_string(),
                percent(Some(mean(&|value| value.0)), 2),
                percent(Some(least), 2),
                percent(Some(mean(&|value| value.1)), 1),
            ]
        })
        .collect();
    Ok(format!(
        "\nAll tasks:\n\n{}",
        table(&["limit", "tasks:", "number", "mean accuracy", "least", "mean ratio"], &rows)
    ))
}

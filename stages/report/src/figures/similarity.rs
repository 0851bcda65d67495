//! Kind `report.figure15`: similarity of gates between tasks and between limits, as heat maps (Fig. 15).
//!
//! A table's columns `limit`, of its rows between tasks, and `task`, of its rows between limits, say what is held
//! fixed.

use nnf_contract::{Input, Kind, Offer, Parameter, Stage, StageError};
use nnf_results::statistics;
use polars::prelude::*;
use serde::Deserialize;

use crate::chart::{Axis, Body, Chart, Name, Panel};
use crate::document::Document;
use crate::error::ReportError;
use crate::format::{NONE, limit};
use crate::output::{self, Claim, Figure, PARQUET};
use crate::read;

#[derive(Debug, Deserialize)]
struct Parameters {
    measure: String,
    scale: String,
}

pub(crate) fn offer() -> Offer {
    let kind = Kind::new("report.figure15", "Figure 15: similarity of gates between tasks and between limits")
        .inputs([Input::new("similarity", PARQUET, "the table of `gates.similarity`")])
        .outputs(output::of_figure())
        .parameters([
            Parameter::choice("measure", &["overlap", "cosine"], "overlap is intersection over union of kept modules")
                .default("overlap"),
            output::scale(),
        ]);
    Offer { kind, run }
}

fn run(stage: &Stage) -> Result<(), StageError> {
    let p: Parameters = stage.parameters()?;
    let columns = ["between", "a", "b", "a_seen", "b_seen", "overlap", "cosine"];
    let table = read::parquet(stage.input("similarity")?, &columns)?;
    figure(&table, &p.measure, &p.scale)?.write(stage)
}

/// A square of similarities with its names.
struct Square {
    names: Vec<Name>,
    rows: Vec<Vec<f64>>,
    /// What is the same for all of them, such as `at a limit of 5 %`, where the table says it.
    fixed: Option<String>,
}

pub(crate) fn figure(table: &DataFrame, measure: &str, scale: &str) -> Result<Figure, ReportError> {
    let (tasks, limits) = (square(table, "tasks", measure)?, square(table, "limits", measure)?);
    let what =
        if measure == "cosine" { "cosine of the gate vectors" } else { "intersection over union of kept modules" };
    let panel = |title: &str, label: &str, square: &Square| Panel {
        title: title.into(),
        note: square.fixed.as_ref().map_or_else(|| what.to_owned(), |fixed| format!("{fixed}; {what}")),
        x: Axis::names(label, square.names.clone()),
        y: Axis::names("", square.names.clone()),
        body: Body::Cells(square.rows.clone()),
    };
    let panels = vec![
        panel("(a) Between tasks", "task (bold: unseen)", &tasks),
        panel("(b) Between activation limits", "limit", &limits),
    ];
    let side = (tasks.names.len().max(limits.names.len()) as f64 * 32.0).max(220.0);
    let chart = Chart { panels, columns: 2, area: (side, side) };
    Ok(Figure { chart, document: document(&tasks, &limits, what, scale), data: table.clone() })
}

fn square(table: &DataFrame, between: &str, measure: &str) -> Result<Square, ReportError> {
    let groups = read::words(table, "between")?;
    let (a, b, seen) = (read::words(table, "a")?, read::words(table, "b")?, read::flags(table, "a_seen")?);
    let values = read::all_numbers(table, measure)?;
    let own: Vec<usize> = (0..groups.len()).filter(|row| groups[*row] == between).collect();
    let names = read::distinct(&own.iter().map(|row| a[*row].clone()).collect::<Vec<String>>());
    let cell = |one: &String, other: &String| {
        let found = own.iter().find(|row| a[**row] == *one && b[**row] == *other);
        found.map(|row| values[*row]).ok_or_else(|| {
            ReportError::Misfit(format!("the similarity of `{one}` and `{other}` between {between} is missing"))
        })
    };
    let rows =
        names.iter().map(|one| names.iter().map(|other| cell(one, other)).collect()).collect::<Result<_, _>>()?;
    if names.is_empty() {
        return Err(ReportError::Misfit(format!("the table has no similarities between {between}")));
    }
    let marked = |name: &String| own.iter().any(|row| a[*row] == *name && !seen[*row]);
    let names = names.iter().map(|name| Name { text: name.clone(), marked: marked(name) }).collect();
    Ok(Square { names, rows, fixed: fixed(table, between, &own)? })
}

/// The limit that tasks were compared at, or the task that limits were compared for.
fn fixed(table: &DataFrame, between: &str, own: &[usize]) -> Result<Option<String>, ReportError> {
    let mut told = if between == "tasks" {
        let limits = read::optional_numbers(table, "limit")?;
        own.iter().map(|row| limits[*row].map(|at| format!("at a limit of {}", limit(at)))).collect::<Vec<_>>()
    } else {
        let tasks = read::optional_words(table, "task")?;
        own.iter().map(|row| tasks[*row].as_ref().map(|task| format!("for the task {task}"))).collect()
    };
    told.dedup();
    match told.as_slice() {
        [one] => Ok(one.clone()),
        _ => Err(ReportError::Misfit(format!("the similarities between {between} are not all of one task and limit"))),
    }
}

fn document(tasks: &Square, limits: &Square, what: &str, scale: &str) -> Document {
    // The last word of a task is its target, the others its quantifier.
    let target = |at: usize| tasks.names[at].text.rsplit(' ').next().unwrap_or_default().to_owned();
    let (mut same, mut other) = (Vec::new(), Vec::new());
    for (a, row) in tasks.rows.iter().enumerate() {
        for (b, value) in row.iter().enumerate().skip(a + 1) {
            if target(a) == target(b) { same.push(*value) } else { other.push(*value) }
        }
    }
    let told = |values: &[f64]| {
        if values.is_empty() { NONE.to_owned() } else { format!("{:.2}", statistics::mean(values)) }
    };
    let alike = format!("{} of tasks with one target, {} of others", told(&same), told(&other));
    let count = limits.rows.len();
    let apart = |distance: usize| {
        (0..count.saturating_sub(distance)).map(|at| limits.rows[at][at + distance]).collect::<Vec<f64>>()
    };
    // One limit alone has neither neighbours nor ends.
    let ours = match count {
        0 | 1 => NONE.to_owned(),
        _ => format!("{} of neighbours, {} of the least and the greatest", told(&apart(1)), told(&apart(count - 1))),
    };
    let mut claims = vec![
        Claim::new("tasks", "the more alike tasks are, the more similar their gates", alike),
        Claim::new("limits", "the nearer limits are, the more similar the gates", ours),
    ];
    for (at, name) in tasks.names.iter().enumerate().filter(|(_, name)| name.marked) {
        let nearest = (0..tasks.names.len())
            .filter(|other| *other != at && !tasks.names[*other].marked)
            .max_by(|a, b| tasks.rows[at][*a].total_cmp(&tasks.rows[at][*b]));
        let ours = nearest.map_or_else(String::new, |other| {
            format!("most similar to {} ({:.2})", tasks.names[other].text, tasks.rows[at][other])
        });
        let paper = "an unseen task is similar to seen ones with its target";
        claims.push(Claim::new(format!("unseen: {}", name.text), paper, ours));
    }
    let held: Vec<String> = [("Tasks", tasks), ("Limits", limits)]
        .into_iter()
        .filter_map(|(what, square)| Some(format!("{what} are compared {}.", square.fixed.as_ref()?)))
        .collect();
    Document::new("Similarity of gates between tasks and between limits (Fig. 15, NumVQA)")
        .text(format!("Similarity is the {what}. {}", held.join(" ")))
        .table("The paper's claims", output::claims(claims))
        .text(scale)
}

//! Kind `evaluate_snapshots` of a problem: accuracy of the subnets of some tasks along the training of their supernet.

use std::path::{Path, PathBuf};

use nnf_contract::{Input, Kind, Offer, Output, Stage, StageError};
use nnf_problem::{Problem, Quality, kind_name};
use nnf_results::table;
use nnf_supernet::Supernet;
use polars::prelude::*;
use serde::Deserialize;

use crate::error::EvaluationError;
use crate::evaluate_kind::{choice, inputs, refuse_none};
use crate::rows::{self, Asked, Which};

#[derive(Debug, Deserialize)]
struct Parameters {
    limits: Vec<f64>,
    tasks: Which,
    draw: usize,
    seed: u64,
    samples: usize,
}

pub(crate) fn offer<P: Problem>() -> Offer {
    let summary = "Accuracy of the subnets of tasks at limits after each snapshot of a training (data of Figure 12)";
    let kind = Kind::new(&kind_name::<P>("evaluate_snapshots"), summary)
        .inputs([Input::new("snapshots", "inode/directory", "supernets along a training, a folder `step-…` each")])
        .inputs(inputs::<P>())
        .outputs([Output::new(
            "results",
            table::PARQUET,
            "a row for each snapshot, task and limit: step, accuracy with its 95 % interval, ratios, costs",
        )])
        .parameters(choice())
        .all_cpus();
    Offer { kind, run: run::<P> }
}

fn run<P: Problem>(stage: &Stage) -> Result<(), StageError> {
    let p: Parameters = stage.parameters()?;
    tch::set_num_threads(i32::try_from(stage.task().cpus.max(1)).unwrap_or(1));
    let snapshots = snapshots(stage.input("snapshots")?)?;
    let asked = Asked::<P>::read(stage)?;
    let tasks = asked.tasks(p.tasks, p.draw, p.seed)?;
    refuse_none(&p.limits)?;
    let total = (snapshots.len() * tasks.len() * p.limits.len()) as u64;
    let (mut done, mut all) = (0, None::<DataFrame>);
    for (step, folder) in &snapshots {
        let supernet = Supernet::load(folder).map_err(StageError::failed)?;
        let mut found = Vec::new();
        for task in &tasks {
            for limit in &p.limits {
                stage.go_on()?;
                found.push(asked.evaluate(&supernet, (*task, *limit), p.samples)?);
                done += 1;
                stage.progress(done, total, "subnets");
            }
        }
        let mean = Quality::mean(found.iter().map(|row| &row.found));
        stage.metrics(Some(*step), &[(&format!("mean {}", P::METRIC), mean)]);
        let table = rows::frame(&found, &asked.task_table, &supernet).and_then(|mut table| {
            table.insert_column(0, Column::new("step".into(), vec![*step; found.len()]))?;
            match all.take() {
                None => Ok(table),
                Some(before) => before.vstack(&table),
            }
        });
        all = Some(table.map_err(StageError::failed)?);
    }
    let all = all.ok_or_else(|| StageError::failed("there are no snapshots"))?;
    table::write(all, stage.output("results")?).map_err(StageError::failed)
}

/// The snapshots in a folder with their steps, in order.
pub(crate) fn snapshots(folder: &Path) -> Result<Vec<(u64, PathBuf)>, EvaluationError> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if let Some(step) = name.to_string_lossy().strip_prefix("step-").and_then(|step| step.parse().ok()) {
            found.push((step, entry.path()));
        }
    }
    found.sort();
    if found.is_empty() {
        return Err(EvaluationError::Misfit(format!(
            "{} has no folder `step-…`; was `snapshots` above 0 when the supernet was trained?",
            folder.display()
        )));
    }
    Ok(found)
}

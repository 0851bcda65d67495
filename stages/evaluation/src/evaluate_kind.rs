//! Kind `evaluate` of a problem: accuracy and cost of the subnet of every task at every limit.
//!
//! Every subnet is sliced out and run as it would be deployed.

use nnf_contract::{Input, Kind, Offer, Output, Parameter, ParameterType, Stage, StageError};
use nnf_problem::{Problem, Quality, kind_name};
use nnf_results::table;
use nnf_supernet::Supernet;
use serde::Deserialize;

use crate::error::EvaluationError;
use crate::rows::{self, Asked, Which};

#[derive(Debug, Deserialize)]
struct Parameters {
    limits: Vec<f64>,
    rows: Vec<Wanted>,
    tasks: Which,
    draw: usize,
    seed: u64,
    samples: usize,
}

#[derive(Debug, Deserialize)]
struct Wanted {
    task: String,
    limit: f64,
}

/// Inputs of all kinds that ask subnets.
pub(crate) fn inputs<P: Problem>() -> Vec<Input> {
    let own = [
        Input::new("samples", table::PARQUET, "samples to answer"),
        Input::new("tasks", table::PARQUET, "the tasks with their property bits"),
    ];
    P::inputs().into_iter().chain(own).collect()
}

/// Parameters that choose tasks and limits.
pub(crate) fn choice() -> Vec<Parameter> {
    vec![
        Parameter::list(
            "limits",
            ParameterType::Float { min: Some(1e-6), max: Some(1.0) },
            "limits of all tasks that have samples",
        )
        .default(serde_json::json!([0.03, 0.05, 0.1])),
        Parameter::choice(
            "tasks",
            &["all", "seen", "unseen"],
            "whether only tasks that were trained on, or only others",
        )
        .default("all"),
        Parameter::int("draw", 0, 1_000_000, "tasks to draw at random from these; 0 takes all").default(0),
        Parameter::int("seed", 0, i64::MAX, "seed of the draw").default(1),
        Parameter::int("samples", 1, 100_000_000, "samples of a row at most").default(1_000_000),
    ]
}

pub(crate) fn offer<P: Problem>() -> Offer {
    let limit = Parameter::float("limit", 1e-6, 1.0, "greatest share of modules");
    let wanted = ParameterType::Record { fields: vec![Parameter::string("task", "name of the task"), limit] };
    let kind = Kind::new(&kind_name::<P>("evaluate"), "Accuracy and cost of the subnets of tasks at limits")
        .inputs([Input::new("supernet", "inode/directory", "a trained supernet")])
        .inputs(inputs::<P>())
        .outputs([Output::new(
            "results",
            table::PARQUET,
            "a row for each task and limit: accuracy with its 95 % interval, ratios, costs",
        )])
        .parameters(choice())
        .parameters([Parameter::list("rows", wanted, "tasks with limits to evaluate in place of all")
            .default(serde_json::json!([]))])
        .all_cpus();
    Offer { kind, run: run::<P> }
}

fn run<P: Problem>(stage: &Stage) -> Result<(), StageError> {
    let p: Parameters = stage.parameters()?;
    tch::set_num_threads(i32::try_from(stage.task().cpus.max(1)).unwrap_or(1));
    let supernet = Supernet::load(stage.input("supernet")?).map_err(StageError::failed)?;
    let asked = Asked::<P>::read(stage)?;
    let wanted = wanted(&p, &asked)?;
    let mut found = Vec::new();
    for (done, one) in wanted.iter().enumerate() {
        stage.go_on()?;
        found.push(asked.evaluate(&supernet, *one, p.samples)?);
        stage.progress(done as u64 + 1, wanted.len() as u64, "subnets");
    }
    let least = found.iter().map(|row| row.found.value).fold(f64::INFINITY, f64::min);
    stage.metrics(
        None,
        &[
            (&format!("mean {}", P::METRIC), Quality::mean(found.iter().map(|row| &row.found))),
            (&format!("least {}", P::METRIC), least),
        ],
    );
    let table = rows::frame(&found, &asked.task_table, &supernet).map_err(StageError::failed)?;
    table::write(table, stage.output("results")?).map_err(StageError::failed)
}

/// Limits, of which one at least is needed.
pub(crate) fn refuse_none(limits: &[f64]) -> Result<(), EvaluationError> {
    match limits.is_empty() {
        true => Err(EvaluationError::Misfit("`limits` is empty: there is nothing to evaluate".into())),
        false => Ok(()),
    }
}

/// Tasks and limits to evaluate, each with samples.
fn wanted<P: Problem>(p: &Parameters, asked: &Asked<P>) -> Result<Vec<(usize, f64)>, EvaluationError> {
    if p.rows.is_empty() {
        let tasks = asked.tasks(p.tasks, p.draw, p.seed)?;
        refuse_none(&p.limits)?;
        return Ok(tasks.iter().flat_map(|task| p.limits.iter().map(move |limit| (*task, *limit))).collect());
    }
    let one = |row: &Wanted| {
        let task = asked.task_table.position(&row.task)?;
        if asked.has_samples(task) {
            return Ok((task, row.limit));
        }
        Err(EvaluationError::Misfit(format!(
            "there are no samples of the task `{}`; list it under `tasks` where they are made",
            row.task
        )))
    };
    p.rows.iter().map(one).collect()
}

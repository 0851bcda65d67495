//! Kind `gates.similarity`: how similar the gates are that an assembler makes for different tasks, and for different limits.

use nnf_contract::{Input, Kind, Offer, Output, Parameter, ParameterType, Stage, StageError};
use nnf_net::GateVector;
use nnf_problem::TaskTable;
use nnf_results::statistics::percent;
use nnf_results::table;
use nnf_supernet::{Requirement, Supernet};
use polars::prelude::*;
use serde::Deserialize;

use crate::error::EvaluationError;
use crate::similarity::similarity;
use crate::tasks::named;

#[derive(Debug, Deserialize)]
struct Parameters {
    tasks: Vec<String>,
    limit: f64,
    limits: Vec<f64>,
    task: String,
}

pub(crate) fn offer() -> Offer {
    let parquet = table::PARQUET;
    let summary = "Similarity of the gates made for different tasks and for different limits (data of Figure 15)";
    let kind = Kind::new("gates.similarity", summary)
        .inputs([
            Input::new("supernet", "inode/directory", "a trained supernet"),
            Input::new("tasks", parquet, "the tasks with their property bits"),
        ])
        .outputs([Output::new(
            "similarity",
            parquet,
            "a row for each pair of tasks and of limits: intersection over union and cosine of what they keep",
        )])
        .parameters([
            Parameter::list("tasks", ParameterType::String, "names of tasks to compare at `limit`").default(
                serde_json::json!([
                    "only one 0",
                    "only two 0",
                    "only three 0",
                    "only four 0",
                    "has 0",
                    "only one 3",
                    "only three 3",
                    "only two odd",
                    "only three even"
                ]),
            ),
            Parameter::float("limit", 1e-6, 1.0, "the limit at which tasks are compared").default(0.05),
            Parameter::list(
                "limits",
                ParameterType::Float { min: Some(1e-6), max: Some(1.0) },
                "limits to compare for `task`",
            )
            .default(serde_json::json!([0.02, 0.03, 0.05, 0.08, 0.1, 0.2, 0.5, 1.0])),
            Parameter::string("task", "name of the task for which limits are compared").default("only one 0"),
        ]);
    Offer { kind, run }
}

fn run(stage: &Stage) -> Result<(), StageError> {
    let p: Parameters = stage.parameters()?;
    let supernet = Supernet::load(stage.input("supernet")?).map_err(StageError::failed)?;
    let task_table = TaskTable::load(stage.input("tasks")?).map_err(StageError::failed)?;
    let table = table(&p, &supernet, &task_table)?;
    table::write(table, stage.output("similarity")?).map_err(StageError::failed)
}

/// Something that gates were made for.
struct Made {
    name: String,
    seen: bool,
    gates: GateVector,
}

fn table(p: &Parameters, supernet: &Supernet, task_table: &TaskTable) -> Result<DataFrame, EvaluationError> {
    let positions = named(task_table, &p.tasks)?;
    let task = task_table.position(&p.task)?;
    let made = |asked: Vec<(String, usize, f64)>| -> Result<Vec<Made>, EvaluationError> {
        let requirement = |task: usize, limit: f64| Requirement { bits: task_table.bits[task].clone(), limit };
        let requirements: Vec<Requirement> = asked.iter().map(|(_, task, limit)| requirement(*task, *limit)).collect();
        let gates = supernet.assemble(&requirements)?;
        let one = |((name, task, _), gates)| Made { name, seen: task_table.seen[task], gates };
        Ok(asked.into_iter().zip(gates).map(one).collect())
    };
    let of_tasks = made(p.tasks.iter().cloned().zip(positions).map(|(name, task)| (name, task, p.limit)).collect())?;
    // In their order, since neighbours are compared.
    let mut limits = p.limits.clone();
    limits.sort_by(f64::total_cmp);
    limits.dedup();
    let of_limits = made(limits.iter().map(|limit| (format!("{} %", percent(*limit)), task, *limit)).collect())?;
    let mut pairs = Vec::new();
    for (between, made) in [("tasks", &of_tasks), ("limits", &of_limits)] {
        pairs.extend(made.iter().flat_map(|a| made.iter().map(move |b| (between, a, b))));
    }
    let found: Vec<_> = pairs.iter().map(|(_, a, b)| similarity(&a.gates, &b.gates)).collect();
    let words = |f: &dyn Fn(&(&str, &Made, &Made)) -> String| pairs.iter().map(f).collect::<Vec<String>>();
    let flags = |f: &dyn Fn(&(&str, &Made, &Made)) -> bool| pairs.iter().map(f).collect::<Vec<bool>>();
    let counts = |f: &dyn Fn(&(&str, &Made, &Made)) -> usize| pairs.iter().map(|p| f(p) as u64).collect::<Vec<u64>>();
    // What all pairs between tasks, or between limits, have in common.
    let between_tasks = |pair: &&(&str, &Made, &Made)| pair.0 == "tasks";
    let at_limit = pairs.iter().map(|pair| Some(p.limit).filter(|_| between_tasks(&pair)));
    let tasks = pairs.iter().map(|pair| Some(p.task.clone()).filter(|_| !between_tasks(&pair)));
    Ok(df!(
        "limit" => at_limit.collect::<Vec<Option<f64>>>(),
        "task" => tasks.collect::<Vec<Option<String>>>(),
        "between" => words(&|(between, ..)| (*between).to_owned()),
        "a" => words(&|(_, a, _)| a.name.clone()),
        "b" => words(&|(_, _, b)| b.name.clone()),
        "a_seen" => flags(&|(_, a, _)| a.seen),
        "b_seen" => flags(&|(_, _, b)| b.seen),
        "a_kept" => counts(&|(_, a, _)| a.gates.kept()),
        "b_kept" => counts(&|(_, _, b)| b.gates.kept()),
        "overlap" => found.iter().map(|found| found.overlap).collect::<Vec<f64>>(),
        "cosine" => found.iter().map(|found| found.cosine).collect::<Vec<f64>>(),
    )?)
}

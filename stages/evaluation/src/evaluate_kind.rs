//! Kind `supernet.evaluate`: accuracy and cost of the subnet of every task at every limit.
//!
//! Every subnet is sliced out and run as it would be deployed. It does not know the paper's figures.

use nnf_contract::{Input, Kind, Offer, Output, Parameter, ParameterType, Stage, StageError};
use nnf_net::Counts;
use nnf_supernet::{Digits, Index, Questions, Requirement, Supernet};
use polars::prelude::*;
use serde::Deserialize;

use crate::accuracy::{Accuracy, accuracy};
use crate::error::EvaluationError;
use crate::subnet::Subnet;

#[derive(Debug, Deserialize)]
struct Parameters {
    limits: Vec<f64>,
    rows: Vec<Wanted>,
    samples: usize,
}

#[derive(Debug, Deserialize)]
struct Wanted {
    task: String,
    limit: f64,
}

/// One row of the result.
struct Row {
    task: usize,
    limit: f64,
    found: Accuracy,
    generated: f64,
    kept: Vec<usize>,
    counts: Counts,
}

pub(crate) fn offer() -> Offer {
    let parquet = "application/vnd.apache.parquet";
    let limit = || Parameter::float("limit", 1e-6, 1.0, "greatest share of modules");
    let wanted = ParameterType::Record { fields: vec![Parameter::string("task", "name of the task"), limit()] };
    let kind = Kind::new("supernet.evaluate", "Accuracy and cost of the subnets of tasks at limits")
        .inputs([
            Input::new("supernet", "inode/directory", "a trained supernet"),
            Input::new("digits", "application/vnd.safetensors", "images and labels of digits"),
            Input::new("samples", parquet, "samples to answer"),
            Input::new("tasks", parquet, "the tasks with their property bits"),
        ])
        .outputs([Output::new(
            "results",
            parquet,
            "a row for each task and limit: accuracy with its 95 % interval, ratios, costs",
        )])
        .parameters([
            Parameter::list(
                "limits",
                ParameterType::Float { min: Some(1e-6), max: Some(1.0) },
                "limits of all tasks that have samples",
            )
            .default(serde_json::json!([0.03, 0.05, 0.1])),
            Parameter::list("rows", wanted, "tasks with limits to evaluate in place of all")
                .default(serde_json::json!([])),
            Parameter::int("samples", 1, 100_000_000, "samples of a row at most").default(1_000_000),
        ])
        .all_cpus();
    Offer { kind, run }
}

fn run(stage: &Stage) -> Result<(), StageError> {
    let p: Parameters = stage.parameters()?;
    tch::set_num_threads(i32::try_from(stage.task().cpus.max(1)).unwrap_or(1));
    let supernet = Supernet::load(stage.input("supernet")?).map_err(StageError::failed)?;
    let digits = Digits::load(stage.input("digits")?).map_err(StageError::failed)?;
    let index = Index::load(stage.input("samples")?).map_err(StageError::failed)?;
    let questions = Questions::load(stage.input("tasks")?).map_err(StageError::failed)?;
    let wanted = wanted(&p, &questions, &index)?;
    let mut rows = Vec::new();
    for (done, (task, limit)) in wanted.iter().enumerate() {
        stage.go_on()?;
        rows.push(evaluate(&supernet, &digits, &index, &questions, (*task, *limit), p.samples)?);
        stage.progress(done as u64 + 1, wanted.len() as u64, "subnets");
    }
    let shares: Vec<f64> = rows.iter().map(|row| row.found.share()).collect();
    stage.metrics(
        None,
        &[
            ("mean accuracy", shares.iter().sum::<f64>() / shares.len().max(1) as f64),
            ("least accuracy", shares.iter().copied().fold(f64::INFINITY, f64::min)),
        ],
    );
    let whole = Counts::of(&supernet.model.network);
    let mut table = frame(&rows, &questions, supernet.model.network.modules(), &whole).map_err(StageError::failed)?;
    let file = fs_err::File::create(stage.output("results")?).map_err(StageError::failed)?;
    let written =
        ParquetWriter::new(file.into_file()).with_compression(ParquetCompression::Zstd(None)).finish(&mut table);
    written.map(|_| ()).map_err(StageError::failed)
}

/// Tasks and limits to evaluate, each with samples.
fn wanted(p: &Parameters, questions: &Questions, index: &Index) -> Result<Vec<(usize, f64)>, EvaluationError> {
    let has_samples = |task: usize| index.task.iter().any(|own| usize::from(*own) == task);
    if p.rows.is_empty() {
        let tasks = (0..questions.names.len()).filter(|task| has_samples(*task));
        return Ok(tasks.flat_map(|task| p.limits.iter().map(move |limit| (task, *limit))).collect());
    }
    let one = |row: &Wanted| {
        let task = questions.position(&row.task)?;
        if has_samples(task) {
            return Ok((task, row.limit));
        }
        Err(EvaluationError::Misfit(format!(
            "there are no samples of the task `{}`; list it under `tasks` where they are made",
            row.task
        )))
    };
    p.rows.iter().map(one).collect()
}

fn evaluate(
    supernet: &Supernet,
    digits: &Digits,
    index: &Index,
    questions: &Questions,
    (task, limit): (usize, f64),
    samples: usize,
) -> Result<Row, EvaluationError> {
    let requirement = Requirement { bits: questions.bits[task].clone(), limit };
    let made = supernet.assemble_with_generated(&[requirement])?;
    let (gates, generated) =
        made.into_iter().next().ok_or_else(|| EvaluationError::Misfit("the assembler made no gates".into()))?;
    let subnet = Subnet::of(supernet, &gates)?;
    let mut rows = index.of_task(task);
    rows.truncate(samples);
    let found = accuracy(&subnet.model, digits, index, &rows)?;
    let kept = gates.kept_positions().iter().map(Vec::len).collect();
    Ok(Row { task, limit, found, generated, kept, counts: subnet.counts })
}

fn frame(rows: &[Row], questions: &Questions, modules: usize, whole: &Counts) -> PolarsResult<DataFrame> {
    let kept = |row: &Row| row.kept.iter().sum::<usize>();
    let floats = |f: &dyn Fn(&Row) -> f64| rows.iter().map(f).collect::<Vec<f64>>();
    let whole_numbers = |f: &dyn Fn(&Row) -> u64| rows.iter().map(f).collect::<Vec<u64>>();
    let layers = |row: &Row| row.kept.iter().map(usize::to_string).collect::<Vec<String>>().join(" ");
    df!(
        "task" => rows.iter().map(|row| questions.names[row.task].clone()).collect::<Vec<String>>(),
        "seen" => rows.iter().map(|row| questions.seen[row.task]).collect::<Vec<bool>>(),
        "limit" => floats(&|row| row.limit),
        "accuracy" => floats(&|row| row.found.share()),
        "low" => floats(&|row| row.found.interval().0),
        "high" => floats(&|row| row.found.interval().1),
        "samples" => whole_numbers(&|row| row.found.samples),
        "generated_ratio" => floats(&|row| row.generated),
        "ratio" => floats(&|row| kept(row) as f64 / modules.max(1) as f64),
        "kept" => whole_numbers(&|row| kept(row) as u64),
        "modules" => vec![modules as u64; rows.len()],
        "kept_by_layer" => rows.iter().map(layers).collect::<Vec<String>>(),
        "macs" => whole_numbers(&|row| row.counts.macs.0),
        "macs_ratio" => floats(&|row| row.counts.macs.0 as f64 / whole.macs.0 as f64),
        "parameters" => whole_numbers(&|row| row.counts.parameters),
        "weight_bytes" => whole_numbers(&|row| row.counts.weight_bytes.0),
        "peak_activation_bytes" => whole_numbers(&|row| row.counts.peak_activation_bytes.0),
    )
}

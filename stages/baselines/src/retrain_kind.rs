//! Kind `retrain` of a problem: the full network, trained for each task on that task's samples (paper §5.1, "Retrain").

use nnf_contract::{Input, Kind, Offer, Output, Parameter, ParameterType, Stage, StageError};
use nnf_evaluation::file_name;
use nnf_net::{Counts, GateVector, Network, fold_network, slice_network};
use nnf_problem::{Problem, Quality, kind_name};
use nnf_results::{Cost, table};
use nnf_training::{initial, initial_input};
use polars::prelude::*;
use serde::Deserialize;

use crate::error::BaselineError;
use crate::heads;
use crate::parameters::{EACH_TASK, TuningParameters, parameters};
use crate::tuner::{Given, Tuned, Tuner, Turn, place};
use crate::units::Units;

#[derive(Debug, Deserialize)]
struct Parameters {
    tasks: Vec<String>,
    samples: usize,
}

/// Inputs that all baselines of single tasks read.
pub(crate) fn data_inputs<P: Problem>() -> Vec<Input> {
    let own = [
        Input::new("train", table::PARQUET, "samples to train on, among them some of each task"),
        Input::new("validation", table::PARQUET, "samples to watch the training by"),
        Input::new("samples", table::PARQUET, "samples to answer at the end"),
        Input::new("tasks", table::PARQUET, "the tasks with their property bits"),
    ];
    P::inputs().into_iter().chain(own).collect()
}

/// Parameters that all baselines of single tasks understand.
pub(crate) fn task_parameters() -> [Parameter; 2] {
    [
        Parameter::list("tasks", ParameterType::String, "names of the tasks"),
        Parameter::int("samples", 1, 100_000_000, "samples of a task to answer at the end, at most").default(1_000_000),
    ]
}

pub(crate) fn offer<P: Problem>() -> Offer {
    let kind =
        Kind::new(&kind_name::<P>("retrain"), "The full network, trained for each task until it stops getting better")
            .inputs([Input::new("network", "application/json", "the network; its gates stay open")])
            .inputs(data_inputs::<P>())
            .inputs([initial_input()])
            .outputs([
                Output::new(
                    "results",
                    table::PARQUET,
                    "a row for each task: accuracy with its 95 % interval, seconds, costs",
                ),
                Output::new("history", table::PARQUET, "validation accuracy of each task over steps and seconds"),
                Output::new("models", "inode/directory", "the trained networks, a folder for each task"),
                Cost::output(),
            ])
            .parameters(task_parameters())
            .parameters(parameters::<P>(&EACH_TASK))
            .resumes()
            .all_cpus();
    Offer { kind, run: run::<P> }
}

fn run<P: Problem>(stage: &Stage) -> Result<(), StageError> {
    Ok(retrain::<P>(stage)?)
}

fn retrain<P: Problem>(stage: &Stage) -> Result<(), BaselineError> {
    let (p, tuning): (Parameters, TuningParameters) = (stage.parameters()?, stage.parameters()?);
    let (device, precision) = place(stage, &tuning)?;
    let given = Given::<P>::read(stage)?;
    let tasks = given.tasks(&p.tasks)?;
    let network = heads::with_answers(&Network::load(stage.input("network")?)?, P::ANSWERS)?;
    let start = || Ok(initial(stage, &network, tuning.seed)?);
    let units = Units::of(stage);
    let tuner =
        Tuner { stage, units: &units, given: &given, parameters: &tuning, samples: p.samples, device, precision };
    let models = stage.output("models")?;
    let mut rows: Vec<(usize, Tuned)> = Vec::new();
    for (done, task) in (0..).zip(&tasks) {
        stage.go_on()?;
        let turn = Turn { done, of: tasks.len() as u64 };
        let name = file_name(&given.task_table.names[*task]);
        let tuned = tuner.tune(&name, *task, &start, turn)?;
        units.publish(&name, &models.join(&name))?;
        stage.metrics(Some(done + 1), &[(P::METRIC, tuned.quality.value), ("steps", tuned.steps as f64)]);
        stage.progress(done + 1, turn.of, "networks");
        rows.push((*task, tuned));
    }
    let mean = Quality::mean(rows.iter().map(|(_, tuned)| &tuned.quality));
    stage.metrics(None, &[(&format!("mean {}", P::METRIC), mean)]);
    let open = GateVector::open(&network.gate_layers());
    let whole = Counts::of(&fold_network(&slice_network(&network, &open)?)?);
    table::write(frame(&rows, &given, &whole)?, stage.output("results")?)?;
    table::write(history(&rows, &given)?, stage.output("history")?)?;
    let (seconds, steps) = rows.iter().fold((0.0, 0), |(s, n), (_, tuned)| (s + tuned.seconds, n + tuned.steps));
    Cost::new(&kind_name::<P>("retrain"), seconds, steps, stage.task().cpus)
        .on_gpu(device.is_cuda())
        .in_precision(precision.name())
        .save(stage.output("cost")?)
        .map_err(Into::into)
}

fn frame(rows: &[(usize, Tuned)], given: &Given<impl Problem>, counts: &Counts) -> PolarsResult<DataFrame> {
    let floats = |f: &dyn Fn(&Tuned) -> f64| rows.iter().map(|(_, tuned)| f(tuned)).collect::<Vec<f64>>();
    let whole = |f: &dyn Fn(&Tuned) -> u64| rows.iter().map(|(_, tuned)| f(tuned)).collect::<Vec<u64>>();
    let names = rows.iter().map(|(task, _)| given.task_table.names[*task].clone()).collect::<Vec<String>>();
    df!(
        "method" => vec!["retrain"; rows.len()],
        "task" => names.clone(),
        "seen" => rows.iter().map(|(task, _)| given.task_table.seen[*task]).collect::<Vec<bool>>(),
        "accuracy" => floats(&|one| one.quality.value),
        "low" => floats(&|one| one.quality.low),
        "high" => floats(&|one| one.quality.high),
        "samples" => whole(&|one| one.quality.samples),
        "best_validation_accuracy" => floats(&Tuned::best_validation),
        "steps" => whole(&|one| one.steps),
        "converged" => rows.iter().map(|(_, tuned)| tuned.converged).collect::<Vec<bool>>(),
        "seconds" => floats(&|one| one.seconds),
        "seconds_to_best" => floats(&Tuned::seconds_to_best),
        "macs" => whole(&|_| counts.macs.0),
        "parameters" => whole(&|_| counts.parameters),
        "weight_bytes" => whole(&|_| counts.weight_bytes.0),
        "memory_bytes" => whole(&|_| counts.memory().0),
        "model" => names.iter().map(|name| file_name(name)).collect::<Vec<String>>(),
    )
}

/// A row for each evaluation of each task.
fn history(rows: &[(usize, Tuned)], given: &Given<impl Problem>) -> PolarsResult<DataFrame> {
    let all = || rows.iter().flat_map(|(task, tuned)| tuned.evaluations.iter().map(move |one| (*task, tuned, one)));
    df!(
        "task" => all().map(|(task, _, _)| given.task_table.names[task].clone()).collect::<Vec<String>>(),
        "step" => all().map(|(_, _, one)| one.step).collect::<Vec<u64>>(),
        "seconds" => all().map(|(_, _, one)| one.seconds).collect::<Vec<f64>>(),
        "validation_accuracy" =>
            all().map(|(_, _, one)| one.quality).collect::<Vec<f64>>(),
        "validation_loss" => all().map(|(_, _, one)| one.loss).collect::<Vec<f64>>(),
    )
}

//! Kind `unified` of a problem: one network for all tasks, which pruning starts from (paper §5.1, "Prune&Tune").
//!
//! All tasks share the network; its classifier has answers of its own for each.

use nnf_contract::{Input, Kind, Offer, Output, Parameter, Stage, StageError};
use nnf_net::Network;
use nnf_problem::{Problem, Samples as _, TaskTable, kind_name};
use nnf_results::{Cost, table};
use nnf_training::{Session, initial, initial_input};
use polars::prelude::*;
use serde::Deserialize;

use crate::convergence::Evaluation;
use crate::error::BaselineError;
use crate::heads;
use crate::parameters::{ALL_TASKS, TuningParameters, parameters};
use crate::samples::Samples;
use crate::tuner::place;
use crate::tuning::Tuning;

#[derive(Debug, Deserialize)]
struct Parameters {
    sparsity: f64,
}

pub(crate) fn offer<P: Problem>() -> Offer {
    let parquet = table::PARQUET;
    let kind = Kind::new(&kind_name::<P>("unified"), "One network for all tasks, with answers of its own for each")
        .inputs([Input::new("network", "application/json", "the network; its gates stay open")])
        .inputs(P::inputs())
        .inputs([
            Input::new("train", parquet, "samples to train on"),
            Input::new(
                "validation",
                parquet,
                "samples to watch the training by; those of tasks without samples to train on are left out",
            ),
            Input::new("tasks", parquet, "the tasks with their property bits"),
            initial_input(),
        ])
        .outputs([
            Output::new("model", "inode/directory", "the network with the weights that did best"),
            Output::new("history", parquet, "validation accuracy over steps and seconds"),
            Cost::output(),
        ])
        .parameters([Parameter::float(
            "sparsity",
            0.0,
            1e3,
            "strength of the sparsity training: how fast, as a multiple of the learning rate, a group's most important \
             channel shrinks; its least important one shrinks 16 times as fast",
        )
        .default(0.0)])
        .parameters(parameters::<P>(&ALL_TASKS))
        .resumes()
        .all_cpus();
    Offer { kind, run: run::<P> }
}

fn run<P: Problem>(stage: &Stage) -> Result<(), StageError> {
    Ok(train::<P>(stage)?)
}

fn train<P: Problem>(stage: &Stage) -> Result<(), BaselineError> {
    let (p, tuning): (Parameters, TuningParameters) = (stage.parameters()?, stage.parameters()?);
    let (device, precision) = place(stage, &tuning)?;
    let network = Network::load(stage.input("network")?)?;
    let problem = P::read(stage)?;
    let task_table = TaskTable::load(stage.input("tasks")?)?;
    let train = P::Samples::load(stage.input("train")?)?;
    let validation = only_trained(&P::Samples::load(stage.input("validation")?)?, &train);
    for (samples, input) in [(&train, "train"), (&validation, "validation")] {
        samples.check_to_learn(input)?;
        task_table.check(samples)?;
        problem.check(samples)?;
    }
    let all = Samples::of((&problem, &train), None, usize::MAX, "train on")?;
    let watched = Samples::of((&problem, &validation), None, tuning.validation_samples, "watch by")?;
    let config = tuning.config(stage.parameters()?, precision, p.sparsity);
    let beginning =
        heads::unified(&initial(stage, &network, tuning.seed)?, (P::ANSWERS, task_table.names.len()), tuning.seed)?;
    let mut work = Tuning::new(config, beginning, (all, watched), device, u64::MAX)?;
    let session = Session {
        steps: tuning.steps,
        log_every: tuning.evaluate_every(),
        checkpoint: stage.checkpoint(),
        checkpoint_every: tuning.checkpoint_every(),
        snapshots: 0,
        snapshot_folder: None,
    };
    session.run(&mut work, stage)?;
    let steps = work.finish(tuning.steps)?;
    work.model().save(stage.output("model")?)?;
    let evaluations = work.convergence().evaluations();
    let best = crate::convergence::best(evaluations);
    stage.metrics(None, &[(&format!("best validation {}", P::METRIC), best), ("steps", steps as f64)]);
    if !work.convergence().done() {
        stage
            .note(format!("the validation loss was still falling after {steps} steps, which are all that it may take"));
    }
    table::write(history(evaluations)?, stage.output("history")?)?;
    Cost::new(&kind_name::<P>("unified"), work.seconds(), steps, stage.task().cpus)
        .on_gpu(device.is_cuda())
        .in_precision(precision.name())
        .save(stage.output("cost")?)
        .map_err(Into::into)
}

/// The samples of tasks that are trained on.
fn only_trained<S: nnf_problem::Samples>(samples: &S, train: &S) -> S {
    let trained: std::collections::BTreeSet<u16> = train.tasks().iter().copied().collect();
    let rows: Vec<usize> = (0..samples.len()).filter(|row| trained.contains(&samples.tasks()[*row])).collect();
    samples.select(&rows)
}

fn history(evaluations: &[Evaluation]) -> PolarsResult<DataFrame> {
    df!(
        "step" => evaluations.iter().map(|one| one.step).collect::<Vec<u64>>(),
        "seconds" => evaluations.iter().map(|one| one.seconds).collect::<Vec<f64>>(),
        "validation_accuracy" =>
            evaluations.iter().map(|one| one.quality).collect::<Vec<f64>>(),
        "validation_loss" => evaluations.iter().map(|one| one.loss).collect::<Vec<f64>>(),
    )
}

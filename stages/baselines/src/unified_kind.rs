//! Kind `baseline.unified`: one network for all tasks, which pruning starts from (paper §5.1, "Prune&Tune").
//!
//! All tasks share the network; its classifier has a pair of answers for each.

use nnf_contract::{Input, Kind, Offer, Output, Parameter, Stage, StageError};
use nnf_net::Network;
use nnf_results::{Cost, table};
use nnf_supernet::{Digits, Index, Questions};
use nnf_training::{Session, initial};
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

pub(crate) fn offer() -> Offer {
    let parquet = table::PARQUET;
    let kind = Kind::new("baseline.unified", "One network for all tasks, with a pair of answers for each")
        .inputs([
            Input::new("network", "application/json", "the network; its gates stay open"),
            Input::new("digits", "application/vnd.safetensors", "images and labels of digits"),
            Input::new("train", parquet, "samples to train on"),
            Input::new(
                "validation",
                parquet,
                "samples to watch the training by; those of tasks without samples to train on are left out",
            ),
            Input::new("tasks", parquet, "the tasks with their property bits"),
            Input::new(
                "initial",
                "inode/directory",
                "a model of the same network to start from; random weights if it is left out",
            )
            .optional(),
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
        .parameters(parameters(&ALL_TASKS))
        .resumes()
        .all_cpus();
    Offer { kind, run }
}

fn run(stage: &Stage) -> Result<(), StageError> {
    Ok(train(stage)?)
}

fn train(stage: &Stage) -> Result<(), BaselineError> {
    let (p, tuning): (Parameters, TuningParameters) = (stage.parameters()?, stage.parameters()?);
    let (device, precision) = place(stage, &tuning)?;
    let network = Network::load(stage.input("network")?)?;
    let digits = Digits::load(stage.input("digits")?)?;
    let questions = Questions::load(stage.input("tasks")?)?;
    let train = Index::load(stage.input("train")?)?;
    train.check_to_learn("train")?;
    train.check(&digits, &questions)?;
    let validation = only_trained(Index::load(stage.input("validation")?)?, &train);
    validation.check_to_learn("validation")?;
    validation.check(&digits, &questions)?;
    let all = Samples::of((&digits, &train), None, usize::MAX, "train on")?;
    let watched = Samples::of((&digits, &validation), None, tuning.validation_samples, "watch by")?;
    let config = tuning.config(precision, p.sparsity);
    let beginning = heads::unified(&initial(stage, &network, tuning.seed)?, questions.names.len(), tuning.seed)?;
    let samples = watched.rows().len();
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
    let best = crate::convergence::best(evaluations) as f64 / samples.max(1) as f64;
    stage.metrics(None, &[("best validation accuracy", best), ("steps", steps as f64)]);
    if !work.convergence().done() {
        stage
            .note(format!("the validation loss was still falling after {steps} steps, which are all that it may take"));
    }
    table::write(history(evaluations, samples)?, stage.output("history")?)?;
    Cost::new("baseline.unified", work.seconds(), steps, stage.task().cpus)
        .on_gpu(device.is_cuda())
        .in_precision(precision.name())
        .save(stage.output("cost")?)
        .map_err(Into::into)
}

/// The samples of tasks that are trained on.
fn only_trained(index: Index, train: &Index) -> Index {
    let trained: std::collections::BTreeSet<u16> = train.task.iter().copied().collect();
    let rows: Vec<usize> = (0..index.len()).filter(|row| trained.contains(&index.task[*row])).collect();
    Index {
        task: rows.iter().map(|row| index.task[*row]).collect(),
        digits: rows.iter().map(|row| index.digits[*row]).collect(),
        label: rows.iter().map(|row| index.label[*row]).collect(),
        split: index.split,
    }
}

fn history(evaluations: &[Evaluation], samples: usize) -> PolarsResult<DataFrame> {
    df!(
        "step" => evaluations.iter().map(|one| one.step).collect::<Vec<u64>>(),
        "seconds" => evaluations.iter().map(|one| one.seconds).collect::<Vec<f64>>(),
        "validation_accuracy" =>
            evaluations.iter().map(|one| one.right as f64 / samples as f64).collect::<Vec<f64>>(),
        "validation_loss" => evaluations.iter().map(|one| one.loss).collect::<Vec<f64>>(),
    )
}

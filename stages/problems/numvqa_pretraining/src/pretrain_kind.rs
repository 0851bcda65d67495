//! Kind `numvqa.pretrain`: the network learns to count digits before it learns to answer questions.

use std::time::Duration;

use nnf_contract::{Input, Kind, Offer, Output, Parameter, Stage, StageError};
use nnf_net::Network;
use nnf_numvqa::{Augmentation, Digits, SampleSplit};
use nnf_results::Cost;
use nnf_training::place::{self, PlaceParameters};
use nnf_training::{OptimiserParameters, Session};
use serde::Deserialize;

use crate::counting::{Counting, CountingConfig, Pool};

#[derive(Debug, Deserialize)]
struct Parameters {
    steps: u64,
    batch: usize,
    learning_rate: f64,
    #[serde(flatten)]
    optimiser: OptimiserParameters,
    repeated: f64,
    validation_digits: usize,
    #[serde(flatten)]
    augmentation: Augmentation,
    seed: u64,
    checkpoint_seconds: u64,
    precision: String,
    device: String,
}

pub(crate) fn offer() -> Offer {
    let kind = Kind::new("numvqa.pretrain", "The network learns to count digits, all gates open")
        .inputs([
            Input::new("network", "application/json", "the network with gates"),
            Input::new("digits", "application/vnd.safetensors", "images and labels of digits"),
        ])
        .outputs([
            Output::new("model", "inode/directory", "the network with the weights that it has learnt"),
            Output::new(
                "history",
                "application/vnd.apache.parquet",
                "smoothed loss and share of right counts along training",
            ),
            Cost::output(),
        ])
        .parameters([
            Parameter::int("steps", 0, 10_000_000, "steps of training; 0 leaves the random weights")
                .unit("steps")
                .default(600),
            Parameter::int("batch", 2, 65_536, "pictures of a step").default(128),
            Parameter::float("learning_rate", 1e-8, 10.0, "peak of the one-cycle schedule").default(3e-3),
            Parameter::float(
                "repeated",
                0.0,
                1.0,
                "share of pictures in which a digit is made to occur two to four times",
            )
            .default(0.5),
            Parameter::int("validation_digits", 0, 10_000_000, "training digits that are held out: the last ones")
                .default(5_000),
            Parameter::int("seed", 0, i64::MAX, "seed of weights and draws").default(1),
            Parameter::int("checkpoint_seconds", 1, 86_400, "time between checkpoints").unit("s").default(60).unkeyed(),
        ])
        .parameters(OptimiserParameters::parameters())
        .parameters(Augmentation::parameters())
        .parameters(place::parameters())
        .resumes()
        .all_cpus();
    Offer { kind, run }
}

fn run(stage: &Stage) -> Result<(), StageError> {
    let p: Parameters = stage.parameters()?;
    let (device, precision) = place::choose(stage, &PlaceParameters { precision: p.precision, device: p.device })?;
    let network = Network::load(stage.input("network")?).map_err(StageError::failed)?;
    let digits = Digits::load(stage.input("digits")?).map_err(StageError::failed)?;
    let labels = digits.labels(SampleSplit::Train);
    let cut = labels.len().saturating_sub(p.validation_digits);
    if cut == 0 {
        let why =
            format!("`validation_digits` {} leaves none of {} training digits", p.validation_digits, labels.len());
        return Err(StageError::failed(why));
    }
    let held_out = Pool::new(labels, cut..labels.len()).ok();
    let config = CountingConfig {
        steps: p.steps,
        batch: p.batch,
        rate: p.learning_rate,
        repeated: p.repeated,
        augmentation: p.augmentation,
        seed: p.seed,
        precision,
        optimiser: p.optimiser.config(),
    };
    let mut work = Counting::new(config, network, &digits, (Pool::new(labels, 0..cut)?, held_out), device)?;
    let session = Session {
        steps: p.steps,
        log_every: 20,
        checkpoint: stage.checkpoint(),
        checkpoint_every: Duration::from_secs(p.checkpoint_seconds),
        snapshots: 0,
        snapshot_folder: None,
    };
    let history = session.run(&mut work, stage)?;
    history.save(stage.output("history")?)?;
    Cost::new("numvqa.pretrain", history.seconds, p.steps, stage.task().cpus.max(1))
        .on_gpu(device.is_cuda())
        .in_precision(precision.name())
        .save(stage.output("cost")?)
        .map_err(StageError::failed)?;
    match work.validate(2048)? {
        Some(right) => stage.metrics(None, &[("validation: all ten counts right", right)]),
        None => stage.note("not validated: the held-out digits are not of all ten kinds"),
    }
    work.model().save(stage.output("model")?).map_err(StageError::failed)
}

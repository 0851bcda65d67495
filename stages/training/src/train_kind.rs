//! Kind `train` of a problem: joint training of network and assembler.

use std::path::Path;
use std::time::Duration;

use nnf_contract::{Input, Kind, Offer, Output, Parameter, ParameterType, Stage, StageError};
use nnf_net::{Model, Network};
use nnf_problem::{Problem, Samples, TaskTable, kind_name};
use nnf_results::Cost;
use nnf_results::statistics::percent;
use nnf_supernet::{AssemblerConfig, Encoding, Supernet, build_assembler};
use serde::Deserialize;

use crate::error::TrainingError;
use crate::initial::{initial, initial_input};
use crate::joint::{Data, Joint, JointConfig};
use crate::optimiser::OptimiserParameters;
use crate::place::{self, PlaceParameters};
use crate::session::Session;

#[derive(Debug, Deserialize)]
struct Parameters {
    steps: u64,
    batch: usize,
    learning_rate: f64,
    #[serde(flatten)]
    optimiser: OptimiserParameters,
    lambda: f64,
    lambda_from: f64,
    lambda_to: f64,
    noise: f64,
    hard_share: f64,
    prune: bool,
    limit_min: f64,
    limit_max: f64,
    limit_fall: f64,
    limit_dims: usize,
    encoder: Vec<i64>,
    gater: i64,
    experts: usize,
    open: f64,
    validation_limits: Vec<f64>,
    validation_samples: usize,
    snapshots: u64,
    seed: u64,
    checkpoint_seconds: u64,
    precision: String,
    device: String,
}

pub(crate) fn offer<P: Problem>() -> Offer {
    let parquet = "application/vnd.apache.parquet";
    let kind = Kind::new(
        &kind_name::<P>("train"),
        "Trains network and assembler together, each sample with its own task and limit",
    )
    .inputs([Input::new("network", "application/json", "the network with gates")])
    .inputs(P::inputs())
    .inputs([
        Input::new("train", parquet, "samples to train on"),
        Input::new("validation", parquet, "samples to watch the training by"),
        Input::new("tasks", parquet, "the tasks with their property bits"),
        initial_input(),
    ])
    .outputs([
        Output::new("supernet", "inode/directory", "network and assembler with what they have learnt"),
        Output::new("history", parquet, "smoothed loss, accuracy and ratio along training"),
        Cost::output(),
        Output::new("snapshots", "inode/directory", "the supernet along training, if `snapshots` is above 0")
            .optional(),
    ])
    .parameters(constants())
    .parameters(OptimiserParameters::parameters())
    .parameters(P::augmentation())
    .parameters(place::parameters())
    .resumes()
    .all_cpus();
    Offer { kind, run: run::<P> }
}

fn constants() -> Vec<Parameter> {
    let share = |name: &str, doc: &str| Parameter::float(name, 0.0, 1.0, doc);
    let width = || ParameterType::Int { min: Some(1), max: Some(65_536) };
    vec![
        Parameter::int("steps", 1, 10_000_000, "steps of training").unit("steps").default(2_000),
        Parameter::int("batch", 2, 65_536, "samples of a step").default(128),
        Parameter::float("learning_rate", 1e-8, 10.0, "peak of the one-cycle schedule").default(3e-3),
        Parameter::float("lambda", 0.0, 1e6, "weight of the gate loss at its greatest").default(100.0),
        share("lambda_from", "share of the steps at which λ begins to rise from 0").default(0.1),
        share("lambda_to", "share of the steps at which λ is at its greatest").default(0.5),
        Parameter::float("noise", 0.0, 100.0, "standard deviation of the noise on gate logits").default(0.5),
        share("hard_share", "share of samples with hard gates").default(0.5),
        Parameter::bool("prune", "whether hard gates are pruned to the limit in training too, once λ rises")
            .default(true),
        Parameter::float("limit_min", 1e-6, 1.0, "least limit that is drawn").default(0.02),
        Parameter::float("limit_max", 1e-6, 1.0, "greatest limit that is drawn").default(1.0),
        share("limit_fall", "share of the steps over which the least limit falls from `limit_max` to `limit_min`")
            .default(0.0),
        Parameter::int("limit_dims", 2, 1_000, "numbers that encode the limit").default(20),
        Parameter::list("encoder", width(), "widths of the assembler's encoder")
            .default(serde_json::json!([64, 128, 256, 256])),
        Parameter::int("gater", 1, 65_536, "width of a gater's hidden layer").default(128),
        Parameter::int(
            "experts",
            1,
            64,
            "gaters of each layer, mixed by weights that depend on the requirement (paper §4)",
        )
        .default(1),
        Parameter::float("open", -20.0, 20.0, "gate logits at the start").default(1.0),
        Parameter::list(
            "validation_limits",
            ParameterType::Float { min: Some(1e-6), max: Some(1.0) },
            "limits of the validation at the end",
        )
        .default(serde_json::json!([0.03, 0.05, 0.1])),
        Parameter::int("validation_samples", 0, 10_000_000, "samples of the validation at the end").default(2_000),
        Parameter::int("snapshots", 0, 1_000, "supernets to keep along training").default(0),
        Parameter::int("seed", 0, i64::MAX, "seed of weights and draws").default(1),
        Parameter::int("checkpoint_seconds", 1, 86_400, "time between checkpoints").unit("s").default(60).unkeyed(),
    ]
}

fn run<P: Problem>(stage: &Stage) -> Result<(), StageError> {
    let (p, augmentation): (Parameters, P::Augmentation) = (stage.parameters()?, stage.parameters()?);
    if p.limit_min > p.limit_max {
        return Err(StageError::failed(format!("`limit_min` {} is above `limit_max` {}", p.limit_min, p.limit_max)));
    }
    if p.lambda_from > p.lambda_to {
        let why = format!("`lambda_from` {} is above `lambda_to` {}", p.lambda_from, p.lambda_to);
        return Err(StageError::failed(why));
    }
    let place = PlaceParameters { precision: p.precision.clone(), device: p.device.clone() };
    let (device, precision) = place::choose(stage, &place)?;
    let problem = P::read(stage)?;
    let train = P::Samples::load(stage.input("train")?)?;
    let validation = P::Samples::load(stage.input("validation")?)?;
    let tasks = TaskTable::load(stage.input("tasks")?)?;
    let supernet = beginning(stage, &p, tasks.bits[0].len())?;
    let config = JointConfig {
        steps: p.steps,
        batch: p.batch,
        rate: p.learning_rate,
        limits: (p.limit_min, p.limit_max),
        limit_fall: p.limit_fall,
        lambda: p.lambda,
        lambda_rise: (p.lambda_from, p.lambda_to),
        noise: p.noise,
        hard_share: p.hard_share,
        prune: p.prune,
        augmentation,
        seed: p.seed,
        precision,
        optimiser: p.optimiser.config(),
    };
    let data = Data { problem: &problem, train: &train, validation: &validation, tasks: &tasks };
    let mut work = Joint::new(config, data, supernet, device)?;
    // Snapshots lie beside the checkpoint, so that a training that goes on still has the earlier ones.
    let kept = stage.checkpoint().unwrap_or(&stage.task().scratch).join("snapshots");
    let session = Session {
        steps: p.steps,
        log_every: 20,
        checkpoint: stage.checkpoint(),
        checkpoint_every: Duration::from_secs(p.checkpoint_seconds),
        snapshots: p.snapshots,
        snapshot_folder: (p.snapshots > 0).then_some(kept.as_path()),
    };
    let history = session.run(&mut work, stage)?;
    history.save(stage.output("history")?)?;
    Cost::new(&kind_name::<P>("train"), history.seconds, p.steps, stage.task().cpus.max(1))
        .on_gpu(device.is_cuda())
        .in_precision(precision.name())
        .save(stage.output("cost")?)
        .map_err(StageError::failed)?;
    if p.snapshots > 0 {
        copy(&kept, stage.output("snapshots")?).map_err(StageError::failed)?;
    }
    work.supernet().save(stage.output("supernet")?).map_err(StageError::failed)?;
    for limit in p.validation_limits {
        let Some((accuracy, ratio)) = work.validate(limit, p.validation_samples)? else { continue };
        let name = format!("{}%", percent(limit));
        stage.metrics(
            None,
            &[(&format!("validation {} at {name}", P::METRIC), accuracy), (&format!("ratio at {name}"), ratio)],
        );
    }
    Ok(())
}

/// The supernet before the first step.
fn beginning(stage: &Stage, p: &Parameters, task_bits: usize) -> Result<Supernet, StageError> {
    let network = Network::load(stage.input("network")?).map_err(StageError::failed)?;
    let layers = network.gate_layers();
    if layers.is_empty() {
        return Err(StageError::failed(format!("network `{}` has no gates to assemble", network.name())));
    }
    let encoding = Encoding { task_bits, limit_dims: p.limit_dims };
    let config = AssemblerConfig { encoder: p.encoder.clone(), gater: p.gater, experts: p.experts, open: p.open };
    let (assembler, assembler_weights) =
        build_assembler(&layers, encoding, &config, p.seed).map_err(StageError::failed)?;
    let model = initial(stage, &network, p.seed)?;
    Ok(Supernet { model, assembler: Model { network: assembler, weights: assembler_weights }, encoding })
}

fn copy(from: &Path, to: &Path) -> Result<(), TrainingError> {
    fs_err::create_dir_all(to)?;
    for entry in fs_err::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs_err::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

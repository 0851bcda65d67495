//! Kind `prune_tune` of a problem: for every task and budget on one device, the unified network pruned to the budget and
//! fine-tuned on the task's samples (paper §5.1, "Prune&Tune", with DepGraph).
//!
//! Pruning is the same for all tasks and done once for each budget.

use std::collections::BTreeMap;

use nnf_contract::{Input, Kind, Offer, Output, Parameter, ParameterType, Stage, StageError};
use nnf_device::{BudgetParameters, Latency, Meter, Predictor, Testbed, Timing};
use nnf_net::{Counts, Macs, Model, Network};
use nnf_problem::{Problem, Quality, kind_name};
use nnf_results::{Cost, table};
use serde::Deserialize;

use crate::budget::{Budget, Target};
use crate::error::BaselineError;
use crate::heads;
use crate::parameters::{EACH_TASK, TuningParameters, parameters};
use crate::pruned::{Pruned, Pruner};
use crate::results::{Row, frame};
use crate::retrain_kind::{data_inputs, task_parameters};
use crate::tuner::{Given, Tuned, Tuner, Turn, place};
use crate::units::Units;

#[derive(Debug, Deserialize)]
struct Parameters {
    tasks: Vec<String>,
    samples: usize,
    methods: Vec<String>,
    macs_shares: Vec<f64>,
}

pub(crate) fn offer<P: Problem>() -> Offer {
    let kind = Kind::new(
        &kind_name::<P>("prune_tune"),
        "For every task and budget on a device: the unified network pruned by DepGraph and fine-tuned",
    )
    .inputs([
        Input::new("network", "application/json", "the network of one task, with gates"),
        Input::new("model", "inode/directory", "a unified model of that network, or one of the answers of one task"),
        Input::new("predictor", "application/json", "the device's latency predictor"),
    ])
    .inputs(data_inputs::<P>())
    .outputs([
        Output::new(
            "results",
            table::PARQUET,
            "a row for each scenario and method: cost, accuracy, seconds of pruning and tuning",
        ),
        Output::new("models", "inode/directory", "the tuned networks, a folder each"),
        Cost::output(),
    ])
    .parameters(task_parameters())
    .parameters(own_parameters())
    .parameters(BudgetParameters::parameters())
    .parameters(Timing::parameters())
    .parameters(parameters::<P>(&EACH_TASK))
    .measures()
    .resumes()
    .all_cpus();
    Offer { kind, run: run::<P> }
}

fn own_parameters() -> [Parameter; 2] {
    let methods = ParameterType::Choice { of: Pruner::METHODS.map(|(name, _)| name.to_owned()).to_vec() };
    let share = ParameterType::Float { min: Some(0.0), max: Some(1.0) };
    [
        Parameter::list("methods", methods, "whether only channels that NN-Factory gates may go, or all")
            .default(serde_json::json!(Pruner::METHODS.map(|(name, _)| name))),
        Parameter::list("macs_shares", share, "further budgets, as shares of the network's multiply–accumulates")
            .default(serde_json::json!([])),
    ]
}

fn run<P: Problem>(stage: &Stage) -> Result<(), StageError> {
    Ok(prune_tune::<P>(stage)?)
}

fn prune_tune<P: Problem>(stage: &Stage) -> Result<(), BaselineError> {
    let (p, tuning): (Parameters, TuningParameters) = (stage.parameters()?, stage.parameters()?);
    let (device, precision) = place(stage, &tuning)?;
    let given = Given::<P>::read(stage)?;
    let tasks = given.tasks(&p.tasks)?;
    let (network, model, predictor) = device_inputs(stage, (P::ANSWERS, given.task_table.names.len()))?;
    let (timing, asked): (Timing, BudgetParameters) = (stage.parameters()?, stage.parameters()?);
    let testbed = Testbed::of(stage, &predictor.conditions)?;
    let target = Target { network: &network, predictor: &predictor, testbed, timing, margin: asked.margin };
    let budgets =
        budgets(&asked.budgets(predictor.estimator(&network)?.whole()?)?, &p.macs_shares, Counts::of(&network).macs)?;
    let units = Units::of(stage);
    let pruned = Pruner { stage, units: &units, target, model: &model }.all(&p.methods, &budgets)?;
    let samples = p.samples;
    let tuner = Tuner { stage, units: &units, given: &given, parameters: &tuning, samples, device, precision };
    let tuned = tune(&tuner, &pruned, &tasks)?;
    testbed.set_threads();
    let measured = measure(&tuner, &pruned, testbed.meter(&network, pruned.len(), timing)?)?;
    let rows: Vec<Row> = tasks
        .iter()
        .flat_map(|task| pruned.iter().zip(&measured).map(move |(pruned, measured)| (*task, pruned, *measured)))
        .map(|(task, pruned, (measured, counts))| {
            let tuned = &tuned[&pruned.folder(&given.task_table.names[task])];
            Row { task, pruned, tuned, measured, counts }
        })
        .collect();
    table::write(frame(&rows, &given.task_table, &predictor.conditions)?, stage.output("results")?)?;
    let models = stage.output("models")?;
    for folder in tuned.keys() {
        units.publish(&tuned_unit(folder), &models.join(folder))?;
    }
    let pruning: f64 = pruned.iter().map(|one| one.document.seconds).sum();
    let (seconds, steps) = tuned.values().fold((pruning, 0), |(s, n), one| (s + one.seconds, n + one.steps));
    Cost::new(&kind_name::<P>("prune_tune"), seconds, steps, stage.task().cpus)
        .on_gpu(device.is_cuda())
        .in_precision(precision.name())
        .save(stage.output("cost")?)
        .map_err(Into::into)
}

/// Budgets on the device, then of multiply–accumulates.
fn budgets(device: &[nnf_device::Budget], shares: &[f64], whole: Macs) -> Result<Vec<Budget>, BaselineError> {
    let on_device = device.iter().map(|device| Budget { device: *device, ..Budget::default() });
    let of_macs =
        shares.iter().map(|share| Budget { macs: Some(Macs((whole.0 as f64 * share) as u64)), ..Budget::default() });
    let budgets: Vec<Budget> = on_device.chain(of_macs).collect();
    match budgets.is_empty() {
        true => Err(BaselineError::Misfit(
            "no budget is given: `latency_ms`, `latency_shares`, `memory_mb` or `macs_shares`".into(),
        )),
        false => Ok(budgets),
    }
}

/// The network of one task, the model to prune, and the predictor of that network.
fn device_inputs(stage: &Stage, heads: (i64, usize)) -> Result<(Network, Model, Predictor), BaselineError> {
    let network = Network::load(stage.input("network")?)?;
    let model = Model::load(stage.input("model")?)?;
    if heads::of_task(&model, 0, heads)?.network != network {
        let why = "`model` is not a model of `network`, but for the number of its answers";
        return Err(BaselineError::Misfit(why.into()));
    }
    let predictor = Predictor::load(stage.input("predictor")?, &network)?;
    Ok((network, model, predictor))
}

/// The unit of the network that belongs into a folder of the output.
fn tuned_unit(folder: &str) -> String {
    format!("tuned/{folder}")
}

/// Tunes every pruned network for every task; the keys are folders. Budgets that came to one network share it.
fn tune<P: Problem>(
    tuner: &Tuner<P>,
    pruned: &[Pruned],
    tasks: &[usize],
) -> Result<BTreeMap<String, Tuned>, BaselineError> {
    let names = &tuner.given.task_table.names;
    let all = pruned.iter().flat_map(|pruned| tasks.iter().map(move |task| (pruned, *task)));
    let wanted: BTreeMap<String, (&Pruned, usize)> =
        all.map(|(pruned, task)| (pruned.folder(&names[task]), (pruned, task))).collect();
    let mut tuned = BTreeMap::new();
    for (done, (folder, (pruned, task))) in (0..).zip(&wanted) {
        tuner.stage.go_on()?;
        let turn = Turn { done, of: wanted.len() as u64 };
        let model = || heads::of_task(&pruned.model(tuner.units)?, *task, (P::ANSWERS, names.len()));
        let found = tuner.tune(&tuned_unit(folder), *task, &model, turn)?;
        let values = [(P::METRIC, found.quality.value), ("steps", found.steps as f64)];
        tuner.stage.metrics(Some(done + 1), &values);
        tuner.stage.progress(done + 1, turn.of, "networks");
        tuned.insert(folder.clone(), found);
    }
    let mean = Quality::mean(tuned.values().map(|one| &one.quality));
    tuner.stage.metrics(None, &[(&format!("mean {}", P::METRIC), mean)]);
    Ok(tuned)
}

/// Latency of each pruned architecture on this machine, in turns; and its counts.
fn measure<P: Problem>(
    tuner: &Tuner<P>,
    pruned: &[Pruned],
    meter: Meter,
) -> Result<Vec<(Latency, Counts)>, BaselineError> {
    let heads = (P::ANSWERS, tuner.given.task_table.names.len());
    let mut counts = vec![Counts::default(); pruned.len()];
    let measured = meter.measure(|number| -> Result<Model, BaselineError> {
        tuner.stage.go_on()?;
        // Read anew in each round: all at once would fill the memory.
        let model = pruned[number].as_measured(tuner.units, heads)?;
        counts[number] = Counts::of(&model.network);
        Ok(model)
    })?;
    Ok(measured.latencies.into_iter().zip(counts).collect())
}

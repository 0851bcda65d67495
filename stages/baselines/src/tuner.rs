//! Trains networks for tasks one after the other, each once, and asks each its samples.

use nnf_contract::Stage;
use nnf_evaluation::{named, quality};
use nnf_net::{GateVector, Model, Precision};
use nnf_problem::{Problem, Quality, Samples as _, TaskTable};
use nnf_training::place::{self, PlaceParameters};
use nnf_training::{Session, Watch};
use serde::{Deserialize, Serialize};
use tch::Device;

use crate::convergence::{Evaluation, best, seconds_to_best};
use crate::error::BaselineError;
use crate::parameters::TuningParameters;
use crate::samples::Samples;
use crate::tuning::Tuning;
use crate::units::Units;

/// The data of a baseline.
pub(crate) struct Given<P: Problem> {
    pub(crate) problem: P,
    pub(crate) train: P::Samples,
    pub(crate) validation: P::Samples,
    pub(crate) samples: P::Samples,
    pub(crate) task_table: TaskTable,
    pub(crate) augmentation: P::Augmentation,
}

impl<P: Problem> Given<P> {
    /// Reads the inputs.
    pub(crate) fn read(stage: &Stage) -> Result<Self, BaselineError> {
        let given = Given {
            problem: P::read(stage)?,
            train: P::Samples::load(stage.input("train")?)?,
            validation: P::Samples::load(stage.input("validation")?)?,
            samples: P::Samples::load(stage.input("samples")?)?,
            task_table: TaskTable::load(stage.input("tasks")?)?,
            augmentation: stage.parameters()?,
        };
        given.train.check_to_learn("train")?;
        given.validation.check_to_learn("validation")?;
        for samples in [&given.train, &given.validation, &given.samples] {
            given.task_table.check(samples)?;
            given.problem.check(samples)?;
        }
        Ok(given)
    }

    /// Positions of named tasks, each with samples to learn from and to be judged by.
    pub(crate) fn tasks(&self, names: &[String]) -> Result<Vec<usize>, BaselineError> {
        let tasks = named(&self.task_table, names)?;
        for (task, name) in tasks.iter().zip(names) {
            for (samples, what) in
                [(&self.train, "train on"), (&self.validation, "watch by"), (&self.samples, "answer")]
            {
                Samples::of((&self.problem, samples), Some((*task, name)), 1, what)?;
            }
        }
        Ok(tasks)
    }
}

/// What came of one network.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Tuned {
    pub(crate) quality: Quality,
    pub(crate) steps: u64,
    /// Seconds of training and validation over all attempts, but for what a killed one did after its last checkpoint.
    pub(crate) seconds: f64,
    pub(crate) evaluations: Vec<Evaluation>,
    /// Whether the validation loss had stopped falling, rather than steps run out.
    pub(crate) converged: bool,
}

impl Tuned {
    /// The best quality on validation samples.
    pub(crate) fn best_validation(&self) -> f64 {
        best(&self.evaluations)
    }

    pub(crate) fn seconds_to_best(&self) -> f64 {
        seconds_to_best(&self.evaluations)
    }
}

/// How the networks of one stage are trained.
pub(crate) struct Tuner<'a, P: Problem> {
    pub(crate) stage: &'a Stage,
    pub(crate) units: &'a Units,
    pub(crate) given: &'a Given<P>,
    pub(crate) parameters: &'a TuningParameters,
    /// Samples of a task to be judged by at most.
    pub(crate) samples: usize,
    pub(crate) device: Device,
    pub(crate) precision: Precision,
}

/// The networks that are done and all there are, for a person who watches.
#[derive(Clone, Copy)]
pub(crate) struct Turn {
    pub(crate) done: u64,
    pub(crate) of: u64,
}

impl<P: Problem> Tuner<'_, P> {
    /// Trains a model for a task, unless that is done; its deployable form is kept under the name.
    pub(crate) fn tune(
        &self,
        name: &str,
        task: usize,
        model: &dyn Fn() -> Result<Model, BaselineError>,
        turn: Turn,
    ) -> Result<Tuned, BaselineError> {
        if let Some(tuned) = self.units.done(name) {
            return Ok(tuned);
        }
        let (given, of) = (self.given, Some((task, self.given.task_table.names[task].as_str())));
        let train = Samples::of((&given.problem, &given.train), of, usize::MAX, "train on")?;
        let most = self.parameters.validation_samples;
        let validation = Samples::of((&given.problem, &given.validation), of, most, "watch by")?;
        let config = self.parameters.config(given.augmentation.clone(), self.precision, 0.0);
        let mut work = Tuning::new(config, model()?, (train, validation), self.device, task as u64)?;
        let folder = self.units.training(name)?;
        let session = Session {
            steps: self.parameters.steps,
            log_every: self.parameters.evaluate_every(),
            checkpoint: Some(&folder),
            checkpoint_every: self.parameters.checkpoint_every(),
            snapshots: 0,
            snapshot_folder: None,
        };
        session.run(&mut work, &InTurn { stage: self.stage, turn })?;
        let steps = work.finish(self.parameters.steps)?;
        let model = deployed(&work.model())?;
        let judged = Samples::of((&given.problem, &given.samples), of, self.samples, "answer")?;
        let found = quality(&model, &given.problem, &given.samples, judged.rows())?;
        let tuned = Tuned {
            quality: found,
            steps,
            seconds: work.seconds(),
            evaluations: work.convergence().evaluations().to_vec(),
            converged: work.convergence().done(),
        };
        self.units.finish(name, &model, &tuned)?;
        Ok(tuned)
    }
}

/// Device and number format of a stage's training.
pub(crate) fn place(stage: &Stage, p: &TuningParameters) -> Result<(Device, Precision), BaselineError> {
    let place = PlaceParameters { precision: p.precision.clone(), device: p.device.clone() };
    Ok(place::choose(stage, &place)?)
}

/// A model as it is deployed: without gates, batch norms folded.
pub(crate) fn deployed(model: &Model) -> Result<Model, BaselineError> {
    Ok(model.deployed(&GateVector::open(&model.network.gate_layers()))?)
}

/// Tells the engine of networks, not of the steps of each.
struct InTurn<'a> {
    stage: &'a Stage,
    turn: Turn,
}

impl Watch for InTurn<'_> {
    fn progress(&self, _: u64, _: u64) {
        self.stage.progress(self.turn.done, self.turn.of, "networks");
    }

    fn metrics(&self, _: u64, values: &[(&str, f64)]) {
        let values: Vec<(String, f64)> =
            values.iter().map(|(name, value)| (format!("training {name}"), *value)).collect();
        let values: Vec<(&str, f64)> = values.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        self.stage.metrics(Some(self.turn.done), &values);
    }

    fn note(&self, text: String) {
        self.stage.note(text);
    }

    fn cancelled(&self) -> bool {
        self.stage.cancelled()
    }
}

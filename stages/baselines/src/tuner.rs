//! Trains networks for tasks one after the other, each once, and asks each its samples.

use nnf_contract::Stage;
use nnf_evaluation::{Accuracy, accuracy, named};
use nnf_net::{GateVector, Model, Precision};
use nnf_supernet::{Digits, Index, Questions};
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
pub(crate) struct Given {
    pub(crate) digits: Digits,
    pub(crate) train: Index,
    pub(crate) validation: Index,
    pub(crate) samples: Index,
    pub(crate) questions: Questions,
}

impl Given {
    /// Reads the inputs.
    pub(crate) fn read(stage: &Stage) -> Result<Self, BaselineError> {
        let given = Given {
            digits: Digits::load(stage.input("digits")?)?,
            train: Index::load(stage.input("train")?)?,
            validation: Index::load(stage.input("validation")?)?,
            samples: Index::load(stage.input("samples")?)?,
            questions: Questions::load(stage.input("tasks")?)?,
        };
        given.train.check_to_learn("train")?;
        given.validation.check_to_learn("validation")?;
        for index in [&given.train, &given.validation, &given.samples] {
            index.check(&given.digits, &given.questions)?;
        }
        Ok(given)
    }

    /// Positions of named tasks, each with samples to learn from and to be judged by.
    pub(crate) fn tasks(&self, names: &[String]) -> Result<Vec<usize>, BaselineError> {
        let tasks = named(&self.questions, names)?;
        for (task, name) in tasks.iter().zip(names) {
            for (index, what) in [(&self.train, "train on"), (&self.validation, "watch by"), (&self.samples, "answer")]
            {
                Samples::of((&self.digits, index), Some((*task, name)), 1, what)?;
            }
        }
        Ok(tasks)
    }
}

/// What came of one network.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Tuned {
    pub(crate) right: u64,
    pub(crate) samples: u64,
    pub(crate) validation_samples: u64,
    pub(crate) steps: u64,
    /// Seconds of training and validation over all attempts, but for what a killed one did after its last checkpoint.
    pub(crate) seconds: f64,
    pub(crate) evaluations: Vec<Evaluation>,
    /// Whether the validation loss had stopped falling, rather than steps run out.
    pub(crate) converged: bool,
}

impl Tuned {
    pub(crate) fn accuracy(&self) -> Accuracy {
        Accuracy { right: self.right, samples: self.samples }
    }

    /// The best share of right answers on validation samples.
    pub(crate) fn best_validation(&self) -> f64 {
        best(&self.evaluations) as f64 / self.validation_samples.max(1) as f64
    }

    pub(crate) fn seconds_to_best(&self) -> f64 {
        seconds_to_best(&self.evaluations, self.validation_samples)
    }
}

/// How the networks of one stage are trained.
pub(crate) struct Tuner<'a> {
    pub(crate) stage: &'a Stage,
    pub(crate) units: &'a Units,
    pub(crate) given: &'a Given,
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

impl Tuner<'_> {
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
        let (given, of) = (self.given, Some((task, self.given.questions.names[task].as_str())));
        let train = Samples::of((&given.digits, &given.train), of, usize::MAX, "train on")?;
        let most = self.parameters.validation_samples;
        let validation = Samples::of((&given.digits, &given.validation), of, most, "watch by")?;
        let validation_samples = validation.rows().len() as u64;
        let config = self.parameters.config(self.precision, 0.0);
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
        let judged = Samples::of((&given.digits, &given.samples), of, self.samples, "answer")?;
        let found = accuracy(&model, &given.digits, &given.samples, judged.rows())?;
        let tuned = Tuned {
            right: found.right,
            samples: found.samples,
            validation_samples,
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

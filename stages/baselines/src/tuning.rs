//! Trains one network on samples until the loss on validation samples stops falling; the weights of the least are the
//! result.
//!
//! With a classifier of one pair of answers all samples ask the same question; with more, each sample is answered by
//! its task's pair.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use nnf_net::{Model, Precision, Random, Run, Weights, forward};
use nnf_supernet::Augmentation;
use nnf_training::{Learner, OptimiserConfig, TrainingError, Work};
use tch::{Device, Kind, Tensor};

use crate::convergence::{Convergence, Evaluation, Rule};
use crate::error::BaselineError;
use crate::heads;
use crate::samples::{Batch, Samples};
use crate::sparsity;

/// Pictures of one pass of validation.
const PASS: usize = 256;

/// Constants of a tuning.
#[derive(Clone, Debug)]
pub(crate) struct TuningConfig {
    pub(crate) batch: usize,
    pub(crate) rate: f64,
    /// Steps in which the learning rate rises.
    pub(crate) warm_up: u64,
    pub(crate) evaluate_every: u64,
    pub(crate) rule: Rule,
    /// Strength of the sparsity training; 0 for none.
    pub(crate) sparsity: f64,
    pub(crate) augmentation: Augmentation,
    pub(crate) seed: u64,
    pub(crate) precision: Precision,
    pub(crate) optimiser: OptimiserConfig,
}

/// The training of one network.
pub(crate) struct Tuning<'a> {
    config: TuningConfig,
    train: Samples<'a>,
    validation: Samples<'a>,
    device: Device,
    /// Tells the draws of different tunings apart.
    number: u64,
    pairs: i64,
    learner: Learner,
    convergence: Convergence,
    /// Weights at the evaluation of the least loss.
    best: Option<Weights>,
    /// Seconds of training, and of validation.
    clock: (f64, f64),
}

impl<'a> Tuning<'a> {
    pub(crate) fn new(
        config: TuningConfig,
        model: Model,
        (train, validation): (Samples<'a>, Samples<'a>),
        device: Device,
        number: u64,
    ) -> Result<Self, BaselineError> {
        let pairs = heads::answers(&model.network)? / heads::ANSWERS;
        for samples in [&train, &validation] {
            let most = samples.rows().iter().map(|row| i64::from(samples.index().task[*row])).max().unwrap_or(0);
            if pairs != 1 && most >= pairs {
                let why = format!("a sample names task {most}, but the network has answers of {pairs} tasks");
                return Err(BaselineError::Misfit(why));
            }
        }
        let learner = Learner::new(vec![model], device, config.optimiser)?;
        let convergence = Convergence::new(config.rule, Vec::new());
        let (best, clock) = (None, (0.0, 0.0));
        Ok(Tuning { config, train, validation, device, number, pairs, learner, convergence, best, clock })
    }

    /// The network with the weights that did best.
    pub(crate) fn model(&self) -> Model {
        let weights = self.best.as_ref().map_or_else(|| self.learner.weights(0), Weights::copied);
        Model { network: self.learner.models[0].network.clone(), weights }
    }

    pub(crate) fn convergence(&self) -> &Convergence {
        &self.convergence
    }

    /// Seconds of training and validation over all attempts, but for what a killed one did after its last checkpoint.
    pub(crate) fn seconds(&self) -> f64 {
        self.clock.0 + self.clock.1
    }

    /// Scores `[B, 2]` of each sample's question.
    fn scores(&self, batch: &Batch, training: bool) -> Result<Tensor, BaselineError> {
        let model = &self.learner.models[0];
        let run = Run { precision: self.config.precision, training, ..Run::default() };
        let all = forward(&model.network, &model.weights, &batch.pictures, &run, &[])?;
        let all = all[0].to_kind(Kind::Float);
        if self.pairs == 1 {
            return Ok(all);
        }
        let task = batch.tasks.view([-1, 1, 1]).expand([-1, 1, heads::ANSWERS], false);
        Ok(all.view([-1, self.pairs, heads::ANSWERS]).gather(1, &task, false).squeeze_dim(1))
    }

    /// Right answers on the validation samples, and their mean loss.
    fn validate(&self) -> Result<(u64, f64), BaselineError> {
        let (mut right, mut loss) = (0, 0.0);
        for rows in self.validation.rows().chunks(PASS) {
            let batch = self.validation.batch(rows, self.device)?;
            let scores = tch::no_grad(|| self.scores(&batch, false))?;
            right += scores.argmax(1, false).eq_tensor(&batch.labels).sum(Kind::Int64).int64_value(&[]);
            loss += scores.cross_entropy_for_logits(&batch.labels).double_value(&[]) * rows.len() as f64;
        }
        Ok((u64::try_from(right).unwrap_or(0), loss / self.validation.rows().len().max(1) as f64))
    }

    fn rate(&self, step: u64) -> f64 {
        let rise = (step + 1) as f64 / self.config.warm_up.max(1) as f64;
        self.config.rate * rise.min(1.0) * self.convergence.factor()
    }

    fn descend(&mut self, step: u64) -> Result<Vec<f64>, BaselineError> {
        let mut random = Random::of(self.config.seed, &[7, self.number, step]);
        let rows = self.train.draw(self.config.batch, &mut random);
        let batch = self.train.augmented(&rows, (&self.config.augmentation, &mut random), self.device)?;
        let scores = self.scores(&batch, true)?;
        let loss = scores.cross_entropy_for_logits(&batch.labels);
        let right = scores.detach().argmax(1, false).eq_tensor(&batch.labels).to_kind(Kind::Float).mean(Kind::Float);
        let rate = self.rate(step);
        let (value, norm) = self.learner.descend_finite(&loss, step, rate, self.config.seed)?;
        if self.config.sparsity > 0.0 {
            sparsity::shrink(&self.learner.models[0], rate, self.config.sparsity)?;
        }
        Ok(vec![value, right.double_value(&[]), norm])
    }

    fn evaluate(&mut self, step: u64) -> Result<(), BaselineError> {
        let begin = Instant::now();
        let (right, loss) = self.validate()?;
        if !loss.is_finite() {
            return Err(TrainingError::NotFinite { step, rate: self.rate(step), seed: self.config.seed }.into());
        }
        let evaluation = Evaluation { step, seconds: self.clock.0, right, loss };
        if self.convergence.note(evaluation) {
            self.best = Some(self.learner.weights(0));
        }
        self.clock.1 += begin.elapsed().as_secs_f64();
        Ok(())
    }

    /// Ends a training of at most so many steps: looks at the validation samples once more if the last steps were not
    /// looked at. Returns the steps done.
    pub(crate) fn finish(&mut self, most: u64) -> Result<u64, BaselineError> {
        let last = |convergence: &Convergence| convergence.evaluations().last().map_or(0, |one| one.step);
        if !self.convergence.done() && last(&self.convergence) < most {
            self.evaluate(most)?;
        }
        Ok(last(&self.convergence))
    }
}

/// A step's failure as the session knows it.
fn as_training(error: BaselineError) -> TrainingError {
    match error {
        BaselineError::Training(error) => error,
        other => TrainingError::Misfit(other.to_string()),
    }
}

impl Work for Tuning<'_> {
    fn names(&self) -> &'static [&'static str] {
        &["loss", "accuracy", "gradient"]
    }

    fn step(&mut self, step: u64) -> Result<Vec<f64>, TrainingError> {
        if step == 0 {
            // What training cannot improve is kept.
            self.evaluate(0).map_err(as_training)?;
        }
        let begin = Instant::now();
        let measured = self.descend(step).map_err(as_training)?;
        self.clock.0 += begin.elapsed().as_secs_f64();
        if (step + 1).is_multiple_of(self.config.evaluate_every) {
            self.evaluate(step + 1).map_err(as_training)?;
        }
        Ok(measured)
    }

    fn done(&self) -> bool {
        self.convergence.done()
    }

    fn state(&self) -> Vec<(String, Tensor)> {
        let mut state = self.learner.state();
        let best = self.best.iter().flat_map(Weights::iter);
        state.extend(best.map(|(name, tensor)| (format!("best.{name}"), tensor.shallow_clone())));
        let rows: Vec<f64> = self
            .convergence
            .evaluations()
            .iter()
            .flat_map(|one| [one.step as f64, one.seconds, one.right as f64, one.loss])
            .collect();
        state.push(("tuning.evaluations".into(), Tensor::from_slice(&rows)));
        state.push(("tuning.clock".into(), Tensor::from_slice(&[self.clock.0, self.clock.1])));
        state
    }

    fn restore(&mut self, state: &BTreeMap<String, Tensor>) -> Result<(), TrainingError> {
        self.learner.restore(state)?;
        let list = |name: &str| -> Result<Vec<f64>, TrainingError> {
            let tensor =
                state.get(name).ok_or_else(|| TrainingError::Misfit(format!("the checkpoint has no `{name}`")))?;
            Ok(Vec::<f64>::try_from(tensor)?)
        };
        let rows = list("tuning.evaluations")?;
        let evaluations = rows.as_chunks::<4>().0.iter().map(|row| {
            let [step, seconds, right, loss] = *row;
            Evaluation { step: step as u64, seconds, right: right as u64, loss }
        });
        self.convergence = Convergence::new(self.config.rule, evaluations.collect());
        self.clock = match list("tuning.clock")?.as_slice() {
            [training, validation] => (*training, *validation),
            _ => return Err(TrainingError::Misfit("the checkpoint's `tuning.clock` is not two times".into())),
        };
        let mut best = Weights::default();
        for (name, tensor) in state.iter().filter_map(|(name, tensor)| Some((name.strip_prefix("best.")?, tensor))) {
            best.insert(name, tensor.shallow_clone());
        }
        self.best = (best.iter().count() > 0).then_some(best);
        Ok(())
    }

    fn snapshot(&self, folder: &Path) -> Result<(), TrainingError> {
        Ok(self.model().save(folder)?)
    }
}

//! Trains one network on samples until the loss on validation samples stops falling; the weights of the least are the
//! result.
//!
//! With a classifier for one task all samples are of the same one; with more, each sample is answered by its own task's
//! part.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use nnf_net::{Model, Precision, Random, Run, Weights, forward};
use nnf_problem::{Batch, Problem};
use nnf_training::{Learner, OptimiserConfig, TrainingError, Work};
use tch::{Device, Kind, Tensor};

use crate::convergence::{Convergence, Evaluation, Rule};
use crate::error::BaselineError;
use crate::heads;
use crate::samples::Samples;
use crate::sparsity;

/// Pictures of one pass of validation.
const PASS: usize = 256;

/// Constants of a tuning.
#[derive(Clone, Debug)]
pub(crate) struct TuningConfig<A> {
    pub(crate) batch: usize,
    pub(crate) rate: f64,
    /// Steps in which the learning rate rises.
    pub(crate) warm_up: u64,
    pub(crate) evaluate_every: u64,
    pub(crate) rule: Rule,
    /// Strength of the sparsity training; 0 for none.
    pub(crate) sparsity: f64,
    pub(crate) augmentation: A,
    pub(crate) seed: u64,
    pub(crate) precision: Precision,
    pub(crate) optimiser: OptimiserConfig,
}

/// The training of one network.
pub(crate) struct Tuning<'a, P: Problem> {
    config: TuningConfig<P::Augmentation>,
    train: Samples<'a, P>,
    validation: Samples<'a, P>,
    device: Device,
    /// Tells the draws of different tunings apart.
    number: u64,
    /// Tasks that the network answers, each with answers of its own.
    heads: i64,
    learner: Learner,
    convergence: Convergence,
    /// Weights at the evaluation of the least loss.
    best: Option<Weights>,
    /// Seconds of training, and of validation.
    clock: (f64, f64),
}

impl<'a, P: Problem> Tuning<'a, P> {
    const NAMES: &'static [&'static str] = &["loss", P::MEASURE, "gradient"];

    pub(crate) fn new(
        config: TuningConfig<P::Augmentation>,
        model: Model,
        (train, validation): (Samples<'a, P>, Samples<'a, P>),
        device: Device,
        number: u64,
    ) -> Result<Self, BaselineError> {
        let heads = heads::answers(&model.network)? / P::ANSWERS;
        for samples in [&train, &validation] {
            let most = samples.last_task();
            if heads != 1 && most >= heads {
                let why = format!("a sample names task {most}, but the network has answers of {heads} tasks");
                return Err(BaselineError::Misfit(why));
            }
        }
        let learner = Learner::new(vec![model], device, config.optimiser)?;
        let convergence = Convergence::new(config.rule, Vec::new());
        let (best, clock) = (None, (0.0, 0.0));
        Ok(Tuning { config, train, validation, device, number, heads, learner, convergence, best, clock })
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

    /// The network's outputs for some rows, of each sample's own task.
    fn outputs(
        &self,
        (samples, rows): (&Samples<'a, P>, &[usize]),
        input: &Tensor,
        training: bool,
    ) -> Result<Vec<Tensor>, BaselineError> {
        let model = &self.learner.models[0];
        let run = Run { precision: self.config.precision, training, ..Run::default() };
        let all = forward(&model.network, &model.weights, input, &run, &[])?;
        let all = all.iter().map(|output| output.to_kind(Kind::Float));
        if self.heads == 1 {
            return Ok(all.collect());
        }
        let task = samples.tasks(rows, self.device).view([-1, 1, 1]).expand([-1, 1, P::ANSWERS], false);
        Ok(all.map(|all| all.view([-1, self.heads, P::ANSWERS]).gather(1, &task, false).squeeze_dim(1)).collect())
    }

    /// The quality of the answers to the validation samples, and their mean loss.
    fn validate(&self) -> Result<(f64, f64), BaselineError> {
        let (mut answers, mut loss) = (Vec::new(), 0.0);
        for rows in self.validation.rows().chunks(PASS) {
            let Batch { input, targets } = self.validation.batch(rows, None, self.device)?;
            let outputs = tch::no_grad(|| self.outputs((&self.validation, rows), &input, false))?;
            loss += P::loss(&outputs, &targets).double_value(&[]) * rows.len() as f64;
            answers.extend(P::answers(&outputs, &targets)?);
        }
        Ok((self.validation.quality(&answers), loss / self.validation.rows().len().max(1) as f64))
    }

    fn rate(&self, step: u64) -> f64 {
        let rise = (step + 1) as f64 / self.config.warm_up.max(1) as f64;
        self.config.rate * rise.min(1.0) * self.convergence.factor()
    }

    fn descend(&mut self, step: u64) -> Result<Vec<f64>, BaselineError> {
        let mut random = Random::of(self.config.seed, &[7, self.number, step]);
        let rows = self.train.draw(self.config.batch, &mut random);
        let change = Some((&self.config.augmentation, &mut random));
        let Batch { input, targets } = self.train.batch(&rows, change, self.device)?;
        let outputs = self.outputs((&self.train, &rows), &input, true)?;
        let loss = P::loss(&outputs, &targets);
        let measure = P::measure(&outputs, &targets);
        let rate = self.rate(step);
        let (value, norm) = self.learner.descend_finite(&loss, step, rate, self.config.seed)?;
        if self.config.sparsity > 0.0 {
            sparsity::shrink(&self.learner.models[0], rate, self.config.sparsity)?;
        }
        Ok(vec![value, measure, norm])
    }

    fn evaluate(&mut self, step: u64) -> Result<(), BaselineError> {
        let begin = Instant::now();
        let (quality, loss) = self.validate()?;
        if !loss.is_finite() {
            return Err(TrainingError::NotFinite { step, rate: self.rate(step), seed: self.config.seed }.into());
        }
        let evaluation = Evaluation { step, seconds: self.clock.0, quality, loss };
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

impl<P: Problem> Work for Tuning<'_, P> {
    fn names(&self) -> &'static [&'static str] {
        Self::NAMES
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
            .flat_map(|one| [one.step as f64, one.seconds, one.quality, one.loss])
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
            let [step, seconds, quality, loss] = *row;
            Evaluation { step: step as u64, seconds, quality, loss }
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

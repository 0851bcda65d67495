//! Joint training of network and assembler (paper §3.4): every sample has its own task, limit and gates.
//!
//! Gates start open and λ at zero, then λ rises: gates that must shut from the first step never learn to open. Half of
//! the samples use soft gates, half hard ones with the soft ones' derivatives.

use std::collections::BTreeMap;
use std::path::Path;

use nnf_net::{Gates, Model, Precision, Random, Run, forward};
use nnf_problem::{Batch, Problem, Samples, TaskTable};
use nnf_supernet::gating::{self, Pruning};
use nnf_supernet::{Encoding, Requirement, Supernet};
use tch::{Device, Kind, Tensor};

use crate::error::TrainingError;
use crate::learner::Learner;
use crate::optimiser::OptimiserConfig;
use crate::schedule::{limit_range, one_cycle, ramp};
use crate::session::Work;

/// Constants of the joint training.
#[derive(Clone, Debug)]
pub(crate) struct JointConfig<A> {
    pub(crate) steps: u64,
    pub(crate) batch: usize,
    pub(crate) rate: f64,
    /// Limits are drawn log-uniformly from this range.
    pub(crate) limits: (f64, f64),
    /// Share of the steps over which the least limit falls to its value, from the greatest; 0 for the whole range at once.
    pub(crate) limit_fall: f64,
    /// λ at its greatest, and the shares of the steps between which it rises from zero.
    pub(crate) lambda: f64,
    pub(crate) lambda_rise: (f64, f64),
    /// Standard deviation of the noise on gate logits.
    pub(crate) noise: f64,
    /// Share of samples with hard gates.
    pub(crate) hard_share: f64,
    /// Whether hard gates are pruned to the limit once λ rises.
    pub(crate) prune: bool,
    pub(crate) augmentation: A,
    pub(crate) seed: u64,
    pub(crate) precision: Precision,
    pub(crate) optimiser: OptimiserConfig,
}

/// What is learnt from.
pub(crate) struct Data<'a, P: Problem> {
    pub(crate) problem: &'a P,
    pub(crate) train: &'a P::Samples,
    pub(crate) validation: &'a P::Samples,
    pub(crate) tasks: &'a TaskTable,
}

/// The joint training of one supernet.
pub(crate) struct Joint<'a, P: Problem> {
    config: JointConfig<P::Augmentation>,
    data: Data<'a, P>,
    encoding: Encoding,
    device: Device,
    widths: Vec<i64>,
    pruning: Pruning,
    learner: Learner,
}

impl<'a, P: Problem> Joint<'a, P> {
    const NAMES: &'static [&'static str] = &["loss", P::MEASURE, "ratio", "beyond limit", "lambda", "gradient"];

    pub(crate) fn new(
        config: JointConfig<P::Augmentation>,
        data: Data<'a, P>,
        supernet: Supernet,
        device: Device,
    ) -> Result<Self, TrainingError> {
        let layers = supernet.model.network.gate_layers();
        let widths = layers.iter().map(|layer| i64::try_from(layer.width).unwrap_or(0)).collect();
        if data.train.is_empty() {
            return Err(TrainingError::Misfit("there are no samples to train on".into()));
        }
        data.train.check_to_learn("train")?;
        for samples in [data.train, data.validation] {
            data.tasks.check(samples)?;
            data.problem.check(samples)?;
        }
        if let Some(task) = data.train.tasks().iter().find(|task| !data.tasks.seen[usize::from(**task)]) {
            return Err(TrainingError::Misfit(format!(
                "a sample to train on is of the task `{}`, which `tasks` calls unseen: samples and tasks were not made together",
                data.tasks.names[usize::from(*task)]
            )));
        }
        P::check_network(&supernet.model.network)?;
        let pruning = Pruning::of(&supernet.model.network);
        let learner = Learner::new(vec![supernet.model, supernet.assembler], device, config.optimiser)?;
        Ok(Joint { config, data, encoding: supernet.encoding, device, widths, pruning, learner })
    }

    /// The supernet as it is now.
    pub(crate) fn supernet(&self) -> Supernet {
        let model =
            |at: usize| Model { network: self.learner.models[at].network.clone(), weights: self.learner.weights(at) };
        Supernet { model: model(0), assembler: model(1), encoding: self.encoding }
    }

    /// What the assembler is asked for rows of samples.
    fn requirements(&self, samples: &P::Samples, rows: &[usize], limit: &mut dyn FnMut() -> f64) -> Vec<Requirement> {
        let bits = |row: &usize| self.data.tasks.bits[usize::from(samples.tasks()[*row])].clone();
        rows.iter().map(|row| Requirement { bits: bits(row), limit: limit() }).collect()
    }

    /// Gate logits `[B, N]`.
    fn logits(&self, requirements: &[Requirement], training: bool) -> Result<Tensor, TrainingError> {
        let assembler = &self.learner.models[1];
        let encoded = self.encoding.encode(requirements)?.to_device(self.device);
        let run = Run { training, ..Run::default() };
        Ok(Tensor::cat(&forward(&assembler.network, &assembler.weights, &encoded, &run, &[])?, 1))
    }

    /// The network's outputs under gates `[B, N]`.
    fn outputs(&self, input: &Tensor, gates: &Tensor, training: bool) -> Result<Vec<Tensor>, TrainingError> {
        let network = &self.learner.models[0];
        let layers = gates.split_with_sizes(&self.widths, 1);
        let run = Run { gates: Gates::PerSample(&layers), precision: self.config.precision, training };
        let outputs = forward(&network.network, &network.weights, input, &run, &[])?;
        Ok(outputs.iter().map(|output| output.to_kind(Kind::Float)).collect())
    }

    /// Training gates: soft for some samples, hard for the others.
    fn training_gates(&self, logits: &Tensor, limits: &[f64], prune: bool, random: &mut Random) -> Tensor {
        let soft = gating::soft(logits);
        let hard = if prune { self.pruning.batch(logits, limits) } else { gating::hard(logits) };
        let choice: Vec<f32> =
            limits.iter().map(|_| f32::from(u8::from(random.unit() < self.config.hard_share))).collect();
        let choice = Tensor::from_slice(&choice).to_device(self.device).unsqueeze(1);
        // Where the choice is 0 this is the soft gate itself.
        &soft + (&choice * (hard - &soft)).detach()
    }

    /// The quality of the answers to at most so many validation samples of seen tasks, and the mean ratio, with hard
    /// gates within a limit; nothing where there are no samples.
    pub(crate) fn validate(&self, limit: f64, most: usize) -> Result<Option<(f64, f64)>, TrainingError> {
        let samples = self.data.validation;
        let seen = (0..samples.len()).filter(|row| self.data.tasks.seen[usize::from(samples.tasks()[*row])]);
        let rows: Vec<usize> = seen.take(most).collect();
        if rows.is_empty() {
            return Ok(None);
        }
        let (mut answers, mut ratio) = (Vec::new(), 0.0);
        for rows in rows.chunks(256) {
            let requirements = self.requirements(samples, rows, &mut || limit);
            let Batch { input, targets } = self.data.problem.batch(samples, rows, None, self.device)?;
            let (outputs, kept) = tch::no_grad(|| -> Result<(Vec<Tensor>, Tensor), TrainingError> {
                let logits = self.logits(&requirements, false)?;
                let gates = self.pruning.batch(&logits, &vec![limit; rows.len()]);
                Ok((self.outputs(&input, &gates, false)?, gates.mean_dim([1_i64].as_slice(), false, Kind::Float)))
            })?;
            answers.extend(P::answers(&outputs, &targets)?);
            ratio += kept.sum(Kind::Float).double_value(&[]);
        }
        let quality = self.data.problem.quality(samples, &rows, &answers);
        Ok(Some((quality.value, ratio / rows.len() as f64)))
    }
}

impl<P: Problem> Work for Joint<'_, P> {
    fn names(&self) -> &'static [&'static str] {
        Self::NAMES
    }

    fn step(&mut self, step: u64) -> Result<Vec<f64>, TrainingError> {
        let config = &self.config;
        let mut random = Random::of(config.seed, &[3, step]);
        let rows: Vec<usize> = (0..config.batch).map(|_| random.below(self.data.train.len())).collect();
        let (low, high) = limit_range(step, config.steps, config.limits, config.limit_fall);
        let (low, high) = (low.ln(), high.ln());
        let mut draw = || (low + (high - low) * random.unit()).exp().min(1.0);
        let requirements = self.requirements(self.data.train, &rows, &mut draw);
        let change = Some((&config.augmentation, &mut random));
        let Batch { input, targets } = self.data.problem.batch(self.data.train, &rows, change, self.device)?;
        let limits: Vec<f64> = requirements.iter().map(|requirement| requirement.limit).collect();
        let lambda = ramp(step, config.steps, config.lambda_rise, config.lambda);
        let logits = self.logits(&requirements, true)?;
        let noise = random.normal_tensor(&logits.size(), config.noise).to_device(self.device);
        let noisy = &logits + noise;
        let gates = self.training_gates(&noisy, &limits, config.prune && lambda > 0.0, &mut random);
        let outputs = self.outputs(&input, &gates, true)?;
        let answer_loss = P::loss(&outputs, &targets);
        let limit_tensor = Tensor::from_slice(&limits).to_kind(Kind::Float).to_device(self.device);
        let beyond = gating::gate_loss(&noisy, &limit_tensor);
        let loss = &answer_loss + &beyond * lambda;
        let measure = P::measure(&outputs, &targets);
        let ratio = gating::hard(&noisy.detach()).mean(Kind::Float);
        let (ratio, beyond) = (ratio.double_value(&[]), beyond.double_value(&[]));
        let rate = one_cycle(step, config.steps, config.rate);
        let (_, norm) = self.learner.descend_finite(&loss, step, rate, config.seed)?;
        Ok(vec![answer_loss.double_value(&[]), measure, ratio, beyond, lambda, norm])
    }

    fn state(&self) -> Vec<(String, Tensor)> {
        self.learner.state()
    }

    fn restore(&mut self, state: &BTreeMap<String, Tensor>) -> Result<(), TrainingError> {
        self.learner.restore(state)
    }

    fn snapshot(&self, folder: &Path) -> Result<(), TrainingError> {
        Ok(self.supernet().save(folder)?)
    }
}

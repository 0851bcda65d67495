//! Joint training of network and assembler (paper §3.4): every sample has its own task, limit and gates.
//!
//! Gates start open and λ at zero, then λ rises: gates that must shut from the first step never learn to open. Half of
//! the samples use soft gates, half hard ones with the soft ones' derivatives.

use std::collections::BTreeMap;
use std::path::Path;

use nnf_net::{Gates, Model, Precision, Random, Run, forward};
use nnf_supernet::gating::{self, Pruning};
use nnf_supernet::{Augmentation, Digits, Encoding, Index, Questions, Requirement, Supernet};
use tch::{Device, Kind, Tensor};

use crate::error::TrainingError;
use crate::learner::Learner;
use crate::optimiser::OptimiserConfig;
use crate::schedule::{limit_range, one_cycle, ramp};
use crate::session::Work;

/// Constants of the joint training.
#[derive(Clone, Debug)]
pub(crate) struct JointConfig {
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
    pub(crate) augmentation: Augmentation,
    pub(crate) seed: u64,
    pub(crate) precision: Precision,
    pub(crate) optimiser: OptimiserConfig,
}

/// What is learnt from.
pub(crate) struct Data<'a> {
    pub(crate) digits: &'a Digits,
    pub(crate) train: &'a Index,
    pub(crate) validation: &'a Index,
    pub(crate) questions: &'a Questions,
}

/// The joint training of one supernet.
pub(crate) struct Joint<'a> {
    config: JointConfig,
    data: Data<'a>,
    encoding: Encoding,
    device: Device,
    widths: Vec<i64>,
    pruning: Pruning,
    learner: Learner,
}

/// One batch.
struct Batch {
    digits: Vec<[u32; 4]>,
    labels: Tensor,
    requirements: Vec<Requirement>,
}

impl<'a> Joint<'a> {
    pub(crate) fn new(
        config: JointConfig,
        data: Data<'a>,
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
            samples.check(data.digits, data.questions)?;
        }
        if let Some(task) = data.train.task.iter().find(|task| !data.questions.seen[usize::from(**task)]) {
            return Err(TrainingError::Misfit(format!(
                "a sample to train on is of the task `{}`, which `tasks` calls unseen: samples and tasks were not made together",
                data.questions.names[usize::from(*task)]
            )));
        }
        let network = &supernet.model.network;
        let answers: Vec<&[i64]> = network.outputs().iter().map(|id| network.shape_of(*id)).collect();
        if answers != [[2]] {
            return Err(TrainingError::Misfit(format!(
                "network `{}` answers {answers:?}, but a question has two answers, no and yes: build it with `classes: 2`",
                network.name()
            )));
        }
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

    fn batch(&self, index: &Index, rows: &[usize], limit: &mut dyn FnMut() -> f64) -> Result<Batch, TrainingError> {
        let digits: Vec<[u32; 4]> = rows.iter().map(|row| index.digits[*row]).collect();
        let labels: Vec<i64> = rows.iter().map(|row| i64::from(index.label[*row])).collect();
        let requirement = |row: &usize| Requirement {
            bits: self.data.questions.bits[usize::from(index.task[*row])].clone(),
            limit: limit(),
        };
        let requirements = rows.iter().map(requirement).collect();
        Ok(Batch { digits, labels: Tensor::from_slice(&labels).to_device(self.device), requirements })
    }

    /// Gate logits `[B, N]`.
    fn logits(&self, requirements: &[Requirement], training: bool) -> Result<Tensor, TrainingError> {
        let assembler = &self.learner.models[1];
        let encoded = self.encoding.encode(requirements)?.to_device(self.device);
        let run = Run { training, ..Run::default() };
        Ok(Tensor::cat(&forward(&assembler.network, &assembler.weights, &encoded, &run, &[])?, 1))
    }

    /// Answers' scores `[B, classes]` under gates `[B, N]`.
    fn scores(&self, pictures: &Tensor, gates: &Tensor, training: bool) -> Result<Tensor, TrainingError> {
        let network = &self.learner.models[0];
        let layers = gates.split_with_sizes(&self.widths, 1);
        let run = Run { gates: Gates::PerSample(&layers), precision: self.config.precision, training };
        Ok(forward(&network.network, &network.weights, pictures, &run, &[])?[0].to_kind(Kind::Float))
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

    /// Share of right answers on at most so many validation samples of seen tasks, and the mean ratio, with hard gates
    /// within a limit; nothing where there are no samples.
    pub(crate) fn validate(&self, limit: f64, samples: usize) -> Result<Option<(f64, f64)>, TrainingError> {
        let index = self.data.validation;
        let seen = (0..index.len()).filter(|row| self.data.questions.seen[usize::from(index.task[*row])]);
        let rows: Vec<usize> = seen.take(samples).collect();
        if rows.is_empty() {
            return Ok(None);
        }
        let (mut right, mut ratio) = (0.0, 0.0);
        for rows in rows.chunks(256) {
            let batch = self.batch(index, rows, &mut || limit)?;
            let pictures = self.data.digits.pictures(index.split, &batch.digits, self.device)?;
            let (answers, kept) = tch::no_grad(|| -> Result<(Tensor, Tensor), TrainingError> {
                let logits = self.logits(&batch.requirements, false)?;
                let gates = self.pruning.batch(&logits, &vec![limit; rows.len()]);
                Ok((self.scores(&pictures, &gates, false)?, gates.mean_dim([1_i64].as_slice(), false, Kind::Float)))
            })?;
            right += answers.argmax(1, false).eq_tensor(&batch.labels).sum(Kind::Float).double_value(&[]);
            ratio += kept.sum(Kind::Float).double_value(&[]);
        }
        let count = rows.len() as f64;
        Ok(Some((right / count, ratio / count)))
    }
}

impl Work for Joint<'_> {
    fn names(&self) -> &'static [&'static str] {
        &["loss", "accuracy", "ratio", "beyond limit", "lambda", "gradient"]
    }

    fn step(&mut self, step: u64) -> Result<Vec<f64>, TrainingError> {
        let config = &self.config;
        let mut random = Random::of(config.seed, &[3, step]);
        let rows: Vec<usize> = (0..config.batch).map(|_| random.below(self.data.train.len())).collect();
        let (low, high) = limit_range(step, config.steps, config.limits, config.limit_fall);
        let (low, high) = (low.ln(), high.ln());
        let mut draw = || (low + (high - low) * random.unit()).exp().min(1.0);
        let batch = self.batch(self.data.train, &rows, &mut draw)?;
        let change = (&config.augmentation, &mut random);
        let pictures = self.data.digits.augmented(self.data.train.split, &batch.digits, change, self.device)?;
        let limits: Vec<f64> = batch.requirements.iter().map(|requirement| requirement.limit).collect();
        let lambda = ramp(step, config.steps, config.lambda_rise, config.lambda);
        let logits = self.logits(&batch.requirements, true)?;
        let noise = random.normal_tensor(&logits.size(), config.noise).to_device(self.device);
        let noisy = &logits + noise;
        let gates = self.training_gates(&noisy, &limits, config.prune && lambda > 0.0, &mut random);
        let scores = self.scores(&pictures, &gates, true)?;
        let answer_loss = scores.cross_entropy_for_logits(&batch.labels);
        let limit_tensor = Tensor::from_slice(&limits).to_kind(Kind::Float).to_device(self.device);
        let beyond = gating::gate_loss(&noisy, &limit_tensor);
        let loss = &answer_loss + &beyond * lambda;
        let right = scores.detach().argmax(1, false).eq_tensor(&batch.labels).to_kind(Kind::Float).mean(Kind::Float);
        let ratio = gating::hard(&noisy.detach()).mean(Kind::Float);
        let (right, ratio, beyond) = (right.double_value(&[]), ratio.double_value(&[]), beyond.double_value(&[]));
        let rate = one_cycle(step, config.steps, config.rate);
        let (_, norm) = self.learner.descend_finite(&loss, step, rate, config.seed)?;
        Ok(vec![answer_loss.double_value(&[]), right, ratio, beyond, lambda, norm])
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

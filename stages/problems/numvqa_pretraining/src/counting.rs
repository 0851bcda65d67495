//! Pretraining: the network learns to say how many of each digit are in a picture, all gates open.
//!
//! Ten heads with five answers (0 to 4) on the features before the classifier. In some pictures a digit is made to
//! occur two to four times: random digits hardly ever agree in three or four places.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use nnf_net::{Model, Network, Node, Op, Precision, Random, Run, Weights, forward};
use nnf_numvqa::{Augmentation, Digits, SampleSplit};
use nnf_training::{Learner, OptimiserConfig, TrainingError, Work, one_cycle};
use tch::{Device, Kind, Tensor};

/// Constants of the pretraining.
#[derive(Clone, Debug)]
pub(crate) struct CountingConfig {
    pub(crate) steps: u64,
    pub(crate) batch: usize,
    pub(crate) rate: f64,
    /// Share of pictures in which a digit is made to occur two to four times.
    pub(crate) repeated: f64,
    pub(crate) augmentation: Augmentation,
    pub(crate) seed: u64,
    pub(crate) precision: Precision,
    pub(crate) optimiser: OptimiserConfig,
}

/// Rows of digits by label.
pub(crate) struct Pool([Vec<u32>; 10]);

impl Pool {
    pub(crate) fn new(labels: &[u8], range: Range<usize>) -> Result<Self, TrainingError> {
        let mut rows: [Vec<u32>; 10] = Default::default();
        for row in range {
            rows[usize::from(labels[row])].push(u32::try_from(row).unwrap_or(u32::MAX));
        }
        match rows.iter().position(Vec::is_empty) {
            Some(digit) => Err(TrainingError::Misfit(format!("there is no training image of the digit {digit}"))),
            None => Ok(Pool(rows)),
        }
    }

    /// Four digits and how often each digit is among them.
    fn draw(&self, random: &mut Random, repeated: f64) -> ([u32; 4], [i64; 10]) {
        let mut labels = [0, 1, 2, 3].map(|_: usize| random.below(10));
        if random.unit() < repeated {
            let (label, count) = (random.below(10), 2 + random.below(3));
            labels[..count].fill(label);
            random.shuffle(&mut labels);
        }
        let mut counts = [0; 10];
        let rows = labels.map(|label| {
            counts[label] += 1;
            let list = &self.0[label];
            list[random.below(list.len())]
        });
        (rows, counts)
    }
}

/// The pretraining of one network.
pub(crate) struct Counting<'a> {
    config: CountingConfig,
    digits: &'a Digits,
    pool: Pool,
    /// What is validated on, where all ten digits are held out.
    held_out: Option<Pool>,
    device: Device,
    /// The network's node that the classifier reads.
    features: usize,
    learner: Learner,
}

impl<'a> Counting<'a> {
    pub(crate) fn new(
        config: CountingConfig,
        network: Network,
        digits: &'a Digits,
        (pool, held_out): (Pool, Option<Pool>),
        device: Device,
    ) -> Result<Self, TrainingError> {
        let features = features_of(&network)?;
        let width = network.channels_of(features);
        let node = |name: &str, op: Op, inputs: &[&str]| {
            Node::new(name, op, inputs.iter().map(|input| (*input).to_owned()).collect())
        };
        let heads = [
            node("features", Op::Input { shape: vec![width] }, &[]),
            node("counts", Op::Linear { out: 50, bias: true }, &["features"]),
        ];
        let heads = Network::new("counts", heads.to_vec(), &["counts".to_owned()])?;
        let head_weights = Weights::init(&heads, config.seed);
        let weights = Weights::init(&network, config.seed);
        let models = vec![Model { network, weights }, Model { network: heads, weights: head_weights }];
        let learner = Learner::new(models, device, config.optimiser)?;
        Ok(Counting { config, digits, pool, held_out, device, features, learner })
    }

    /// The network with what it has learnt.
    pub(crate) fn model(&self) -> Model {
        Model { network: self.learner.models[0].network.clone(), weights: self.learner.weights(0) }
    }

    /// Pictures, and the counts of each digit `[B, 10]`.
    fn batch(
        &self,
        pool: &Pool,
        place: &[u64],
        size: usize,
        augmentation: &Augmentation,
    ) -> Result<(Tensor, Tensor), TrainingError> {
        let mut random = Random::of(self.config.seed, place);
        let (rows, counts): (Vec<[u32; 4]>, Vec<[i64; 10]>) =
            (0..size).map(|_| pool.draw(&mut random, self.config.repeated)).unzip();
        let pictures = self.digits.augmented(SampleSplit::Train, &rows, (augmentation, &mut random), self.device)?;
        Ok((pictures, Tensor::from_slice(&counts.concat()).view([-1, 10]).to_device(self.device)))
    }

    fn scores(&self, pictures: &Tensor, training: bool) -> Result<Tensor, TrainingError> {
        let [network, heads] = self.learner.models.as_slice() else {
            return Err(TrainingError::Misfit("two models are trained".into()));
        };
        let run = |precision| Run { precision, training, ..Run::default() };
        let features =
            forward(&network.network, &network.weights, pictures, &run(self.config.precision), &[self.features])?;
        let scores =
            forward(&heads.network, &heads.weights, &features[0].to_kind(Kind::Float), &run(Precision::Float32), &[])?;
        Ok(scores[0].view([-1, 5]))
    }

    /// Share of held-out pictures whose ten counts are all right, if there are such.
    pub(crate) fn validate(&self, pictures: usize) -> Result<Option<f64>, TrainingError> {
        let Some(held_out) = &self.held_out else { return Ok(None) };
        let (mut right, mut all) = (0.0, 0.0);
        for (number, size) in (0..).zip(std::iter::repeat_n(256, pictures.div_ceil(256))) {
            let (batch, counts) = self.batch(held_out, &[2, number], size, &Augmentation::default())?;
            let found = tch::no_grad(|| self.scores(&batch, false))?.argmax(1, false).view([-1, 10]);
            right += found.eq_tensor(&counts).all_dim(1, false).sum(Kind::Float).double_value(&[]);
            all += size as f64;
        }
        Ok(Some(right / f64::max(all, 1.0)))
    }
}

/// The node that the classifier, the network's last fully connected layer, reads.
fn features_of(network: &Network) -> Result<usize, TrainingError> {
    let output = network.outputs()[0];
    match (&network.nodes()[output].op, network.inputs_of(output)) {
        (Op::Linear { .. }, [features]) => Ok(*features),
        _ => Err(TrainingError::Misfit(format!(
            "network `{}` does not end with a fully connected layer",
            network.name()
        ))),
    }
}

impl Work for Counting<'_> {
    fn names(&self) -> &'static [&'static str] {
        &["loss", "right counts", "gradient"]
    }

    fn step(&mut self, step: u64) -> Result<Vec<f64>, TrainingError> {
        let (pictures, counts) = self.batch(&self.pool, &[1, step], self.config.batch, &self.config.augmentation)?;
        let scores = self.scores(&pictures, true)?;
        let counts = counts.view([-1]);
        let loss = scores.cross_entropy_for_logits(&counts);
        let right = scores.detach().argmax(1, false).eq_tensor(&counts).to_kind(Kind::Float).mean(Kind::Float);
        let rate = one_cycle(step, self.config.steps, self.config.rate);
        let (value, norm) = self.learner.descend_finite(&loss, step, rate, self.config.seed)?;
        Ok(vec![value, right.double_value(&[]), norm])
    }

    fn state(&self) -> Vec<(String, Tensor)> {
        self.learner.state()
    }

    fn restore(&mut self, state: &BTreeMap<String, Tensor>) -> Result<(), TrainingError> {
        self.learner.restore(state)
    }

    fn snapshot(&self, folder: &Path) -> Result<(), TrainingError> {
        Ok(self.model().save(folder)?)
    }
}

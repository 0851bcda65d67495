//! Random first weights, a function of seed and names, the same on every machine.
//!
//! What a parameter begins with follows from its node and the nodes around it.

use tch::{Device, Kind, Tensor};

use crate::graph::Network;
use crate::op::Op;
use crate::ops::{First, Part};
use crate::random::Random;
use crate::weights::Weights;

/// Standard deviation of class token and position embedding (Dosovitskiy et al., ICLR 2021).
const EMBEDDING: f64 = 0.02;

impl Weights {
    /// Random weights:
    /// - convolutions normal with variance 2 / fan-out (He et al. 2015); those that make tokens truncated normal with
    ///   variance 1 / fan-in, since no activation follows;
    /// - fully connected layers uniform in ±1/√in, those on tokens in ±√(6 / (in + out)) with a bias of 0 (Glorot and
    ///   Bengio 2010), as in ViT;
    /// - class token and position embedding truncated normal with standard deviation 0.02;
    /// - norms 1 and 0.
    #[must_use]
    pub fn init(network: &Network, seed: u64) -> Self {
        let mut weights = Weights::default();
        for id in (0..network.nodes().len()).filter(|id| network.owner_of(*id) == *id) {
            for (parameter, part) in network.parameters_of(id).into_iter().zip(network.parts_of(id)) {
                let random = Random::named(seed, &parameter.name);
                weights.insert(parameter.name, first(network, id, &part, random));
            }
        }
        weights
    }
}

fn first(network: &Network, id: usize, part: &Part, mut random: Random) -> Tensor {
    let (shape, inputs) = (&part.shape, network.in_channels(id).max(1) as f64);
    let on_tokens = network.shape_of(id).len() == 2;
    let full = |value: f64| Tensor::full(shape.as_slice(), value, (Kind::Float, Device::Cpu));
    match part.first {
        First::Zeros => full(0.0),
        First::Ones => full(1.0),
        First::Embedding => random.truncated_normal_tensor(shape, EMBEDDING),
        // `[out, in / groups, kernel, kernel]`.
        First::Kernel if makes_tokens(network, id) => {
            let fan_in = shape[1..].iter().product::<i64>() as f64;
            random.truncated_normal_tensor(shape, fan_in.powf(-0.5))
        }
        First::Kernel => {
            let groups = (inputs / shape[1] as f64).max(1.0);
            let fan_out = shape[0] as f64 / groups * (shape[2] * shape[3]) as f64;
            random.normal_tensor(shape, (2.0 / fan_out).sqrt())
        }
        First::MatrixBias if on_tokens => full(0.0),
        First::Matrix if on_tokens => random.uniform_tensor(shape, (6.0 / (inputs + shape[0] as f64)).sqrt()),
        First::Matrix | First::MatrixBias => random.uniform_tensor(shape, 1.0 / inputs.sqrt()),
    }
}

fn makes_tokens(network: &Network, id: usize) -> bool {
    network.readers_of(id).iter().any(|reader| network.nodes()[*reader].op == Op::Tokens)
}

//! Random first weights, a function of seed and names, the same on every machine.
//!
//! What a parameter begins with follows from its node and the nodes around it.

use tch::{Device, Kind, Tensor};

use crate::graph::Network;
use crate::op::Op;
use crate::parameter::Parameter;
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
        for id in 0..network.nodes().len() {
            for parameter in network.parameters_of(id) {
                let tensor = first(network, id, &parameter, seed);
                weights.insert(parameter.name, tensor);
            }
        }
        weights
    }
}

fn first(network: &Network, id: usize, parameter: &Parameter, seed: u64) -> Tensor {
    let (shape, inputs) = (&parameter.shape, network.in_channels(id).max(1) as f64);
    let part = parameter.name.rsplit_once('.').map_or("", |(_, part)| part);
    let mut random = Random::named(seed, &parameter.name);
    let on_tokens = network.shape_of(id).len() == 2;
    let full = |value: f64| Tensor::full(shape.as_slice(), value, (Kind::Float, Device::Cpu));
    match (&network.nodes()[id].op, part) {
        (Op::Conv2d { kernel, groups, .. }, "weight") if makes_tokens(network, id) => {
            let fan_in = inputs / *groups as f64 * (kernel * kernel) as f64;
            random.truncated_normal_tensor(shape, fan_in.powf(-0.5))
        }
        (Op::Conv2d { kernel, out, groups, .. }, "weight") => {
            let fan_out = (out / groups * kernel * kernel) as f64;
            random.normal_tensor(shape, (2.0 / fan_out).sqrt())
        }
        (Op::Linear { .. }, "bias") if on_tokens => full(0.0),
        (Op::Linear { out, .. }, _) if on_tokens => random.uniform_tensor(shape, (6.0 / (inputs + *out as f64)).sqrt()),
        (Op::Linear { .. }, _) => random.uniform_tensor(shape, 1.0 / inputs.sqrt()),
        (Op::ClassToken | Op::PositionEmbedding, _) => random.truncated_normal_tensor(shape, EMBEDDING),
        (_, "weight" | "running_var") => full(1.0),
        _ => full(0.0),
    }
}

fn makes_tokens(network: &Network, id: usize) -> bool {
    network.readers_of(id).iter().any(|reader| network.nodes()[*reader].op == Op::Tokens)
}

//! The parameters of a network by name.
//!
//! It does not know how they are trained.

use std::collections::BTreeMap;
use std::path::Path;

use tch::{Device, Kind, Tensor};

use crate::error::NetError;
use crate::graph::Network;
use crate::op::Op;
use crate::random::Random;

/// What a parameter is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Learnt by gradient, with weight decay.
    Weight,
    /// Learnt by gradient, without weight decay: biases and the factors of batch norms.
    Offset,
    /// Not learnt: running statistics, constants.
    Buffer,
}

/// One named tensor that a network needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// `node.parameter`.
    pub name: String,
    /// Its shape.
    pub shape: Vec<i64>,
    /// What it is for.
    pub role: Role,
}

/// Tensors by name.
#[derive(Debug, Default)]
pub struct Weights(BTreeMap<String, Tensor>);

impl Network {
    /// The parameters that this network needs, in the order of its nodes.
    #[must_use]
    pub fn parameters(&self) -> Vec<Parameter> {
        let mut all = Vec::new();
        for (id, node) in self.nodes().iter().enumerate() {
            let mut add = |part: &str, shape: Vec<i64>, role: Role| {
                all.push(Parameter { name: format!("{}.{part}", node.name), shape, role });
            };
            let channels = self.in_channels(id);
            match &node.op {
                Op::Conv2d { out, kernel, groups, bias, .. } => {
                    add("weight", vec![*out, channels / groups, *kernel, *kernel], Role::Weight);
                    if *bias {
                        add("bias", vec![*out], Role::Offset);
                    }
                }
                Op::Linear { out, bias } => {
                    add("weight", vec![*out, channels], Role::Weight);
                    if *bias {
                        add("bias", vec![*out], Role::Offset);
                    }
                }
                Op::BatchNorm { .. } => {
                    add("weight", vec![channels], Role::Offset);
                    add("bias", vec![channels], Role::Offset);
                    add("running_mean", vec![channels], Role::Buffer);
                    add("running_var", vec![channels], Role::Buffer);
                }
                Op::Constant { shape } => add("value", vec![shape[0]], Role::Buffer),
                _ => {}
            }
        }
        all
    }
}

impl Weights {
    /// Random weights: convolutions normal with variance 2 / fan-out (He et al. 2015), fully connected layers uniform
    /// in ±1/√in, batch norms 1 and 0. A function of seed and names, the same on every machine.
    #[must_use]
    pub fn init(network: &Network, seed: u64) -> Self {
        let ops: BTreeMap<&str, &Op> = network.nodes().iter().map(|n| (n.name.as_str(), &n.op)).collect();
        let fan_in: BTreeMap<&str, i64> =
            network.nodes().iter().enumerate().map(|(id, n)| (n.name.as_str(), network.in_channels(id))).collect();
        let mut weights = Weights::default();
        for parameter in network.parameters() {
            let (node, part) = parameter.name.rsplit_once('.').unwrap_or((&parameter.name, ""));
            let mut random = Random::named(seed, &parameter.name);
            let tensor = match (ops[node], part) {
                (Op::Conv2d { kernel, out, groups, .. }, "weight") => {
                    let fan_out = (out / groups * kernel * kernel) as f64;
                    random.normal_tensor(&parameter.shape, (2.0 / fan_out).sqrt())
                }
                (Op::Linear { .. }, _) => {
                    random.uniform_tensor(&parameter.shape, 1.0 / (fan_in[node].max(1) as f64).sqrt())
                }
                (_, "weight" | "running_var") => Tensor::ones(parameter.shape.as_slice(), (Kind::Float, Device::Cpu)),
                _ => Tensor::zeros(parameter.shape.as_slice(), (Kind::Float, Device::Cpu)),
            };
            weights.insert(parameter.name, tensor);
        }
        weights
    }

    /// A tensor by name.
    ///
    /// # Errors
    /// When there is none.
    pub fn get(&self, name: &str) -> Result<&Tensor, NetError> {
        self.0.get(name).ok_or_else(|| NetError::Weights { name: name.into(), why: "it is missing".into() })
    }

    /// Puts a tensor under a name.
    pub fn insert(&mut self, name: impl Into<String>, tensor: Tensor) {
        self.0.insert(name.into(), tensor);
    }

    /// All names and tensors, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.0.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// A copy with tensors of their own.
    #[must_use]
    pub fn copied(&self) -> Self {
        Weights(self.0.iter().map(|(name, tensor)| (name.clone(), tensor.detach().copy())).collect())
    }

    /// A copy in another type on another device.
    #[must_use]
    pub fn to(&self, kind: Kind, device: Device) -> Self {
        Weights(
            self.0
                .iter()
                .map(|(name, tensor)| (name.clone(), tensor.detach().to_device(device).to_kind(kind)))
                .collect(),
        )
    }

    /// Checks that all parameters of a network are here with the right shapes, and nothing else.
    ///
    /// # Errors
    /// Names the first that is missing, of another shape, or unknown.
    pub fn check(&self, network: &Network) -> Result<(), NetError> {
        let parameters = network.parameters();
        for parameter in &parameters {
            let found = self.get(&parameter.name)?.size();
            if found != parameter.shape {
                let why = format!("its shape is {found:?}, the network needs {:?}", parameter.shape);
                return Err(NetError::Weights { name: parameter.name.clone(), why });
            }
        }
        match self.0.keys().find(|name| !parameters.iter().any(|p| p.name == **name)) {
            Some(name) => Err(NetError::Weights { name: name.clone(), why: "the network does not know it".into() }),
            None => Ok(()),
        }
    }

    /// Writes a safetensors file. Equal weights give equal bytes.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn save(&self, path: &Path) -> Result<(), NetError> {
        let tensors: Vec<(&str, Tensor)> = self
            .0
            .iter()
            .map(|(name, tensor)| (name.as_str(), tensor.detach().to_device(Device::Cpu).contiguous()))
            .collect();
        Tensor::write_safetensors(&tensors, path).map_err(|e| NetError::unfit(path, e))
    }

    /// Reads a safetensors file.
    ///
    /// # Errors
    /// When it cannot be read or is none.
    pub fn load(path: &Path) -> Result<Self, NetError> {
        let tensors = Tensor::read_safetensors(path).map_err(|e| NetError::unfit(path, e))?;
        Ok(Weights(tensors.into_iter().collect()))
    }
}

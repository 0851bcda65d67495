//! Norms: over the batch for each channel, and over the channels of each token.

use tch::Tensor;

use super::shapes::{channels, first};
use super::{Arity, First, Given, Part, Reads, Semantics};
use crate::error::NetError;
use crate::op::Op;
use crate::parameter::Role;

pub(super) struct Batch {
    pub(super) eps: f64,
    pub(super) momentum: f64,
}

impl Semantics for Batch {
    fn arity(&self) -> Arity {
        Arity::Exactly(1)
    }

    fn shape(&self, inputs: &[&[i64]]) -> Result<Vec<i64>, String> {
        match first(inputs) {
            tokens @ [_, _] => {
                Err(format!("batch norm takes images [C, H, W] or vectors [C], but reads tokens {tokens:?}"))
            }
            shape => Ok(shape.to_vec()),
        }
    }

    fn parameters(&self, inputs: &[&[i64]], _: &[i64]) -> Vec<Part> {
        let part = |name, role, first| Part::new(name, &[channels(super::shapes::first(inputs))], role, first);
        vec![
            part("weight", Role::Offset, First::Ones),
            part("bias", Role::Offset, First::Zeros),
            part("running_mean", Role::Buffer, First::Zeros),
            part("running_var", Role::Buffer, First::Ones),
        ]
    }

    fn macs(&self, _: &[&[i64]], _: &[i64]) -> i64 {
        0
    }

    fn reads(&self, _: i64) -> Reads {
        Reads::Tied
    }

    fn looks_at(&self, _: i64) -> i64 {
        1
    }

    fn keeps_zero(&self, _: &[bool]) -> bool {
        false
    }

    fn keeps_uniform(&self) -> bool {
        true
    }

    fn narrowed(&self, _: i64, _: i64, _: i64) -> Op {
        Op::BatchNorm { eps: self.eps, momentum: self.momentum }
    }

    fn compute(&self, given: &Given) -> Result<Tensor, NetError> {
        let parameter = given.parameter;
        Ok(given.inputs[0].batch_norm(
            Some(parameter("weight")?),
            Some(parameter("bias")?),
            Some(parameter("running_mean")?),
            Some(parameter("running_var")?),
            given.run.training,
            self.momentum,
            self.eps,
            true,
        ))
    }
}

pub(super) struct Layer {
    pub(super) eps: f64,
}

impl Semantics for Layer {
    fn arity(&self) -> Arity {
        Arity::Exactly(1)
    }

    fn shape(&self, inputs: &[&[i64]]) -> Result<Vec<i64>, String> {
        match first(inputs) {
            image @ [_, _, _] => {
                Err(format!("layer norm takes tokens [T, C] or vectors [C], but reads an image {image:?}"))
            }
            shape => Ok(shape.to_vec()),
        }
    }

    fn parameters(&self, inputs: &[&[i64]], _: &[i64]) -> Vec<Part> {
        let part = |name, first| Part::new(name, &[channels(super::shapes::first(inputs))], Role::Offset, first);
        vec![part("weight", First::Ones), part("bias", First::Zeros)]
    }

    fn macs(&self, _: &[&[i64]], _: &[i64]) -> i64 {
        0
    }

    fn reads(&self, _: i64) -> Reads {
        Reads::Tied
    }

    /// Its mean and variance are those of all channels.
    fn looks_at(&self, channels: i64) -> i64 {
        channels
    }

    fn keeps_zero(&self, _: &[bool]) -> bool {
        false
    }

    fn keeps_uniform(&self) -> bool {
        true
    }

    fn narrowed(&self, _: i64, _: i64, _: i64) -> Op {
        Op::LayerNorm { eps: self.eps }
    }

    fn compute(&self, given: &Given) -> Result<Tensor, NetError> {
        let input = given.inputs[0];
        let [weight, bias] =
            [(given.parameter)("weight")?, (given.parameter)("bias")?].map(|p| p.to_kind(input.kind()));
        Ok(input.layer_norm(weight.size().as_slice(), Some(&weight), Some(&bias), self.eps, true))
    }
}

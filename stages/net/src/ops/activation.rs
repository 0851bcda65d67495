//! Functions of each number alone.

use tch::Tensor;

use super::shapes::first;
use super::{Arity, Given, Part, Reads, Semantics};
use crate::error::NetError;
use crate::op::Op;

pub(super) enum Activation {
    Relu,
    Relu6,
    Gelu,
    Sigmoid,
    Silu,
}

impl Semantics for Activation {
    fn arity(&self) -> Arity {
        Arity::Exactly(1)
    }

    fn shape(&self, inputs: &[&[i64]]) -> Result<Vec<i64>, String> {
        Ok(first(inputs).to_vec())
    }

    fn parameters(&self, _: &[&[i64]], _: &[i64]) -> Vec<Part> {
        Vec::new()
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

    fn keeps_zero(&self, zero: &[bool]) -> bool {
        match self {
            Activation::Relu | Activation::Relu6 | Activation::Gelu | Activation::Silu => zero == [true],
            // 1/2 at 0.
            Activation::Sigmoid => false,
        }
    }

    fn keeps_uniform(&self) -> bool {
        true
    }

    fn narrowed(&self, _: i64, _: i64, _: i64) -> Op {
        match self {
            Activation::Relu => Op::Relu,
            Activation::Relu6 => Op::Relu6,
            Activation::Gelu => Op::Gelu,
            Activation::Sigmoid => Op::Sigmoid,
            Activation::Silu => Op::Silu,
        }
    }

    fn compute(&self, given: &Given) -> Result<Tensor, NetError> {
        let input = given.inputs[0];
        Ok(match self {
            Activation::Relu => input.relu(),
            Activation::Relu6 => input.relu6(),
            Activation::Gelu => input.gelu("none"),
            Activation::Sigmoid => input.sigmoid(),
            Activation::Silu => input.silu(),
        })
    }
}

//! What makes one value of several.

use tch::Tensor;

use super::shapes::{alike, channels};
use super::{Arity, First, Given, Part, Reads, Semantics};
use crate::error::NetError;
use crate::op::Op;
use crate::parameter::Role;

/// Sum.
pub(super) struct Add;

impl Semantics for Add {
    fn arity(&self) -> Arity {
        Arity::AtLeast(1)
    }

    fn shape(&self, inputs: &[&[i64]]) -> Result<Vec<i64>, String> {
        alike(inputs, "adds")
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
        !zero.is_empty() && zero.iter().all(|zero| *zero)
    }

    fn keeps_uniform(&self) -> bool {
        true
    }

    fn narrowed(&self, _: i64, _: i64, _: i64) -> Op {
        Op::Add
    }

    fn compute(&self, given: &Given) -> Result<Tensor, NetError> {
        let (first, others) = (given.inputs[0], &given.inputs[1..]);
        Ok(others.iter().fold(first.shallow_clone(), |sum, other| sum + *other))
    }
}

/// Product of two values of one shape, or of a value with a factor for each of its channels.
pub(super) struct Multiply;

impl Semantics for Multiply {
    fn arity(&self) -> Arity {
        Arity::Exactly(2)
    }

    fn shape(&self, inputs: &[&[i64]]) -> Result<Vec<i64>, String> {
        match inputs {
            [value, [factors]] if channels(value) == *factors => Ok(value.to_vec()),
            _ => alike(inputs, "multiplies"),
        }
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
        zero.contains(&true)
    }

    fn keeps_uniform(&self) -> bool {
        true
    }

    fn narrowed(&self, _: i64, _: i64, _: i64) -> Op {
        Op::Multiply
    }

    fn compute(&self, given: &Given) -> Result<Tensor, NetError> {
        let (value, factor) = (given.inputs[0], given.inputs[1]);
        Ok(match (value.dim(), factor.dim()) {
            (4, 2) => value * factor.unsqueeze(-1).unsqueeze(-1),
            (3, 2) => value * factor.unsqueeze(1),
            _ => value * factor,
        })
    }
}

/// BiFPN's fast normalised fusion (Tan, Pang and Le, CVPR 2020, §3.3): Σ wᵢ xᵢ / (ε + Σ wⱼ) with w = max(0, `weight`)
/// `[inputs]`.
pub(super) struct WeightedFusion {
    pub(super) eps: f64,
}

impl Semantics for WeightedFusion {
    fn arity(&self) -> Arity {
        Arity::AtLeast(1)
    }

    fn shape(&self, inputs: &[&[i64]]) -> Result<Vec<i64>, String> {
        alike(inputs, "fuses")
    }

    fn parameters(&self, inputs: &[&[i64]], _: &[i64]) -> Vec<Part> {
        let count = i64::try_from(inputs.len()).unwrap_or(0);
        vec![Part { out_axis: None, ..Part::new("weight", &[count], Role::Offset, First::Ones) }]
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
        !zero.is_empty() && zero.iter().all(|zero| *zero)
    }

    fn keeps_uniform(&self) -> bool {
        true
    }

    fn narrowed(&self, _: i64, _: i64, _: i64) -> Op {
        Op::WeightedFusion { eps: self.eps }
    }

    fn compute(&self, given: &Given) -> Result<Tensor, NetError> {
        let weight = given.cast("weight")?.relu();
        let shares = &weight / (weight.sum(weight.kind()) + self.eps);
        let shared = given.inputs.iter().zip(shares.unbind(0)).map(|(input, share)| *input * share);
        let fused = shared.reduce(|sum, part| sum + part);
        Ok(fused.unwrap_or_else(|| given.inputs[0].shallow_clone()))
    }
}

/// Mixture of experts: scores `[E]`, then E values of one shape.
pub(super) struct Mixture;

impl Semantics for Mixture {
    fn arity(&self) -> Arity {
        Arity::AtLeast(2)
    }

    fn shape(&self, inputs: &[&[i64]]) -> Result<Vec<i64>, String> {
        match inputs.split_first() {
            Some(([experts], values)) if *experts == values.len() as i64 => alike(values, "mixes"),
            _ => Err(format!("it needs the scores [E] of E values and the values, but reads {inputs:?}")),
        }
    }

    fn parameters(&self, _: &[&[i64]], _: &[i64]) -> Vec<Part> {
        Vec::new()
    }

    fn macs(&self, _: &[&[i64]], _: &[i64]) -> i64 {
        0
    }

    fn reads(&self, _: i64) -> Reads {
        Reads::Whole
    }

    fn looks_at(&self, _: i64) -> i64 {
        1
    }

    fn keeps_zero(&self, zero: &[bool]) -> bool {
        matches!(zero, [_, values @ ..] if values.iter().all(|zero| *zero))
    }

    fn keeps_uniform(&self) -> bool {
        true
    }

    fn narrowed(&self, _: i64, _: i64, _: i64) -> Op {
        Op::Mixture
    }

    fn compute(&self, given: &Given) -> Result<Tensor, NetError> {
        let shares = given.inputs[0].softmax(1, given.inputs[0].kind()).split(1, 1);
        let weighted = shares.iter().zip(&given.inputs[1..]).map(|(share, value)| {
            let mut size = vec![1; value.dim()];
            size[0] = -1;
            *value * share.view(size.as_slice())
        });
        let mixed = weighted.reduce(|sum, part| sum + part);
        Ok(mixed.unwrap_or_else(|| given.inputs[0].shallow_clone()))
    }
}

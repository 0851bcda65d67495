//! Fully connected layers: `[in]` → `[out]`, and for each token alone `[T, in]` → `[T, out]`.

use tch::Tensor;

use super::shapes::{channels, first, positive, within};
use super::{Arity, First, Given, Part, Reads, Semantics};
use crate::error::NetError;
use crate::op::Op;
use crate::parameter::Role;

pub(super) struct Linear {
    pub(super) out: i64,
    pub(super) bias: bool,
}

impl Semantics for Linear {
    fn arity(&self) -> Arity {
        Arity::Exactly(1)
    }

    fn shape(&self, inputs: &[&[i64]]) -> Result<Vec<i64>, String> {
        match first(inputs) {
            [.., channels] if !within(&[self.out, *channels]) => {
                Err(format!("{}×{channels} are too many weights", self.out))
            }
            [_] => positive(vec![self.out]),
            [count, _] => positive(vec![*count, self.out]),
            read => Err(format!("it needs a vector [C] or tokens [T, C], but reads {read:?}")),
        }
    }

    fn parameters(&self, inputs: &[&[i64]], _: &[i64]) -> Vec<Part> {
        let shape = [self.out, channels(first(inputs))];
        let weight = Part { in_axis: Some(1), ..Part::new("weight", &shape, Role::Weight, First::Matrix) };
        let bias = || Part::new("bias", &[self.out], Role::Offset, First::MatrixBias);
        [weight].into_iter().chain(self.bias.then(bias)).collect()
    }

    /// Once for each place: a vector is one place, tokens are T.
    fn macs(&self, inputs: &[&[i64]], shape: &[i64]) -> i64 {
        shape.iter().product::<i64>() * channels(first(inputs))
    }

    fn reads(&self, _: i64) -> Reads {
        Reads::Mixed
    }

    fn looks_at(&self, _: i64) -> i64 {
        1
    }

    fn keeps_zero(&self, zero: &[bool]) -> bool {
        !self.bias && zero == [true]
    }

    fn keeps_uniform(&self) -> bool {
        true
    }

    fn narrowed(&self, _: i64, _: i64, left: i64) -> Op {
        Op::Linear { out: left, bias: self.bias }
    }

    fn compute(&self, given: &Given) -> Result<Tensor, NetError> {
        let bias = if self.bias { Some(given.cast("bias")?) } else { None };
        Ok(given.inputs[0].linear(&given.cast("weight")?, bias))
    }
}

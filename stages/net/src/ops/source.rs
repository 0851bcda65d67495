//! What reads nothing: the network's input, and constants.

use tch::Tensor;

use super::shapes::{channel_axis, channels, positive};
use super::{Arity, First, Given, Part, Reads, Semantics};
use crate::error::NetError;
use crate::op::Op;
use crate::parameter::Role;
use crate::runner::channels_last;

pub(super) struct Input<'a> {
    pub(super) shape: &'a [i64],
}

impl Semantics for Input<'_> {
    fn arity(&self) -> Arity {
        Arity::Exactly(0)
    }

    fn shape(&self, _: &[&[i64]]) -> Result<Vec<i64>, String> {
        positive(self.shape.to_vec())
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

    fn keeps_zero(&self, _: &[bool]) -> bool {
        false
    }

    fn keeps_uniform(&self) -> bool {
        false
    }

    fn narrowed(&self, _: i64, _: i64, _: i64) -> Op {
        Op::Input { shape: self.shape.to_vec() }
    }

    /// The batch is the one input that is given.
    fn compute(&self, given: &Given) -> Result<Tensor, NetError> {
        Ok(channels_last(&given.inputs[0].to_kind(given.run.precision.kind())))
    }
}

pub(super) struct Constant<'a> {
    pub(super) shape: &'a [i64],
}

impl Semantics for Constant<'_> {
    fn arity(&self) -> Arity {
        Arity::Exactly(0)
    }

    fn shape(&self, _: &[&[i64]]) -> Result<Vec<i64>, String> {
        positive(self.shape.to_vec())
    }

    fn parameters(&self, _: &[&[i64]], shape: &[i64]) -> Vec<Part> {
        vec![Part::new("value", &[channels(shape)], Role::Buffer, First::Zeros)]
    }

    fn macs(&self, _: &[&[i64]], _: &[i64]) -> i64 {
        0
    }

    fn reads(&self, _: i64) -> Reads {
        Reads::Mixed
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

    fn narrowed(&self, _: i64, _: i64, left: i64) -> Op {
        let mut shape = self.shape.to_vec();
        shape[channel_axis(self.shape)] = left;
        Op::Constant { shape }
    }

    /// `value` `[C]` at every place, for a batch of one.
    fn compute(&self, given: &Given) -> Result<Tensor, NetError> {
        let value = given.cast("value")?;
        Ok(match given.shape {
            [channels, height, width] => {
                channels_last(&value.view([1, *channels, 1, 1]).expand([1, *channels, *height, *width], false))
            }
            [tokens, channels] => value.view([1, 1, *channels]).expand([1, *tokens, *channels], false),
            _ => value.view([1, -1]),
        })
    }
}

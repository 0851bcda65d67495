//! Gates: a factor for each run of channels.

use tch::Tensor;

use super::shapes::{channels, first};
use super::{Arity, Given, Part, Reads, Semantics};
use crate::error::NetError;
use crate::op::Op;

pub(super) struct Gate {
    pub(super) block: i64,
}

impl Semantics for Gate {
    fn arity(&self) -> Arity {
        Arity::Exactly(1)
    }

    fn shape(&self, inputs: &[&[i64]]) -> Result<Vec<i64>, String> {
        let (shape, block) = (first(inputs), self.block);
        if block < 1 || channels(shape) % block != 0 {
            return Err(format!("{} channels do not divide into gates of {block}", channels(shape)));
        }
        Ok(shape.to_vec())
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
        zero == [true]
    }

    fn keeps_uniform(&self) -> bool {
        true
    }

    fn narrowed(&self, _: i64, _: i64, _: i64) -> Op {
        Op::Gate { block: self.block }
    }

    /// Open; [`crate::forward`] multiplies by the factors of a run.
    fn compute(&self, given: &Given) -> Result<Tensor, NetError> {
        Ok(given.inputs[0].shallow_clone())
    }
}

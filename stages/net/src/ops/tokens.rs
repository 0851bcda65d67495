//! Tokens of an image, and tokens that are added or taken.

use tch::Tensor;

use super::shapes::{first, image, tokens};
use super::{Arity, First, Given, Part, Reads, Semantics};
use crate::error::NetError;
use crate::op::Op;
use crate::parameter::Role;

/// `[C, H, W]` → `[H · W, C]`.
pub(super) struct Tokens;

impl Semantics for Tokens {
    fn arity(&self) -> Arity {
        Arity::Exactly(1)
    }

    fn shape(&self, inputs: &[&[i64]]) -> Result<Vec<i64>, String> {
        image(first(inputs)).map(|[channels, height, width]| vec![height * width, channels])
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
        Op::Tokens
    }

    fn compute(&self, given: &Given) -> Result<Tensor, NetError> {
        // Channels-last images are tokens already: this copies nothing.
        Ok(given.inputs[0].flatten(2, 3).transpose(1, 2))
    }
}

/// `[T, C]` → `[T + 1, C]`.
pub(super) struct Class;

impl Semantics for Class {
    fn arity(&self) -> Arity {
        Arity::Exactly(1)
    }

    fn shape(&self, inputs: &[&[i64]]) -> Result<Vec<i64>, String> {
        tokens(first(inputs)).map(|[count, channels]| vec![count + 1, channels])
    }

    fn parameters(&self, _: &[&[i64]], shape: &[i64]) -> Vec<Part> {
        vec![Part::new("token", &shape[1..], Role::Offset, First::Embedding)]
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
        false
    }

    fn narrowed(&self, _: i64, _: i64, _: i64) -> Op {
        Op::ClassToken
    }

    fn compute(&self, given: &Given) -> Result<Tensor, NetError> {
        let (input, channels) = (given.inputs[0], given.shape[1]);
        let token = given.cast("token")?.expand([input.size()[0], 1, channels], false);
        Ok(Tensor::cat(&[&token, input], 1))
    }
}

/// Adds `embedding` `[T, C]`.
pub(super) struct Position;

impl Semantics for Position {
    fn arity(&self) -> Arity {
        Arity::Exactly(1)
    }

    fn shape(&self, inputs: &[&[i64]]) -> Result<Vec<i64>, String> {
        tokens(first(inputs)).map(Vec::from)
    }

    fn parameters(&self, _: &[&[i64]], shape: &[i64]) -> Vec<Part> {
        let embedding = Part::new("embedding", shape, Role::Offset, First::Embedding);
        vec![Part { out_axis: Some(1), ..embedding }]
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
        false
    }

    fn narrowed(&self, _: i64, _: i64, _: i64) -> Op {
        Op::PositionEmbedding
    }

    fn compute(&self, given: &Given) -> Result<Tensor, NetError> {
        Ok(given.inputs[0] + given.cast("embedding")?)
    }
}

/// `[T, C]` → `[C]`.
pub(super) struct Select {
    pub(super) index: i64,
}

impl Semantics for Select {
    fn arity(&self) -> Arity {
        Arity::Exactly(1)
    }

    fn shape(&self, inputs: &[&[i64]]) -> Result<Vec<i64>, String> {
        let [count, channels] = tokens(first(inputs))?;
        let there = (0..count).contains(&self.index).then(|| vec![channels]);
        there.ok_or_else(|| format!("it selects token {}, but there are {count}", self.index))
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
        Op::SelectToken { index: self.index }
    }

    fn compute(&self, given: &Given) -> Result<Tensor, NetError> {
        Ok(given.inputs[0].select(1, self.index))
    }
}

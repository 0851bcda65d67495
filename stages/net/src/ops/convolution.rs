//! Convolutions: whole, grouped and depthwise.

use tch::Tensor;

use super::shapes::{first, image, positive, windows, within};
use super::{Arity, First, Given, Part, Reads, Semantics};
use crate::error::NetError;
use crate::op::Op;
use crate::padding::Padding;
use crate::parameter::Role;

pub(super) struct Conv2d {
    pub(super) out: i64,
    pub(super) kernel: i64,
    pub(super) stride: i64,
    pub(super) padding: Padding,
    pub(super) groups: i64,
    pub(super) bias: bool,
}

impl Conv2d {
    fn is_depthwise(&self, in_channels: i64) -> bool {
        self.groups > 1 && self.groups == in_channels && self.out == self.groups
    }

    /// `[out, in / groups, kernel, kernel]`.
    fn weight(&self, in_channels: i64) -> [i64; 4] {
        [self.out, in_channels / self.groups, self.kernel, self.kernel]
    }
}

impl Semantics for Conv2d {
    fn arity(&self) -> Arity {
        Arity::Exactly(1)
    }

    fn shape(&self, inputs: &[&[i64]]) -> Result<Vec<i64>, String> {
        let [channels, height, width] = image(first(inputs))?;
        let Conv2d { out, kernel, groups, .. } = *self;
        if groups < 1 || channels % groups != 0 || out % groups != 0 {
            return Err(format!("{channels} input and {out} output channels do not divide into {groups} groups"));
        }
        let [rows, columns] = windows([height, width], kernel, self.stride, self.padding)?;
        let shape = positive(vec![out, rows, columns])?;
        let few = within(&self.weight(channels));
        few.then_some(shape)
            .ok_or_else(|| format!("{out} filters of {channels}×{kernel}×{kernel} are too many weights"))
    }

    fn parameters(&self, inputs: &[&[i64]], _: &[i64]) -> Vec<Part> {
        let shape = self.weight(super::shapes::channels(first(inputs)));
        let weight = Part::new("weight", &shape, Role::Weight, First::Kernel);
        let weight = Part { in_axis: (self.groups == 1).then_some(1), ..weight };
        let bias = || Part::new("bias", &[self.out], Role::Offset, First::Zeros);
        [weight].into_iter().chain(self.bias.then(bias)).collect()
    }

    fn macs(&self, inputs: &[&[i64]], shape: &[i64]) -> i64 {
        let places: i64 = shape[1..].iter().product();
        self.weight(super::shapes::channels(first(inputs))).iter().product::<i64>() * places
    }

    fn reads(&self, in_channels: i64) -> Reads {
        match (self.groups, self.is_depthwise(in_channels)) {
            (1, _) => Reads::Mixed,
            (_, true) => Reads::Tied,
            (_, false) => Reads::Whole,
        }
    }

    fn looks_at(&self, _: i64) -> i64 {
        1
    }

    fn keeps_zero(&self, zero: &[bool]) -> bool {
        !self.bias && zero == [true]
    }

    /// The border of zeros makes the places near it differ.
    fn keeps_uniform(&self) -> bool {
        self.padding.even() == Some(0)
    }

    fn narrowed(&self, in_channels: i64, _: i64, left: i64) -> Op {
        let groups = if self.is_depthwise(in_channels) { left } else { self.groups };
        let Conv2d { kernel, stride, padding, bias, .. } = *self;
        Op::Conv2d { out: left, kernel, stride, padding, groups, bias }
    }

    fn compute(&self, given: &Given) -> Result<Tensor, NetError> {
        let bias = if self.bias { Some(given.cast("bias")?) } else { None };
        let stride = [self.stride; 2];
        let (input, padding) = match self.padding.even() {
            Some(side) => (given.inputs[0].shallow_clone(), [side; 2]),
            None => (padded(given.inputs[0], self.padding, 0.0), [0; 2]),
        };
        Ok(input.conv2d(&given.cast("weight")?, bias, stride, padding, [1, 1], self.groups))
    }
}

/// An image with a border of one value.
pub(super) fn padded(image: &Tensor, padding: Padding, value: f64) -> Tensor {
    image.pad([padding.left, padding.right, padding.top, padding.bottom], "constant", value)
}

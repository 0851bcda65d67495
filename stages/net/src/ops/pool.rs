//! Pooling and resizing of images.

use tch::Tensor;

use super::convolution::padded;
use super::shapes::{first, image, positive, windows};
use super::{Arity, Given, Part, Reads, Semantics};
use crate::error::NetError;
use crate::op::Op;
use crate::padding::Padding;

pub(super) struct Max {
    pub(super) kernel: i64,
    pub(super) stride: i64,
    pub(super) padding: Padding,
}

impl Semantics for Max {
    fn arity(&self) -> Arity {
        Arity::Exactly(1)
    }

    fn shape(&self, inputs: &[&[i64]]) -> Result<Vec<i64>, String> {
        let [channels, height, width] = image(first(inputs))?;
        let Max { kernel, padding, .. } = *self;
        match padding.even() {
            // As libtorch has it.
            Some(side) if side > kernel / 2 => {
                return Err(format!("padding {side} is more than half of the window's {kernel}"));
            }
            None if padding.sides().iter().any(|side| *side >= kernel) => {
                return Err(format!("padding {:?} has room for a whole window of {kernel}", padding.sides()));
            }
            Some(_) | None => {}
        }
        let [rows, columns] = windows([height, width], kernel, self.stride, padding)?;
        positive(vec![channels, rows, columns])
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

    /// Its border never wins.
    fn keeps_uniform(&self) -> bool {
        true
    }

    fn narrowed(&self, _: i64, _: i64, _: i64) -> Op {
        Op::MaxPool { kernel: self.kernel, stride: self.stride, padding: self.padding }
    }

    fn compute(&self, given: &Given) -> Result<Tensor, NetError> {
        let (input, side) = match self.padding.even() {
            Some(side) => (given.inputs[0].shallow_clone(), side),
            None => (padded(given.inputs[0], self.padding, f64::NEG_INFINITY), 0),
        };
        Ok(input.max_pool2d([self.kernel; 2], [self.stride; 2], [side; 2], [1, 1], false))
    }
}

/// Mean over all places: `[C, H, W]` or `[T, C]` → `[C]`.
pub(super) struct GlobalAverage;

impl Semantics for GlobalAverage {
    fn arity(&self) -> Arity {
        Arity::Exactly(1)
    }

    fn shape(&self, inputs: &[&[i64]]) -> Result<Vec<i64>, String> {
        match first(inputs) {
            [channels, _, _] | [_, channels] => Ok(vec![*channels]),
            read => Err(format!("it needs an image [C, H, W] or tokens [T, C], but reads {read:?}")),
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
        zero == [true]
    }

    fn keeps_uniform(&self) -> bool {
        true
    }

    fn narrowed(&self, _: i64, _: i64, _: i64) -> Op {
        Op::GlobalAveragePool
    }

    fn compute(&self, given: &Given) -> Result<Tensor, NetError> {
        let places: &[i64] = if given.inputs[0].dim() == 4 { &[2, 3] } else { &[1] };
        Ok(given.inputs[0].mean_dim(places, false, given.run.precision.kind()))
    }
}

/// Nearest neighbour: row y of `height` is row ⌊y · H / height⌋ of H, and so with columns.
pub(super) struct Resize {
    pub(super) height: i64,
    pub(super) width: i64,
}

impl Semantics for Resize {
    fn arity(&self) -> Arity {
        Arity::Exactly(1)
    }

    fn shape(&self, inputs: &[&[i64]]) -> Result<Vec<i64>, String> {
        let [channels, _, _] = image(first(inputs))?;
        positive(vec![channels, self.height, self.width])
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
        Op::Resize { height: self.height, width: self.width }
    }

    fn compute(&self, given: &Given) -> Result<Tensor, NetError> {
        let image = given.inputs[0];
        let (height, width) = (image.size()[2], image.size()[3]);
        let double = [2 * height, 2 * width] == [self.height, self.width];
        if double || [4 * height, 4 * width] == [self.height, self.width] {
            return Ok(image.upsample_nearest2d([self.height, self.width], None, None));
        }
        // libtorch multiplies by a rounded factor, and may take the neighbour's neighbour.
        let nearest = |from: i64, to: i64| {
            let places: Vec<i64> = (0..to).map(|at| at * from / to).collect();
            Tensor::from_slice(&places).to_device(image.device())
        };
        let tall = image.index_select(2, &nearest(height, self.height));
        Ok(tall.index_select(3, &nearest(width, self.width)))
    }
}

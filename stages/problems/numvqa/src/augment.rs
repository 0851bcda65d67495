//! Random affine changes of digits while a network trains, so that it sees more hands than wrote them.

use nnf_contract::Parameter;
use nnf_net::Random;
use serde::Deserialize;
use tch::{Kind, Tensor};

/// How far a digit may be turned, moved and scaled; each change is uniform between its bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
pub struct Augmentation {
    /// Degrees to either side.
    pub rotation: f64,
    /// Pixels to either side, along each axis, before it is turned and scaled.
    pub translation: f64,
    /// Share by which it grows or shrinks.
    pub scaling: f64,
}

impl Augmentation {
    /// Declares the parameters of a kind that trains.
    #[must_use]
    pub fn parameters() -> [Parameter; 3] {
        let none = |parameter: Parameter| parameter.default(0.0);
        [
            none(Parameter::float("rotation", 0.0, 180.0, "augmentation: digits are turned by so much at most"))
                .unit("degrees"),
            none(Parameter::float("translation", 0.0, 28.0, "augmentation: digits are moved by so much at most"))
                .unit("pixels"),
            none(Parameter::float("scaling", 0.0, 0.9, "augmentation: share by which digits grow or shrink at most")),
        ]
    }

    /// Changed digits, float32 `[N, 28, 28]`, from the same with 0 for the background, which fills what comes into sight.
    pub fn apply(&self, digits: &Tensor, random: &mut Random) -> Tensor {
        let size = digits.size();
        if *self == Augmentation::default() || digits.numel() == 0 {
            return digits.shallow_clone();
        }
        let mut between = |bound: f64| (2.0 * random.unit() - 1.0) * bound;
        // Rows [a b tx; c d ty] that lead from a place in the new picture to one in the old, in halves of its side.
        let rows: Vec<f32> = (0..size[0])
            .flat_map(|_| {
                let (sin, cos) = between(self.rotation).to_radians().sin_cos();
                let scale = 1.0 + between(self.scaling);
                let (right, down) = (between(self.translation), between(self.translation));
                let half = size[2] as f64 / 2.0;
                [cos / scale, sin / scale, right / half, -sin / scale, cos / scale, down / half]
            })
            .map(|value| value as f32)
            .collect();
        let theta = Tensor::from_slice(&rows).view([-1, 2, 3]).to_device(digits.device());
        let shape = [size[0], 1, size[1], size[2]];
        let grid = Tensor::affine_grid_generator(&theta, shape.as_slice(), false);
        // Bilinear, zeros outside.
        digits.to_kind(Kind::Float).view(shape).grid_sampler(&grid, 0, 0, false).view(size.as_slice())
    }
}

//! AdamW (Loshchilov and Hutter 2019) over one flat tensor, with gradient clipping by norm.
//!
//! libtorch's own optimisers do not give out their state through tch, and one flat tensor needs few kernel calls. It
//! does not know which parameter lies where.

use tch::{Kind, Tensor};

/// Elements that one pass works on: the five tensors' parts stay in the cache.
const CHUNK: i64 = 1 << 18;

/// Constants of AdamW.
#[derive(Clone, Copy, Debug)]
pub struct AdamWConfig {
    /// Weights of the past in the means of gradients and of their squares.
    pub betas: (f64, f64),
    /// Added to the root of the mean square.
    pub eps: f64,
    /// Share of a decaying parameter that goes in a step, times the learning rate.
    pub weight_decay: f64,
    /// Greatest norm of the gradient; 0 for no clipping.
    pub clip: f64,
}

/// The optimiser's state.
#[derive(Debug)]
pub(crate) struct AdamW {
    config: AdamWConfig,
    /// Mean of gradients and of their squares.
    pub(crate) first: Tensor,
    pub(crate) second: Tensor,
    pub(crate) steps: i64,
    /// Elements at the front that decay.
    decaying: i64,
}

impl AdamW {
    pub(crate) fn new(parameters: &Tensor, decaying: i64, config: AdamWConfig) -> Self {
        AdamW { config, first: parameters.zeros_like(), second: parameters.zeros_like(), steps: 0, decaying }
    }

    /// Changes `parameters` in place; `gradient` is used up. Returns the norm of the gradient before clipping; where that
    /// is not finite, nothing is changed.
    pub(crate) fn step(&mut self, parameters: &Tensor, mut gradient: Tensor, rate: f64) -> f64 {
        let norm = gradient.norm().double_value(&[]);
        if !norm.is_finite() {
            return norm;
        }
        self.steps += 1;
        if self.config.clip > 0.0 && norm > self.config.clip {
            let _ = gradient.g_mul_scalar_(self.config.clip / norm);
        }
        let count = parameters.size()[0];
        let mut from = 0;
        while from < count {
            let border = if from < self.decaying { self.decaying } else { count };
            let length = CHUNK.min(border - from);
            self.part(parameters, &gradient, (from, length), rate);
            from += length;
        }
        norm
    }

    fn part(&mut self, parameters: &Tensor, gradient: &Tensor, (from, length): (i64, i64), rate: f64) {
        let (beta1, beta2) = self.config.betas;
        let exponent = self.steps as f64;
        let (correction1, correction2) = (1.0 - beta1.powf(exponent), 1.0 - beta2.powf(exponent));
        let mut parameters = parameters.narrow(0, from, length);
        let gradient = gradient.narrow(0, from, length);
        let mut first = self.first.narrow(0, from, length);
        let mut second = self.second.narrow(0, from, length);
        if from < self.decaying && self.config.weight_decay > 0.0 {
            let _ = parameters.g_mul_scalar_(1.0 - rate * self.config.weight_decay);
        }
        let _ = first.lerp_(&gradient, 1.0 - beta1);
        let squares = gradient.square();
        let _ = second.lerp_(&squares, 1.0 - beta2);
        // p −= rate · (m / c1) / (√(v / c2) + ε), the factor put into the divisor.
        let mut divisor = second.sqrt();
        let _ = divisor.g_mul_scalar_(1.0 / correction2.sqrt());
        let _ = divisor.g_add_scalar_(self.config.eps);
        let _ = divisor.g_mul_scalar_(-correction1 / rate.max(1e-30));
        let _ = parameters.addcdiv_(&first, &divisor);
    }
}

/// All gradients as one flat tensor.
pub(crate) fn flattened(gradients: &[Tensor]) -> Tensor {
    let flat: Vec<Tensor> = gradients.iter().map(|gradient| gradient.to_kind(Kind::Float).reshape([-1])).collect();
    Tensor::cat(&flat, 0)
}

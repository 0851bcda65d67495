//! AdamW (Loshchilov and Hutter 2019) over parts of one flat tensor.

use tch::Tensor;

/// Elements that one pass works on: the five tensors' parts stay in the cache.
const CHUNK: i64 = 1 << 18;

/// Constants of AdamW, but for weight decay.
#[derive(Clone, Copy, Debug)]
pub struct AdamW {
    /// Weights of the past in the means of gradients and of their squares.
    pub betas: (f64, f64),
    /// Added to the root of the mean square.
    pub eps: f64,
}

impl Default for AdamW {
    fn default() -> Self {
        AdamW { betas: (0.9, 0.999), eps: 1e-8 }
    }
}

/// Elements of the flat tensor that are neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) from: i64,
    pub(crate) length: i64,
    /// Whether weight decay is for them.
    pub(crate) decays: bool,
}

/// Means of gradients and of their squares, and the number of steps that went into them, this one included.
pub(crate) struct State<'a> {
    pub(crate) first: &'a Tensor,
    pub(crate) second: &'a Tensor,
    pub(crate) steps: i64,
}

impl AdamW {
    /// Changes a span of the parameters and of the state in place. Of a decaying one, the share `kept` remains.
    pub(crate) fn step(
        &self,
        span: Span,
        (parameters, gradient): (&Tensor, &Tensor),
        state: &State,
        rate: f64,
        kept: f64,
    ) {
        let (beta1, beta2) = self.betas;
        let exponent = state.steps as f64;
        let (correction1, correction2) = (1.0 - beta1.powf(exponent), 1.0 - beta2.powf(exponent));
        let end = span.from + span.length;
        let mut from = span.from;
        while from < end {
            let length = CHUNK.min(end - from);
            let part = |tensor: &Tensor| tensor.narrow(0, from, length);
            let (mut parameters, gradient) = (part(parameters), part(gradient));
            let (mut first, mut second) = (part(state.first), part(state.second));
            if span.decays && kept < 1.0 {
                let _ = parameters.g_mul_scalar_(kept);
            }
            let _ = first.lerp_(&gradient, 1.0 - beta1);
            let _ = second.lerp_(&gradient.square(), 1.0 - beta2);
            // p −= rate · (m / c1) / (√(v / c2) + ε), the factor put into the divisor.
            let mut divisor = second.sqrt();
            let _ = divisor.g_mul_scalar_(1.0 / correction2.sqrt());
            let _ = divisor.g_add_scalar_(self.eps);
            let _ = divisor.g_mul_scalar_(-correction1 / rate.max(1e-30));
            let _ = parameters.addcdiv_(&first, &divisor);
            from += length;
        }
    }
}

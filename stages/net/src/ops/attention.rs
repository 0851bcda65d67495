//! Attention of many heads (Vaswani et al., NeurIPS 2017).

use tch::{Kind, Tensor};

use super::shapes::{channels, first, tokens};
use super::{Arity, Given, Part, Reads, Semantics};
use crate::error::NetError;
use crate::op::Op;

pub(super) struct Attention {
    pub(super) heads: i64,
}

impl Semantics for Attention {
    fn arity(&self) -> Arity {
        Arity::Exactly(3)
    }

    fn shape(&self, inputs: &[&[i64]]) -> Result<Vec<i64>, String> {
        let [count, channels] = tokens(first(inputs))?;
        if inputs.iter().any(|shape| *shape != [count, channels]) {
            return Err(format!("queries, keys and values have one shape, but it reads {inputs:?}"));
        }
        if self.heads < 1 || channels % self.heads != 0 {
            return Err(format!("{channels} channels do not divide into {} heads", self.heads));
        }
        Ok(vec![count, channels])
    }

    fn parameters(&self, _: &[&[i64]], _: &[i64]) -> Vec<Part> {
        Vec::new()
    }

    /// Queries with keys, and the result with values.
    fn macs(&self, _: &[&[i64]], shape: &[i64]) -> i64 {
        2 * shape[0] * shape[0] * channels(shape)
    }

    fn reads(&self, _: i64) -> Reads {
        Reads::Tied
    }

    /// A head at a time.
    fn looks_at(&self, channels: i64) -> i64 {
        channels / self.heads.max(1)
    }

    /// What is shared out is the values.
    fn keeps_zero(&self, zero: &[bool]) -> bool {
        matches!(zero, [_, _, true])
    }

    fn keeps_uniform(&self) -> bool {
        true
    }

    fn narrowed(&self, _: i64, made: i64, left: i64) -> Op {
        Op::Attention { heads: self.heads * left / made.max(1) }
    }

    fn compute(&self, given: &Given) -> Result<Tensor, NetError> {
        let batch = given.inputs.iter().map(|input| input.size()[0]).max().unwrap_or(1);
        let by_head = |input: &Tensor| {
            let (tokens, channels) = (input.size()[1], input.size()[2]);
            let input = input.expand([batch, tokens, channels], false);
            input.unflatten(2, [self.heads, channels / self.heads]).transpose(1, 2)
        };
        let parts = [0, 1, 2].map(|at| by_head(given.inputs[at]));
        // The derivative of the fused operation multiplies head by head on a CPU, in bfloat16 8 times as slowly as
        // whole batches are multiplied.
        let whole = given.run.training && !given.inputs[0].device().is_cuda();
        let mixed = if whole { by_products(parts) } else { fused(&parts) };
        Ok(mixed.transpose(1, 2).flatten(2, 3))
    }
}

/// Queries, keys and values `[B, H, T, D]`.
fn fused([queries, keys, values]: &[Tensor; 3]) -> Tensor {
    Tensor::scaled_dot_product_attention(queries, keys, values, None::<Tensor>, 0.0, false, None, false)
}

fn by_products(parts: [Tensor; 3]) -> Tensor {
    let [queries, keys, values] = parts.map(|part| part.contiguous());
    let scale = (queries.size()[3] as f64).powf(-0.5);
    let shares = (queries * scale).matmul(&keys.transpose(2, 3)).softmax(-1, None::<Kind>);
    shares.matmul(&values)
}

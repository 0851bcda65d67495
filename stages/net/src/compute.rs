//! What one node computes, with tch.
//!
//! Values have their batch in front: images `[B, C, H, W]`, tokens `[B, T, C]`, vectors `[B, C]`; one that depends on
//! no input may have a batch of one.

use tch::{Kind, Tensor};

use crate::error::NetError;
use crate::op::Op;
use crate::runner::{Run, channels_last};

/// Gives a node's parameter by its part, such as `weight`.
pub(crate) type Lookup<'a, 'w> = &'a dyn Fn(&str) -> Result<&'w Tensor, NetError>;

/// The value of a node whose shape without the batch is `shape`. A gate is open here.
pub(crate) fn compute(
    op: &Op,
    inputs: &[&Tensor],
    parameter: Lookup,
    run: &Run,
    shape: &[i64],
) -> Result<Tensor, NetError> {
    let kind = run.precision.kind();
    let cast = |part: &str| parameter(part).map(|tensor| tensor.to_kind(kind));
    Ok(match op {
        Op::Conv2d { .. } | Op::Linear { .. } => layer(op, inputs[0], &cast)?,
        Op::BatchNorm { .. } | Op::LayerNorm { .. } => norm(op, inputs[0], parameter, run)?,
        Op::Relu => inputs[0].relu(),
        Op::Relu6 => inputs[0].relu6(),
        Op::Gelu => inputs[0].gelu("none"),
        Op::MaxPool { kernel, stride, padding } => {
            inputs[0].max_pool2d([*kernel, *kernel], [*stride, *stride], [*padding, *padding], [1, 1], false)
        }
        Op::GlobalAveragePool => {
            let places: &[i64] = if inputs[0].dim() == 4 { &[2, 3] } else { &[1] };
            inputs[0].mean_dim(places, false, kind)
        }
        Op::Add => inputs[1..].iter().fold(inputs[0].shallow_clone(), |sum, other| sum + *other),
        Op::Mixture => mixture(inputs),
        // Channels-last images are tokens already: this copies nothing.
        Op::Tokens => inputs[0].flatten(2, 3).transpose(1, 2),
        Op::ClassToken => {
            let token = cast("token")?.expand([inputs[0].size()[0], 1, shape[1]], false);
            Tensor::cat(&[&token, inputs[0]], 1)
        }
        Op::PositionEmbedding => inputs[0] + cast("embedding")?,
        Op::SelectToken { index } => inputs[0].select(1, *index),
        Op::Attention { heads } => attention(*heads, inputs, run),
        Op::Constant { .. } => constant(&cast("value")?, shape),
        Op::Input { .. } | Op::Gate => inputs[0].shallow_clone(),
    })
}

fn layer(op: &Op, input: &Tensor, cast: &dyn Fn(&str) -> Result<Tensor, NetError>) -> Result<Tensor, NetError> {
    let bias = |has: &bool| if *has { cast("bias").map(Some) } else { Ok(None) };
    Ok(match op {
        Op::Conv2d { stride, padding, groups, bias: has, .. } => {
            let (stride, padding) = ([*stride, *stride], [*padding, *padding]);
            input.conv2d(&cast("weight")?, bias(has)?, stride, padding, [1, 1], *groups)
        }
        Op::Linear { bias: has, .. } => input.linear(&cast("weight")?, bias(has)?),
        _ => input.shallow_clone(),
    })
}

fn norm(op: &Op, input: &Tensor, parameter: Lookup, run: &Run) -> Result<Tensor, NetError> {
    Ok(match op {
        Op::BatchNorm { eps, momentum } => input.batch_norm(
            Some(parameter("weight")?),
            Some(parameter("bias")?),
            Some(parameter("running_mean")?),
            Some(parameter("running_var")?),
            run.training,
            *momentum,
            *eps,
            true,
        ),
        Op::LayerNorm { eps } => {
            let weight = parameter("weight")?.to_kind(input.kind());
            let bias = parameter("bias")?.to_kind(input.kind());
            input.layer_norm(weight.size().as_slice(), Some(&weight), Some(&bias), *eps, true)
        }
        _ => input.shallow_clone(),
    })
}

/// Queries, keys and values `[B, T, C]`, heads side by side in C.
fn attention(heads: i64, inputs: &[&Tensor], run: &Run) -> Tensor {
    let batch = inputs.iter().map(|input| input.size()[0]).max().unwrap_or(1);
    let by_head = |input: &Tensor| {
        let (tokens, channels) = (input.size()[1], input.size()[2]);
        input.expand([batch, tokens, channels], false).unflatten(2, [heads, channels / heads]).transpose(1, 2)
    };
    let parts = [inputs[0], inputs[1], inputs[2]].map(by_head);
    // The derivative of the fused operation multiplies head by head on a CPU, in bfloat16 8 times as slowly as whole
    // batches are multiplied.
    let whole = run.training && !inputs[0].device().is_cuda();
    let mixed = if whole { by_products(parts) } else { fused(&parts) };
    mixed.transpose(1, 2).flatten(2, 3)
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

/// Scores `[B, E]`, then E values of one shape: their sum weighted by the scores' softmax.
fn mixture(inputs: &[&Tensor]) -> Tensor {
    let shares = inputs[0].softmax(1, inputs[0].kind()).split(1, 1);
    let weighted = shares.iter().zip(&inputs[1..]).map(|(share, value)| {
        let mut size = vec![1; value.dim()];
        size[0] = -1;
        *value * share.view(size.as_slice())
    });
    weighted.reduce(|sum, part| sum + part).unwrap_or_else(|| inputs[0].shallow_clone())
}

/// `value` `[C]` at every place of `shape`, for a batch of one.
fn constant(value: &Tensor, shape: &[i64]) -> Tensor {
    match shape {
        [channels, height, width] => {
            channels_last(&value.view([1, *channels, 1, 1]).expand([1, *channels, *height, *width], false))
        }
        [tokens, channels] => value.view([1, 1, *channels]).expand([1, *tokens, *channels], false),
        _ => value.view([1, -1]),
    }
}

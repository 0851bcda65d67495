//! Shapes of values, worked out from those of the inputs.

use crate::op::Op;

/// Which axis of a shape without the batch holds the channels: the last of tokens `[T, C]`, the first of an image
/// `[C, H, W]` and of a vector `[C]`.
pub(crate) fn channel_axis(shape: &[i64]) -> usize {
    usize::from(shape.len() == 2)
}

/// The shape of a node's value, or why there is none.
pub(crate) fn shape(op: &Op, inputs: &[&[i64]]) -> Result<Vec<i64>, String> {
    let arity = op.arity();
    if arity.is_some_and(|arity| arity != inputs.len()) || (arity.is_none() && inputs.is_empty()) {
        return Err(format!("it has {} inputs", inputs.len()));
    }
    let first = inputs.first().copied().unwrap_or(&[]);
    match op {
        Op::Input { shape } | Op::Constant { shape } => positive(shape.clone()),
        Op::Conv2d { out, kernel, stride, padding, groups, .. } => {
            let [channels, height, width] = image(first)?;
            if *groups < 1 || channels % groups != 0 || out % groups != 0 {
                return Err(format!("{channels} input and {out} output channels do not divide into {groups} groups"));
            }
            let side = |size| window(size, *kernel, *stride, *padding);
            let shape = positive(vec![*out, side(height)?, side(width)?])?;
            within(&[*out, channels / groups, *kernel, *kernel])
                .then_some(shape)
                .ok_or_else(|| format!("{out} filters of {channels}×{kernel}×{kernel} are too many weights"))
        }
        Op::MaxPool { kernel, stride, padding } => {
            let [channels, height, width] = image(first)?;
            if *padding > *kernel / 2 {
                return Err(format!("padding {padding} is more than half of the window's {kernel}"));
            }
            let side = |size| window(size, *kernel, *stride, *padding);
            positive(vec![channels, side(height)?, side(width)?])
        }
        Op::GlobalAveragePool | Op::SelectToken { .. } | Op::Linear { .. } => places(op, first),
        Op::Tokens => image(first).map(|[channels, height, width]| vec![height * width, channels]),
        Op::ClassToken => tokens(first).map(|[count, channels]| vec![count + 1, channels]),
        Op::PositionEmbedding => tokens(first).map(Vec::from),
        Op::Attention { heads } => attention(*heads, inputs),
        Op::BatchNorm { .. } if first.len() == 2 => {
            Err(format!("batch norm takes images [C, H, W] or vectors [C], but reads tokens {first:?}"))
        }
        Op::LayerNorm { .. } if first.len() == 3 => {
            Err(format!("layer norm takes tokens [T, C] or vectors [C], but reads an image {first:?}"))
        }
        Op::Add => match inputs.iter().find(|shape| **shape != first) {
            Some(other) => Err(format!("it adds {first:?} and {other:?}")),
            None => Ok(first.to_vec()),
        },
        Op::Mixture => match inputs.split_first() {
            Some(([experts], [value, others @ ..])) if *experts == others.len() as i64 + 1 => {
                match others.iter().find(|other| *other != value) {
                    Some(other) => Err(format!("it mixes {value:?} and {other:?}")),
                    None => Ok(value.to_vec()),
                }
            }
            _ => Err(format!("it needs the scores [E] of E values and the values, but reads {inputs:?}")),
        },
        Op::BatchNorm { .. } | Op::LayerNorm { .. } | Op::Relu | Op::Relu6 | Op::Gelu | Op::Gate => Ok(first.to_vec()),
    }
}

/// Shapes of nodes that take away places, or that treat each alone.
fn places(op: &Op, read: &[i64]) -> Result<Vec<i64>, String> {
    match (op, read) {
        (Op::GlobalAveragePool, [channels, _, _] | [_, channels]) => Ok(vec![*channels]),
        (Op::SelectToken { index }, [count, channels]) if (0..*count).contains(index) => Ok(vec![*channels]),
        (Op::SelectToken { index }, [count, _]) => Err(format!("it selects token {index}, but there are {count}")),
        (Op::Linear { out, .. }, [.., channels]) if !within(&[*out, *channels]) => {
            Err(format!("{out}×{channels} are too many weights"))
        }
        (Op::Linear { out, .. }, [_]) => positive(vec![*out]),
        (Op::Linear { out, .. }, [count, _]) => positive(vec![*count, *out]),
        (Op::Linear { .. }, _) => Err(format!("it needs a vector [C] or tokens [T, C], but reads {read:?}")),
        (Op::GlobalAveragePool, _) => Err(format!("it needs an image [C, H, W] or tokens [T, C], but reads {read:?}")),
        _ => tokens(read).map(Vec::from),
    }
}

fn attention(heads: i64, inputs: &[&[i64]]) -> Result<Vec<i64>, String> {
    let [count, channels] = tokens(inputs.first().copied().unwrap_or(&[]))?;
    if inputs.iter().any(|shape| *shape != [count, channels]) {
        return Err(format!("queries, keys and values have one shape, but it reads {inputs:?}"));
    }
    if heads < 1 || channels % heads != 0 {
        return Err(format!("{channels} channels do not divide into {heads} heads"));
    }
    Ok(vec![count, channels])
}

fn tokens(shape: &[i64]) -> Result<[i64; 2], String> {
    shape.try_into().map_err(|_| format!("it needs tokens [T, C], but reads {shape:?}"))
}

fn image(shape: &[i64]) -> Result<[i64; 3], String> {
    shape.try_into().map_err(|_| format!("it needs an image [C, H, W], but reads {shape:?}"))
}

fn window(size: i64, kernel: i64, stride: i64, padding: i64) -> Result<i64, String> {
    if !(1..BOUND).contains(&kernel) || !(1..BOUND).contains(&stride) || !(0..BOUND).contains(&padding) {
        return Err(format!("kernel {kernel}, stride {stride} and padding {padding} make no window"));
    }
    let span = size + 2 * padding - kernel;
    if span < 0 {
        return Err(format!("a kernel of {kernel} does not fit into {size} pixels with padding {padding}"));
    }
    Ok(span / stride + 1)
}

/// Sides, kernels and numbers of channels are below it.
const BOUND: i64 = 1 << 24;

/// Whether so many values, or weights, may be: 2³¹ at most, so that counts of operations are within their types.
fn within(factors: &[i64]) -> bool {
    factors.iter().try_fold(1_i64, |all, factor| all.checked_mul(*factor)).is_some_and(|all| all <= 1 << 31)
}

fn positive(shape: Vec<i64>) -> Result<Vec<i64>, String> {
    if !shape.is_empty() && shape.iter().all(|size| (1..BOUND).contains(size)) && within(&shape) {
        Ok(shape)
    } else {
        Err(format!("{shape:?} is no shape"))
    }
}

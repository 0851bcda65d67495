//! Shapes of values, worked out from those of the inputs.
//!
//! It does not know where a node stands in a network.

use crate::op::Op;

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
            positive(vec![*out, side(height)?, side(width)?])
        }
        Op::MaxPool { kernel, stride, padding } => {
            let [channels, height, width] = image(first)?;
            if padding * 2 > *kernel {
                return Err(format!("padding {padding} is more than half of the window's {kernel}"));
            }
            let side = |size| window(size, *kernel, *stride, *padding);
            positive(vec![channels, side(height)?, side(width)?])
        }
        Op::GlobalAveragePool => Ok(vec![image(first)?[0]]),
        Op::Linear { out, .. } => match first {
            [_] => positive(vec![*out]),
            _ => Err(format!("it needs a vector, but reads {first:?}")),
        },
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
        Op::BatchNorm { .. } | Op::Relu | Op::Gate => Ok(first.to_vec()),
    }
}

fn image(shape: &[i64]) -> Result<[i64; 3], String> {
    shape.try_into().map_err(|_| format!("it needs an image [C, H, W], but reads {shape:?}"))
}

fn window(size: i64, kernel: i64, stride: i64, padding: i64) -> Result<i64, String> {
    if kernel < 1 || stride < 1 || padding < 0 {
        return Err(format!("kernel {kernel}, stride {stride} and padding {padding} make no window"));
    }
    let span = size + 2 * padding - kernel;
    if span < 0 {
        return Err(format!("a kernel of {kernel} does not fit into {size} pixels with padding {padding}"));
    }
    Ok(span / stride + 1)
}

fn positive(shape: Vec<i64>) -> Result<Vec<i64>, String> {
    if !shape.is_empty() && shape.iter().all(|size| (1..1 << 24).contains(size)) {
        Ok(shape)
    } else {
        Err(format!("{shape:?} is no shape"))
    }
}

//! Shapes of values, checked: an image is `[C, H, W]`, tokens are `[T, C]`, a vector is `[C]`.

use crate::padding::Padding;

/// Which axis of a shape without the batch holds the channels: the last of tokens `[T, C]`, the first of an image
/// `[C, H, W]` and of a vector `[C]`.
pub(crate) fn channel_axis(shape: &[i64]) -> usize {
    usize::from(shape.len() == 2)
}

/// Number of channels; 0 where there is no shape.
pub(super) fn channels(shape: &[i64]) -> i64 {
    shape.get(channel_axis(shape)).copied().unwrap_or(0)
}

pub(super) fn first<'a>(inputs: &[&'a [i64]]) -> &'a [i64] {
    inputs.first().copied().unwrap_or(&[])
}

pub(super) fn tokens(shape: &[i64]) -> Result<[i64; 2], String> {
    shape.try_into().map_err(|_| format!("it needs tokens [T, C], but reads {shape:?}"))
}

pub(super) fn image(shape: &[i64]) -> Result<[i64; 3], String> {
    shape.try_into().map_err(|_| format!("it needs an image [C, H, W], but reads {shape:?}"))
}

/// Places of a window that slides over `[height, width]`.
pub(super) fn windows(
    [height, width]: [i64; 2],
    kernel: i64,
    stride: i64,
    padding: Padding,
) -> Result<[i64; 2], String> {
    let sizes = (1..BOUND).contains(&kernel) && (1..BOUND).contains(&stride);
    if !sizes || !padding.sides().iter().all(|side| (0..BOUND).contains(side)) {
        let padding = told(padding);
        return Err(format!("kernel {kernel}, stride {stride} and padding {padding} make no window"));
    }
    let places = |size: i64, before: i64, after: i64| {
        let span = size + before + after - kernel;
        let fits = (span >= 0).then_some(span / stride + 1);
        fits.ok_or_else(|| {
            format!("a kernel of {kernel} does not fit into {size} pixels with padding {}", told(padding))
        })
    };
    Ok([places(height, padding.top, padding.bottom)?, places(width, padding.left, padding.right)?])
}

fn told(padding: Padding) -> String {
    padding.even().map_or_else(|| format!("{:?}", padding.sides()), |side| side.to_string())
}

/// Sides, kernels and numbers of channels are below it.
const BOUND: i64 = 1 << 24;

/// Whether so many values, or weights, may be: 2³¹ at most, so that counts of operations are within their types.
pub(super) fn within(factors: &[i64]) -> bool {
    factors.iter().try_fold(1_i64, |all, factor| all.checked_mul(*factor)).is_some_and(|all| all <= 1 << 31)
}

pub(super) fn positive(shape: Vec<i64>) -> Result<Vec<i64>, String> {
    if !shape.is_empty() && shape.iter().all(|size| (1..BOUND).contains(size)) && within(&shape) {
        Ok(shape)
    } else {
        Err(format!("{shape:?} is no shape"))
    }
}

/// The one shape of all inputs; `verb` says what is done with them.
pub(super) fn alike(inputs: &[&[i64]], verb: &str) -> Result<Vec<i64>, String> {
    let first = first(inputs);
    match inputs.iter().find(|shape| **shape != first) {
        Some(other) => Err(format!("it {verb} {first:?} and {other:?}")),
        None => Ok(first.to_vec()),
    }
}

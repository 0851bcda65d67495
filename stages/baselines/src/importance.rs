//! Importance of coupled channels (DepGraph: Fang et al., CVPR 2023, §3.3).
//!
//! A channel of a group is a slice of the weights of every layer that the group couples. Its importance is the mean of
//! Σ|w|² over these slices, divided by the mean over the group's channels, so that groups can be compared. Which
//! weights count is as in the authors' implementation: rows and columns of convolutions and fully connected layers, and
//! factors of norms; not biases, and not depthwise convolutions.

use nnf_net::{ChannelGroup, Network, Op, Weights};
use tch::{Kind, Tensor};

use crate::error::BaselineError;

/// The part of a group in one parameter: its channels lie along `axis`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slice {
    /// Name of the parameter.
    pub parameter: String,
    /// 0 for rows, which make a channel, 1 for columns, which read it.
    pub axis: usize,
}

/// The weights that a group couples, each once, however many nodes share them.
#[must_use]
pub fn slices(network: &Network, group: &ChannelGroup) -> Vec<Slice> {
    let layer = |id: &usize| matches!(network.nodes()[*id].op, Op::Conv2d { .. } | Op::Linear { .. });
    let norm = |id: &usize| matches!(network.nodes()[*id].op, Op::BatchNorm { .. } | Op::LayerNorm { .. });
    let slice =
        |id: &usize, axis| Slice { parameter: format!("{}.weight", network.nodes()[network.owner_of(*id)].name), axis };
    let rows = group.producers.iter().filter(|id| layer(id)).chain(group.members.iter().filter(|id| norm(id)));
    let columns = group.consumers.iter().filter(|id| layer(id));
    let mut all: Vec<Slice> = Vec::new();
    for slice in rows.map(|id| slice(id, 0)).chain(columns.map(|id| slice(id, 1))) {
        if !all.contains(&slice) {
            all.push(slice);
        }
    }
    all
}

/// Importance of each channel of a group, with mean 1. `None` if the group couples no weights.
///
/// # Errors
/// When weights are missing or do not fit the group.
pub fn importance(
    network: &Network,
    weights: &Weights,
    group: &ChannelGroup,
) -> Result<Option<Vec<f64>>, BaselineError> {
    let mut sum: Option<Tensor> = None;
    let slices = slices(network, group);
    for slice in &slices {
        let squares = squares(weights.get(&slice.parameter)?, slice.axis);
        if squares.size() != [group.width] {
            let (found, width) = (squares.size(), group.width);
            let why = format!("`{}` has {found:?} channels, its group {width}", slice.parameter);
            return Err(BaselineError::Misfit(why));
        }
        sum = Some(sum.map_or_else(|| squares.shallow_clone(), |sum| sum + &squares));
    }
    let Some(sum) = sum else { return Ok(None) };
    let values = Vec::<f64>::try_from(sum / slices.len() as f64).map_err(nnf_net::NetError::Torch)?;
    if values.iter().any(|value| !value.is_finite()) {
        let slice = slices.first().map_or("", |slice| slice.parameter.as_str());
        return Err(BaselineError::Misfit(format!(
            "weights of the group of `{slice}` are not finite: they cannot be told apart by importance"
        )));
    }
    let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
    // A group of zeros has nothing to lose.
    Ok(Some(values.into_iter().map(|value| if mean > 0.0 { value / mean } else { 0.0 }).collect()))
}

/// Σ|w|² over all axes but one, in float64.
fn squares(weight: &Tensor, axis: usize) -> Tensor {
    let squares = weight.detach().to_kind(Kind::Double).square();
    let others: Vec<i64> = (0_i64..).zip(0..weight.dim()).filter(|(_, at)| *at != axis).map(|(at, _)| at).collect();
    if others.is_empty() { squares } else { squares.sum_dim_intlist(others.as_slice(), false, Kind::Double) }
}

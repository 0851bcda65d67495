//! Sparsity training: what is least important shrinks most (DepGraph, §3.3, as the authors' implementation does it).
//!
//! After each step the weights of a channel shrink by the factor 1 − rate · strength · γ, with γ = α^((max − I) / (max
//! − min)) and I the root of the channel's importance within its group. As with AdamW's weight decay, this bypasses the
//! optimiser's scaling of gradients.

use nnf_net::{ChannelGroup, ChannelGroups, Model, Network};
use tch::Tensor;

use crate::error::BaselineError;
use crate::importance::{importance, slices};

/// Greatest γ: that of a group's least important channel.
const ALPHA: f64 = 16.0;

/// γ of each channel of a group from their importance.
pub(crate) fn gammas(importance: &[f64]) -> Vec<f64> {
    let roots: Vec<f64> = importance.iter().map(|value| value.max(0.0).sqrt()).collect();
    let most = roots.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let least = roots.iter().copied().fold(f64::INFINITY, f64::min);
    // Where all are equally important there is nothing to tell apart.
    let spread = if most > least { most - least } else { f64::INFINITY };
    roots.iter().map(|root| ALPHA.powf((most - root) / spread)).collect()
}

/// Shrinks the weights of all channels that can be removed. A parameter of two groups shrinks for each.
pub(crate) fn shrink(model: &Model, rate: f64, strength: f64) -> Result<(), BaselineError> {
    let network: &Network = &model.network;
    let groups = ChannelGroups::of(network);
    let removable: Vec<&ChannelGroup> = groups.groups().iter().filter(|group| group.removable).collect();
    // All are ranked before any shrinks: groups share weights.
    let values = removable.iter().map(|group| importance(network, &model.weights, group));
    let values = values.collect::<Result<Vec<Option<Vec<f64>>>, BaselineError>>()?;
    for (group, values) in removable.iter().zip(values) {
        let Some(values) = values else { continue };
        let factors: Vec<f64> = gammas(&values).iter().map(|gamma| (1.0 - rate * strength * gamma).max(0.0)).collect();
        for slice in slices(network, group) {
            let weight = model.weights.get(&slice.parameter)?;
            let mut shape = vec![1; weight.dim()];
            shape[slice.axis] = group.width;
            let factor = Tensor::from_slice(&factors).to_kind(weight.kind()).to_device(weight.device());
            // The leaf shares its memory with the optimiser's flat tensor.
            let _ = tch::no_grad(|| weight.shallow_clone().g_mul_(&factor.view(shape.as_slice())));
        }
    }
    Ok(())
}

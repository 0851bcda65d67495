//! Folds batch norms into the convolution or fully connected layer before them.
//!
//! For evaluation only: the result computes the same with running statistics. It does not know where gates stand.

use crate::error::NetError;
use crate::graph::{Network, Node};
use crate::op::Op;
use crate::weights::Weights;

/// The same network with every batch norm that directly follows a layer, as its only reader, folded into it.
///
/// # Errors
/// When weights are missing.
pub fn fold_batch_norms(network: &Network, weights: &Weights) -> Result<(Network, Weights), NetError> {
    let (network, norms) = without_norms(network)?;
    let mut all = weights.copied();
    for norm in &norms {
        fold(&mut all, norm)?;
    }
    let mut own = Weights::default();
    for parameter in network.parameters() {
        own.insert(parameter.name.clone(), all.get(&parameter.name)?.shallow_clone());
    }
    Ok((network, own))
}

/// The graph alone, as [`fold_batch_norms`] makes it.
///
/// # Errors
/// When the result is no network.
pub fn fold_network(network: &Network) -> Result<Network, NetError> {
    Ok(without_norms(network)?.0)
}

/// A batch norm and the layer that takes it in.
struct Folded {
    layer: String,
    norm: String,
    eps: f64,
}

fn without_norms(network: &Network) -> Result<(Network, Vec<Folded>), NetError> {
    let mut nodes: Vec<Node> = Vec::new();
    let mut folded: Vec<Folded> = Vec::new();
    for (id, node) in network.nodes().iter().enumerate() {
        let mut node = node.clone();
        for input in &mut node.inputs {
            *input = renamed(&folded, input);
        }
        let Op::BatchNorm { eps, .. } = node.op else {
            nodes.push(node);
            continue;
        };
        let layer = network.inputs_of(id).first().copied().filter(|layer| foldable(network, *layer));
        let Some(layer) = layer.map(|layer| network.nodes()[layer].name.clone()) else {
            nodes.push(node);
            continue;
        };
        for made in nodes.iter_mut().filter(|made| made.name == layer) {
            if let Op::Conv2d { bias, .. } | Op::Linear { bias, .. } = &mut made.op {
                *bias = true;
            }
        }
        folded.push(Folded { layer, norm: node.name, eps });
    }
    let outputs: Vec<String> =
        network.outputs().iter().map(|id| renamed(&folded, &network.nodes()[*id].name)).collect();
    Ok((Network::new(network.name(), nodes, &outputs)?, folded))
}

/// Who answers for a node now.
fn renamed(folded: &[Folded], name: &str) -> String {
    folded.iter().find(|one| one.norm == name).map_or(name, |one| one.layer.as_str()).to_owned()
}

fn foldable(network: &Network, layer: usize) -> bool {
    let is_layer = matches!(network.nodes()[layer].op, Op::Conv2d { .. } | Op::Linear { .. });
    is_layer && network.readers_of(layer).len() == 1 && !network.outputs().contains(&layer)
}

/// w·s and (b − mean)·s + offset, with s = factor / √(variance + eps).
fn fold(weights: &mut Weights, Folded { layer, norm, eps }: &Folded) -> Result<(), NetError> {
    let of = |weights: &Weights, part: &str| weights.get(&format!("{norm}.{part}")).map(tch::Tensor::shallow_clone);
    let (factor, offset) = (of(weights, "weight")?, of(weights, "bias")?);
    let (mean, variance) = (of(weights, "running_mean")?, of(weights, "running_var")?);
    let scale = factor / (variance + *eps).sqrt();
    let weight = weights.get(&format!("{layer}.weight"))?;
    let mut shape = vec![1; weight.dim()];
    shape[0] = -1;
    let new_weight = weight * scale.view(shape.as_slice());
    let bias = match weights.get(&format!("{layer}.bias")) {
        Ok(bias) => bias - mean,
        Err(_) => -mean,
    };
    weights.insert(format!("{layer}.weight"), new_weight);
    weights.insert(format!("{layer}.bias"), bias * scale + offset);
    Ok(())
}

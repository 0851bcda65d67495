//! Folds batch norms into the convolution or fully connected layer before them.
//!
//! For evaluation only: the result computes the same with running statistics.

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
    // For each node of the network, which of the new ones answers for it.
    let mut place: Vec<usize> = Vec::new();
    let readers = network.reader_counts();
    for (id, node) in network.nodes().iter().enumerate() {
        let layer = network.inputs_of(id).first().copied().filter(|layer| foldable(network, *layer, readers[*layer]));
        if let (Op::BatchNorm { eps, .. }, Some(layer)) = (&node.op, layer) {
            let at = place[layer];
            if let Op::Conv2d { bias, .. } | Op::Linear { bias, .. } = &mut nodes[at].op {
                *bias = true;
            }
            folded.push(Folded { layer: nodes[at].name.clone(), norm: node.name.clone(), eps: *eps });
            place.push(at);
            continue;
        }
        let inputs = network.inputs_of(id).iter().map(|input| nodes[place[*input]].name.clone()).collect();
        place.push(nodes.len());
        nodes.push(Node { name: node.name.clone(), op: node.op.clone(), inputs });
    }
    let outputs: Vec<String> = network.outputs().iter().map(|id| nodes[place[*id]].name.clone()).collect();
    Ok((Network::new(network.name(), nodes, &outputs)?, folded))
}

fn foldable(network: &Network, layer: usize, readers: usize) -> bool {
    let is_layer = matches!(network.nodes()[layer].op, Op::Conv2d { .. } | Op::Linear { .. });
    is_layer && readers == 1 && !network.outputs().contains(&layer)
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

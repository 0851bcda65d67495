//! Folds batch norms into the convolution or fully connected layer before them.
//!
//! For evaluation only: the result computes the same with running statistics.

use std::collections::BTreeSet;

use crate::error::NetError;
use crate::graph::{Network, Node};
use crate::op::Op;
use crate::sharing::{self, Renamed};
use crate::weights::Weights;

/// The same network with every batch norm that directly follows a layer, as its only reader, folded into it. Layers that
/// share their weights but not their norms get weights of their own.
///
/// # Errors
/// When weights are missing.
pub fn fold_batch_norms(network: &Network, weights: &Weights) -> Result<(Network, Weights), NetError> {
    let plan = Plan::of(network);
    let (folded, renamed) = plan.network(network)?;
    let mut all = weights.copied();
    for (id, layer) in plan.parted(network) {
        // A copy, under its own name, of what it shared.
        for (own, part) in network.parameters_of(id).into_iter().zip(network.parts_of(id)) {
            all.insert(format!("{layer}.{}", part.name), weights.get(&own.name)?.detach().copy());
        }
    }
    for fold in plan.folds(network) {
        fold.weights(&mut all)?;
    }
    Ok((folded.clone(), all.renamed(&folded, &renamed)?))
}

/// The graph alone, as [`fold_batch_norms`] makes it.
///
/// # Errors
/// When the result is no network.
pub fn fold_network(network: &Network) -> Result<Network, NetError> {
    Ok(Plan::of(network).network(network)?.0)
}

/// What is folded into what.
struct Plan {
    /// For each layer the batch norm that goes into it.
    norm: Vec<Option<usize>>,
    /// For each node whether it keeps sharing, where it shares.
    together: Vec<bool>,
}

impl Plan {
    fn of(network: &Network) -> Self {
        let count = network.nodes().len();
        let (mut norm, readers) = (vec![None; count], network.reader_counts());
        for (id, node) in network.nodes().iter().enumerate() {
            let layer = network.inputs_of(id).first().copied();
            if let (Op::BatchNorm { .. }, Some(layer)) = (&node.op, layer)
                && foldable(network, layer, readers[layer])
            {
                norm[layer] = Some(id);
            }
        }
        // Alike are norms of one owner and one epsilon.
        let key = |id: usize| norm[id].map(|norm: usize| (network.owner_of(norm), eps_of(network, norm).to_bits()));
        let same = |id: &usize| key(*id) == key(network.owner_of(*id));
        let apart: BTreeSet<usize> = (0..count).filter(|id| !same(id)).map(|id| network.owner_of(id)).collect();
        let together = (0..count).map(|id| !apart.contains(&network.owner_of(id))).collect();
        Plan { norm, together }
    }

    /// The graph, and what owners of shared parameters were called before.
    fn network(&self, network: &Network) -> Result<(Network, Renamed), NetError> {
        let mut nodes: Vec<Node> = Vec::new();
        // For each node of the network, which of the new ones answers for it.
        let mut place: Vec<usize> = Vec::new();
        for (id, node) in network.nodes().iter().enumerate() {
            let layer = network.inputs_of(id).first().copied().filter(|layer| self.norm[*layer] == Some(id));
            if let Some(layer) = layer {
                place.push(place[layer]);
                continue;
            }
            let mut new = node.clone();
            new.inputs = network.inputs_of(id).iter().map(|input| nodes[place[*input]].name.clone()).collect();
            if !self.together[id] {
                new.shares = None;
            }
            if let (Some(_), Op::Conv2d { bias, .. } | Op::Linear { bias, .. }) = (self.norm[id], &mut new.op) {
                *bias = true;
            }
            place.push(nodes.len());
            nodes.push(new);
        }
        let outputs: Vec<String> = network.outputs().iter().map(|id| nodes[place[*id]].name.clone()).collect();
        let renamed = sharing::settle(&mut nodes);
        Ok((Network::new(network.name(), nodes, &outputs)?, renamed))
    }

    /// Nodes that shared parameters and get their own, with their names.
    fn parted<'a>(&self, network: &'a Network) -> Vec<(usize, &'a str)> {
        let parted = (0..network.nodes().len()).filter(|id| !self.together[*id] && network.owner_of(*id) != *id);
        parted.map(|id| (id, network.nodes()[id].name.as_str())).collect()
    }

    /// Every folding of weights, once for those that stay together.
    fn folds(&self, network: &Network) -> Vec<Fold> {
        let own = |id: &usize| !self.together[*id] || network.owner_of(*id) == *id;
        let fold = |id: usize| {
            self.norm[id].map(|norm| Fold {
                layer: network.nodes()[id].name.clone(),
                norm: network.nodes()[network.owner_of(norm)].name.clone(),
                eps: eps_of(network, norm),
            })
        };
        (0..network.nodes().len()).filter(own).filter_map(fold).collect()
    }
}

fn eps_of(network: &Network, norm: usize) -> f64 {
    if let Op::BatchNorm { eps, .. } = network.nodes()[norm].op { eps } else { 0.0 }
}

fn foldable(network: &Network, layer: usize, readers: usize) -> bool {
    let is_layer = matches!(network.nodes()[layer].op, Op::Conv2d { .. } | Op::Linear { .. });
    is_layer && readers == 1 && !network.outputs().contains(&layer)
}

/// A batch norm and the layer that takes it in, by the names of their parameters' owners.
struct Fold {
    layer: String,
    norm: String,
    eps: f64,
}

impl Fold {
    /// w·s and (b − mean)·s + offset, with s = factor / √(variance + eps).
    fn weights(&self, weights: &mut Weights) -> Result<(), NetError> {
        let Fold { layer, norm, eps } = self;
        let of = |part: &str| weights.get(&format!("{norm}.{part}")).map(tch::Tensor::shallow_clone);
        let (factor, offset) = (of("weight")?, of("bias")?);
        let (mean, variance) = (of("running_mean")?, of("running_var")?);
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
}

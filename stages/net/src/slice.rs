//! Slices a subnet out of a supernet by a gate vector: the kept channels as a smaller, dense network without gates.
//!
//! The subnet computes what the supernet computes with those gates.

use crate::error::NetError;
use crate::gates::GateVector;
use crate::graph::{Network, Node};
use crate::groups::ChannelGroups;
use crate::remove::remove;
use crate::weights::Weights;

/// Slices one network by many gate vectors: what is the same for all of them is found and checked once.
#[derive(Debug)]
pub struct Slicer<'a> {
    network: &'a Network,
    groups: ChannelGroups,
    /// Group of each gate layer's channels, and how many of them a gate holds for.
    gated: Vec<(usize, i64)>,
}

impl<'a> Slicer<'a> {
    /// For a network.
    ///
    /// # Errors
    /// When a gate stands where its channels cannot be removed.
    pub fn of(network: &'a Network) -> Result<Self, NetError> {
        let groups = ChannelGroups::of(network);
        let mut gated: Vec<(usize, i64)> = Vec::new();
        for gates in network.gate_nodes() {
            check_layer(network, &groups, &gates)?;
            gated.push((groups.of_node(gates[0]), network.block_of(gates[0])));
        }
        Ok(Slicer { network, groups, gated })
    }

    /// The subnet's architecture alone: what a profiler measures.
    ///
    /// # Errors
    /// When the vector does not fit.
    pub fn network(&self, gates: &GateVector) -> Result<Network, NetError> {
        Ok(self.cut(None, gates)?.0)
    }

    fn cut(&self, weights: Option<&Weights>, gates: &GateVector) -> Result<(Network, Option<Weights>), NetError> {
        gates.check(self.network)?;
        let mut keep: Vec<Option<Vec<i64>>> = vec![None; self.groups.groups().len()];
        for ((group, block), kept) in self.gated.iter().zip(gates.kept_positions()) {
            keep[*group] = Some(kept.into_iter().flat_map(|gate| gate * block..(gate + 1) * block).collect());
        }
        let (network, weights) = remove(self.network, weights, &self.groups, &keep)?;
        Ok((without_gates(&network)?, weights))
    }
}

/// The subnet that a gate vector asks for, with its weights.
///
/// # Errors
/// As [`slice_network`].
pub fn slice(network: &Network, weights: &Weights, gates: &GateVector) -> Result<(Network, Weights), NetError> {
    let (network, weights) = Slicer::of(network)?.cut(Some(weights), gates)?;
    Ok((network, weights.unwrap_or_default()))
}

/// The architecture of one subnet; for many of them, [`Slicer`].
///
/// # Errors
/// When the vector does not fit, or a gate stands where its channels cannot be removed.
pub fn slice_network(network: &Network, gates: &GateVector) -> Result<Network, NetError> {
    Slicer::of(network)?.network(gates)
}

/// Channels may go with their gates if whatever mixes them with others reads zeros where a gate is shut, and nothing that
/// looks at several of them together is within the group.
fn check_layer(network: &Network, groups: &ChannelGroups, gates: &[usize]) -> Result<(), NetError> {
    let at = groups.of_node(gates[0]);
    let (group, block) = (&groups.groups()[at], network.block_of(gates[0]));
    let fault = |why: String| Err(NetError::node(&network.nodes()[gates[0]].name, why));
    for id in &group.members {
        let node = &network.nodes()[*id];
        if node.op.is_gate() && !gates.contains(id) {
            return fault("another gate has the same channels".into());
        }
        if block % node.op.semantics().looks_at(group.width).max(1) != 0 {
            return fault(format!("`{}` looks at all channels of the gate together", node.name));
        }
    }
    let zero = zeros(network, groups, gates);
    for reader in &group.consumers {
        let reads = network.inputs_of(*reader).iter().filter(|input| groups.of_node(**input) == at);
        if let Some(input) = reads.into_iter().find(|input| !zero[**input]) {
            let reader = &network.nodes()[*reader].name;
            return fault(match culprit(network, &zero, *input) {
                Some(culprit) => {
                    format!("`{culprit}` makes something of the zeros behind the gate, and `{reader}` reads it")
                }
                None => format!("`{reader}` reads its channels without the gate"),
            });
        }
    }
    Ok(())
}

/// For each node whether, where a gate is shut, the gate's channels of its value are zero.
fn zeros(network: &Network, groups: &ChannelGroups, gates: &[usize]) -> Vec<bool> {
    let group = groups.of_node(gates[0]);
    let mut zero = vec![false; network.nodes().len()];
    for (id, node) in network.nodes().iter().enumerate().filter(|(id, _)| groups.of_node(*id) == group) {
        let tied = node.op.is_channelwise(network.in_channels(id));
        let reads: Vec<bool> = network.inputs_of(id).iter().map(|input| zero[*input]).collect();
        zero[id] = gates.contains(&id) || (tied && node.op.semantics().keeps_zero(&reads));
    }
    zero
}

/// The last node up to a value that is not zero though something that it reads is.
fn culprit<'a>(network: &'a Network, zero: &[bool], value: usize) -> Option<&'a str> {
    let mut reached = vec![false; network.nodes().len()];
    reached[value] = true;
    for id in (0..=value).rev().filter(|id| !zero[*id]) {
        let inputs = network.inputs_of(id);
        if reached[id] && inputs.iter().any(|input| zero[*input]) {
            return Some(&network.nodes()[id].name);
        }
        if reached[id] && network.nodes()[id].op.is_channelwise(network.in_channels(id)) {
            inputs.iter().for_each(|input| reached[*input] = true);
        }
    }
    None
}

/// The same network with open gates taken out.
fn without_gates(network: &Network) -> Result<Network, NetError> {
    let is_gate = |id: usize| network.nodes()[id].op.is_gate();
    let source = |id: &usize| {
        let mut id = *id;
        while let Some(from) = network.inputs_of(id).first().filter(|_| is_gate(id)) {
            id = *from;
        }
        network.nodes()[id].name.clone()
    };
    let rewired = |id: usize| {
        let inputs = network.inputs_of(id).iter().map(source).collect();
        Node { inputs, ..network.nodes()[id].clone() }
    };
    let nodes = (0..network.nodes().len()).filter(|id| !is_gate(*id)).map(rewired).collect();
    let outputs: Vec<String> = network.outputs().iter().map(source).collect();
    Network::new(network.name(), nodes, &outputs)
}

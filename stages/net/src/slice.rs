//! Slices a subnet out of a supernet by a gate vector: the kept channels as a smaller, dense network without gates.
//!
//! The subnet computes what the supernet computes with those gates. It does not know weights' meaning or who chose.

use std::collections::BTreeMap;

use crate::error::NetError;
use crate::gates::GateVector;
use crate::graph::{Network, Node};
use crate::groups::ChannelGroups;
use crate::op::Op;
use crate::remove::remove_channels;
use crate::weights::Weights;

/// The subnet that a gate vector asks for, with its weights.
///
/// # Errors
/// When the vector does not fit, or a gate stands where its channels cannot be removed.
pub fn slice(network: &Network, weights: &Weights, gates: &GateVector) -> Result<(Network, Weights), NetError> {
    let (network, weights) = cut(network, Some(weights), gates)?;
    Ok((network, weights.unwrap_or_default()))
}

/// The subnet's architecture alone: what a profiler measures.
///
/// # Errors
/// As [`slice()`].
pub fn slice_network(network: &Network, gates: &GateVector) -> Result<Network, NetError> {
    Ok(cut(network, None, gates)?.0)
}

fn cut(
    network: &Network,
    weights: Option<&Weights>,
    gates: &GateVector,
) -> Result<(Network, Option<Weights>), NetError> {
    gates.check(network)?;
    let groups = ChannelGroups::of(network);
    let mut keep: Vec<Option<Vec<i64>>> = vec![None; groups.groups().len()];
    let layers = (0..network.nodes().len()).filter(|id| network.nodes()[*id].op == Op::Gate);
    for (id, kept) in layers.zip(gates.kept_positions()) {
        check_gate(network, &groups, id)?;
        keep[groups.of_node(id)] = Some(kept);
    }
    let (network, weights) = remove_channels(network, weights, &keep)?;
    Ok((without_gates(&network)?, weights))
}

/// A channel may go with its gate if nothing sees it but through the gate, and nothing behind the gate makes something
/// of its zeros.
fn check_gate(network: &Network, groups: &ChannelGroups, gate: usize) -> Result<(), NetError> {
    let name = &network.nodes()[gate].name;
    let group = &groups.groups()[groups.of_node(gate)];
    let fault = |why: String| Err(NetError::node(name, why));
    let mut behind = vec![gate];
    for id in &group.members {
        let node = &network.nodes()[*id];
        if node.op == Op::Add {
            return fault("the gate's channels are added to others, so they cannot be sliced".into());
        }
        if node.op == Op::Gate && *id != gate {
            return fault("another gate has the same channels".into());
        }
        if node.op.sees_other_channels() {
            return fault(format!("`{}` looks at all channels of the gate together", node.name));
        }
        if network.inputs_of(*id).iter().any(|input| behind.contains(input)) {
            behind.push(*id);
            if !node.op.keeps_zero() {
                return fault(format!("`{}` makes something of the zeros behind the gate", node.name));
            }
        }
    }
    check_consumers(network, groups, gate)
}

fn check_consumers(network: &Network, groups: &ChannelGroups, gate: usize) -> Result<(), NetError> {
    let name = &network.nodes()[gate].name;
    let group = &groups.groups()[groups.of_node(gate)];
    for consumer in &group.consumers {
        let mut at =
            network.inputs_of(*consumer).iter().copied().find(|id| groups.of_node(*id) == groups.of_node(gate));
        while let Some(id) = at.filter(|id| *id != gate) {
            at = network.inputs_of(id).first().copied().filter(|input| groups.of_node(*input) == groups.of_node(gate));
        }
        if at.is_none() {
            let reader = &network.nodes()[*consumer].name;
            return Err(NetError::node(name, format!("`{reader}` reads its channels without the gate")));
        }
    }
    Ok(())
}

/// The same network with open gates taken out.
fn without_gates(network: &Network) -> Result<Network, NetError> {
    let places: BTreeMap<&str, usize> = network.nodes().iter().map(|node| node.name.as_str()).zip(0..).collect();
    let source = |name: &String| {
        let mut id = places.get(name.as_str()).copied();
        while let Some(at) = id.filter(|at| network.nodes()[*at].op == Op::Gate) {
            id = network.inputs_of(at).first().copied();
        }
        id.map_or_else(|| name.clone(), |id| network.nodes()[id].name.clone())
    };
    let rewired = |node: &Node| Node { inputs: node.inputs.iter().map(source).collect(), ..node.clone() };
    let nodes = network.nodes().iter().filter(|node| node.op != Op::Gate).map(rewired).collect();
    let outputs: Vec<String> = network.outputs().iter().map(|id| source(&network.nodes()[*id].name)).collect();
    Network::new(network.name(), nodes, &outputs)
}

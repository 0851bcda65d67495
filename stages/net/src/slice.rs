//! Slices a subnet out of a supernet by a gate vector: the kept channels as a smaller, dense network without gates.
//!
//! The subnet computes what the supernet computes with those gates.

use crate::error::NetError;
use crate::gates::GateVector;
use crate::graph::{Network, Node};
use crate::groups::ChannelGroups;
use crate::op::Op;
use crate::remove::remove;
use crate::weights::Weights;

/// Slices one network by many gate vectors: what is the same for all of them is found and checked once.
#[derive(Debug)]
pub struct Slicer<'a> {
    network: &'a Network,
    groups: ChannelGroups,
    /// Group of each gate layer's channels.
    gated: Vec<usize>,
}

impl<'a> Slicer<'a> {
    /// For a network.
    ///
    /// # Errors
    /// When a gate stands where its channels cannot be removed.
    pub fn of(network: &'a Network) -> Result<Self, NetError> {
        let groups = ChannelGroups::of(network);
        let gates = (0..network.nodes().len()).filter(|id| network.nodes()[*id].op == Op::Gate);
        let gated = gates.map(|id| check_gate(network, &groups, id).map(|()| groups.of_node(id)));
        let gated = gated.collect::<Result<Vec<usize>, NetError>>()?;
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
        for (group, kept) in self.gated.iter().zip(gates.kept_positions()) {
            keep[*group] = Some(kept);
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
    let is_gate = |id: usize| network.nodes()[id].op == Op::Gate;
    let source = |id: &usize| {
        let mut id = *id;
        while let Some(from) = network.inputs_of(id).first().filter(|_| is_gate(id)) {
            id = *from;
        }
        network.nodes()[id].name.clone()
    };
    let rewired = |id: usize| {
        let node = &network.nodes()[id];
        Node {
            name: node.name.clone(),
            op: node.op.clone(),
            inputs: network.inputs_of(id).iter().map(source).collect(),
        }
    };
    let nodes = (0..network.nodes().len()).filter(|id| !is_gate(*id)).map(rewired).collect();
    let outputs: Vec<String> = network.outputs().iter().map(source).collect();
    Network::new(network.name(), nodes, &outputs)
}

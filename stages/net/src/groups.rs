//! Coupled channels: channels that can only be removed together (the dependency graph of DepGraph, Fang et al. 2023).
//!
//! Found from the graph alone: a channelwise node ties its output's channels to its input's, a sum ties all that it
//! adds, attention ties queries, keys, values and result, of which whole heads go; nodes that share parameters, or gates,
//! tie what they make and what they read.

use crate::graph::Network;
use crate::op::Op;
use crate::ops::Reads;

/// Values whose channels are the same channels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelGroup {
    /// Number of channels.
    pub width: i64,
    /// Channels go in aligned runs of so many: the width of a head where the group passes through attention, those of one
    /// gate where a gate holds for several, else 1.
    pub block: i64,
    /// Nodes whose weights make the channels: removing a channel removes an output of each.
    pub producers: Vec<usize>,
    /// Channelwise nodes within the group ([`Op::is_channelwise`]); their parameters have an entry for each channel.
    /// Where a layer norm is among them, removing a channel changes the statistics of the others.
    pub members: Vec<usize>,
    /// Nodes that mix the channels: removing a channel removes an input of each.
    pub consumers: Vec<usize>,
    /// Whether channels may be removed: those of the network's input and outputs may not, nor those that a grouped
    /// convolution makes or reads, unless it is depthwise.
    pub removable: bool,
}

/// All groups of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelGroups {
    of_node: Vec<usize>,
    groups: Vec<ChannelGroup>,
}

impl ChannelGroups {
    /// Finds the groups.
    #[must_use]
    pub fn of(network: &Network) -> Self {
        let (of_node, firsts) = tied(network);
        let empty = |first: &usize| ChannelGroup {
            width: network.channels_of(*first),
            block: 1,
            producers: Vec::new(),
            members: Vec::new(),
            consumers: Vec::new(),
            removable: true,
        };
        let mut groups: Vec<ChannelGroup> = firsts.iter().map(empty).collect();
        for (id, node) in network.nodes().iter().enumerate() {
            let group = &mut groups[of_node[id]];
            if let Op::Attention { .. } | Op::Gate { .. } = node.op {
                let run = node.op.semantics().looks_at(group.width).max(network.block_of(id));
                group.block = least_common_multiple(group.block, run);
            }
            let reads = node.op.semantics().reads(network.in_channels(id));
            match reads {
                Reads::Tied => {
                    group.members.push(id);
                    continue;
                }
                Reads::Mixed => group.producers.push(id),
                Reads::Whole => {
                    group.producers.push(id);
                    group.removable = false;
                }
            }
            for input in network.inputs_of(id) {
                groups[of_node[*input]].consumers.push(id);
                groups[of_node[*input]].removable &= reads == Reads::Mixed;
            }
        }
        for output in network.outputs() {
            groups[of_node[*output]].removable = false;
        }
        ChannelGroups { of_node, groups }
    }

    /// The group of a node's value.
    #[must_use]
    pub fn of_node(&self, id: usize) -> usize {
        self.of_node[id]
    }

    /// Nodes that make or read channels of a gate's group: those whose cost depends on gates.
    #[must_use]
    pub fn gated(&self, network: &Network) -> Vec<usize> {
        let mut is_gated = vec![false; self.groups.len()];
        for (id, _) in network.nodes().iter().enumerate().filter(|(_, node)| node.op.is_gate()) {
            is_gated[self.of_node[id]] = true;
        }
        let meets = |id: &usize| {
            let mut values = network.inputs_of(*id).iter().chain([id]);
            values.any(|value| is_gated[self.of_node[*value]])
        };
        (0..network.nodes().len()).filter(meets).collect()
    }

    /// All groups in the order of their first nodes.
    #[must_use]
    pub fn groups(&self) -> &[ChannelGroup] {
        &self.groups
    }
}

/// For each node the number of its group, and of each group the first node.
fn tied(network: &Network) -> (Vec<usize>, Vec<usize>) {
    let count = network.nodes().len();
    let mut parent: Vec<usize> = (0..count).collect();
    for (a, b) in ties(network) {
        let (a, b) = (root(&mut parent, a), root(&mut parent, b));
        parent[a.max(b)] = a.min(b);
    }
    let roots: Vec<usize> = (0..count).map(|id| root(&mut parent, id)).collect();
    let mut firsts: Vec<usize> = roots.clone();
    firsts.sort_unstable();
    firsts.dedup();
    let of_node: Vec<usize> = roots.iter().map(|root| firsts.binary_search(root).unwrap_or(0)).collect();
    (of_node, firsts)
}

/// Pairs of nodes whose values have the same channels: what an op ties, and what nodes with the same parameters, or gates,
/// make and read.
fn ties(network: &Network) -> Vec<(usize, usize)> {
    let mut ties = Vec::new();
    for (id, node) in network.nodes().iter().enumerate() {
        if node.op.is_channelwise(network.in_channels(id)) {
            ties.extend(network.inputs_of(id).iter().map(|input| (id, *input)));
        }
        let owner = network.owner_of(id);
        if owner == id {
            continue;
        }
        let parts = network.parts_of(id);
        if node.op.is_gate() || parts.iter().any(|part| part.out_axis.is_some()) {
            ties.push((id, owner));
        }
        if parts.iter().any(|part| part.in_axis.is_some()) {
            ties.extend(network.inputs_of(id).iter().copied().zip(network.inputs_of(owner).iter().copied()));
        }
    }
    ties
}

fn least_common_multiple(a: i64, b: i64) -> i64 {
    let (mut x, mut y) = (a, b);
    while y != 0 {
        (x, y) = (y, x % y);
    }
    a / x.max(1) * b
}

fn root(parent: &mut [usize], mut id: usize) -> usize {
    while parent[id] != id {
        parent[id] = parent[parent[id]];
        id = parent[id];
    }
    id
}

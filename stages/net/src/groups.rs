//! Coupled channels: channels that can only be removed together (the dependency graph of DepGraph, Fang et al. 2023).
//!
//! Found from the graph alone: an element-wise node ties its output's channels to its input's, a sum ties all that it
//! adds. It does not know gates' values or importance.

use crate::graph::Network;
use crate::op::Op;

/// Values whose channels are the same channels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelGroup {
    /// Number of channels.
    pub width: i64,
    /// Nodes whose weights make the channels: removing a channel removes an output of each.
    pub producers: Vec<usize>,
    /// Element-wise nodes within the group.
    pub members: Vec<usize>,
    /// Nodes that mix the channels: removing a channel removes an input of each.
    pub consumers: Vec<usize>,
    /// Whether channels may be removed: those of the network's input and outputs may not.
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
        let count = network.nodes().len();
        let mut parent: Vec<usize> = (0..count).collect();
        for (id, node) in network.nodes().iter().enumerate() {
            if node.op.is_channelwise(network.in_channels(id)) {
                for input in network.inputs_of(id) {
                    let (a, b) = (root(&mut parent, id), root(&mut parent, *input));
                    parent[a.max(b)] = a.min(b);
                }
            }
        }
        let roots: Vec<usize> = (0..count).map(|id| root(&mut parent, id)).collect();
        let mut firsts: Vec<usize> = roots.clone();
        firsts.sort_unstable();
        firsts.dedup();
        let of_node: Vec<usize> = roots.iter().map(|root| firsts.binary_search(root).unwrap_or(0)).collect();
        let empty = |first: &usize| ChannelGroup {
            width: network.shape_of(*first)[0],
            producers: Vec::new(),
            members: Vec::new(),
            consumers: Vec::new(),
            removable: true,
        };
        let mut groups: Vec<ChannelGroup> = firsts.iter().map(empty).collect();
        for (id, node) in network.nodes().iter().enumerate() {
            if node.op.is_channelwise(network.in_channels(id)) {
                groups[of_node[id]].members.push(id);
                continue;
            }
            groups[of_node[id]].producers.push(id);
            groups[of_node[id]].removable &= !matches!(node.op, Op::Input { .. });
            for input in network.inputs_of(id) {
                groups[of_node[*input]].consumers.push(id);
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

    /// All groups in the order of their first nodes.
    #[must_use]
    pub fn groups(&self) -> &[ChannelGroup] {
        &self.groups
    }
}

fn root(parent: &mut [usize], mut id: usize) -> usize {
    while parent[id] != id {
        parent[id] = parent[parent[id]];
        id = parent[id];
    }
    id
}

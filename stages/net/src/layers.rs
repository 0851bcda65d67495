//! The gate layers of a network. Several gate nodes may obey one layer, such as those of a residual stream.

use crate::gates::GateLayer;
use crate::graph::Network;
use crate::op::Op;

impl Network {
    /// The gate layers in order; a gate vector names them in this order.
    #[must_use]
    pub fn gate_layers(&self) -> Vec<GateLayer> {
        let layer = |id: usize| GateLayer {
            name: self.nodes()[id].name.clone(),
            width: usize::try_from(self.channels_of(id) / self.block_of(id).max(1)).unwrap_or(0),
        };
        self.gate_owners().into_iter().map(layer).collect()
    }

    /// For each gate layer the nodes that obey it, its owner first.
    #[must_use]
    pub fn gate_nodes(&self) -> Vec<Vec<usize>> {
        let of = |owner: usize| (owner..self.nodes().len()).filter(|id| self.owner_of(*id) == owner).collect();
        self.gate_owners().into_iter().map(of).collect()
    }

    /// For each node the gate layer that it obeys, if it is a gate.
    pub(crate) fn layer_of_nodes(&self) -> Vec<Option<usize>> {
        let mut layers = vec![None; self.nodes().len()];
        for (layer, nodes) in self.gate_nodes().into_iter().enumerate() {
            nodes.into_iter().for_each(|id| layers[id] = Some(layer));
        }
        layers
    }

    /// Channels in a row that one gate of a gate node holds for; 1 for another node.
    #[must_use]
    pub fn block_of(&self, id: usize) -> i64 {
        if let Op::Gate { block } = self.nodes()[id].op { block } else { 1 }
    }

    fn gate_owners(&self) -> Vec<usize> {
        (0..self.nodes().len()).filter(|id| self.nodes()[*id].op.is_gate() && self.owner_of(*id) == *id).collect()
    }

    /// For each gate layer whether some output depends on the input through it alone: if it kept nothing, that output
    /// would be a constant.
    #[must_use]
    pub fn essential_layers(&self) -> Vec<bool> {
        let is_essential = |gates: Vec<usize>| {
            let mut reached = vec![false; self.nodes().len()];
            for id in (0..self.nodes().len()).filter(|id| !gates.contains(id)) {
                let input = matches!(self.nodes()[id].op, Op::Input { .. });
                reached[id] = input || self.inputs_of(id).iter().any(|from| reached[*from]);
            }
            self.outputs().iter().any(|output| !reached[*output])
        };
        self.gate_nodes().into_iter().map(is_essential).collect()
    }

    /// Number of modules: gates of all layers (paper §3.2).
    #[must_use]
    pub fn modules(&self) -> usize {
        self.gate_layers().iter().map(|layer| layer.width).sum()
    }
}

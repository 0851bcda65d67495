//! Parameters, multiply–accumulates and memory of a network, counted from its graph.

use serde::{Deserialize, Serialize};

use crate::graph::Network;
use crate::groups::ChannelGroups;
use crate::parameter::Role;

/// Multiply–accumulate operations for one input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Macs(pub u64);

/// A size in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Bytes(pub u64);

/// What a network costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Learnt numbers.
    pub parameters: u64,
    /// Multiply–accumulates of convolutions, fully connected layers and the two matrix products of attention for one
    /// input. Norms, activations and softmax are not counted; batch norms fold into the layer before.
    pub macs: Macs,
    /// All parameters and running statistics in float32.
    pub weight_bytes: Bytes,
    /// Most bytes of values that are alive at one time, for one input in float32: each value lives from the node that
    /// makes it to the last that reads it. What a kernel needs inside, such as attention's scores, is not among them.
    pub peak_activation_bytes: Bytes,
}

impl Counts {
    /// Counts a network.
    #[must_use]
    pub fn of(network: &Network) -> Self {
        let parameters = network.parameters();
        let size = |shape: &[i64]| shape.iter().map(|size| u64::try_from(*size).unwrap_or(0)).product::<u64>();
        let learnt = parameters.iter().filter(|parameter| parameter.role != Role::Buffer);
        Counts {
            parameters: learnt.map(|parameter| size(&parameter.shape)).sum(),
            macs: Macs((0..network.nodes().len()).fold(0, |sum: u64, id| sum.saturating_add(network.macs_of(id).0))),
            weight_bytes: Bytes(4 * parameters.iter().map(|parameter| size(&parameter.shape)).sum::<u64>()),
            peak_activation_bytes: peak(network),
        }
    }

    /// Weights and the largest live values together: the memory that a run needs (paper §3.5).
    #[must_use]
    pub fn memory(&self) -> Bytes {
        Bytes(self.weight_bytes.0 + self.peak_activation_bytes.0)
    }
}

impl Network {
    /// Multiply–accumulates of one node for one input.
    #[must_use]
    pub fn macs_of(&self, id: usize) -> Macs {
        let count = self.nodes()[id].op.semantics().macs(&self.read_shapes(id), self.shape_of(id));
        Macs(u64::try_from(count).unwrap_or(0))
    }

    /// Share of multiply–accumulates in gated layers and the layers that read them: what assembling can save.
    #[must_use]
    pub fn gated_share(&self) -> f64 {
        let sum = |ids: &mut dyn Iterator<Item = usize>| ids.map(|id| self.macs_of(id).0).sum::<u64>();
        let all = sum(&mut (0..self.nodes().len()));
        sum(&mut ChannelGroups::of(self).gated(self).into_iter()) as f64 / all.max(1) as f64
    }
}

fn peak(network: &Network) -> Bytes {
    let bytes =
        |id: usize| 4 * network.shape_of(id).iter().map(|size| u64::try_from(*size).unwrap_or(0)).product::<u64>();
    let (mut alive, mut most) = (0, 0);
    for (id, ending) in network.last_reads(network.outputs()).iter().enumerate() {
        alive += bytes(id);
        most = most.max(alive);
        alive -= ending.iter().map(|old| bytes(*old)).sum::<u64>();
    }
    Bytes(most)
}

//! What of a gate vector the latency of its subnet depends on (paper §3.5).
//!
//! For each gate layer: kept channels, kept channels rounded up to whole vector registers, whether any is kept, whether
//! just one is. Multiply–accumulates by node that reads or makes gated channels. For all nodes together: how the
//! registers of their channels are filled, and how far the weights exceed the sizes that caches have.

use std::collections::HashMap;

use nnf_net::{ChannelGroups, Counts, GateVector, NetError, Network, Slicer, fold_network};

/// Channels of one block in libtorch's CPU convolutions: a whole number of blocks may be cheaper than fewer channels.
pub const BLOCK: usize = 16;

/// Sizes of weights in KiB from which on more of them may miss a cache.
const CACHES: [u32; 9] = [256, 512, 1 << 10, 1 << 11, 1 << 12, 1 << 13, 1 << 14, 1 << 15, 1 << 16];

/// Names of the features of a network's gate vectors, in the order of a predictor's coefficients.
pub(crate) fn names(network: &Network) -> Vec<String> {
    let layers = network.gate_layers();
    let mut names: Vec<String> = layers
        .iter()
        .flat_map(|layer| ["kept", "blocks", "any", "one"].map(|part| format!("{}.{part}", layer.name)))
        .collect();
    names.extend(varying(network).iter().map(|name| format!("{name}.macs")));
    names.extend((1..BLOCK).map(|filled| format!("only-block.{filled}")));
    names.extend((1..BLOCK).map(|filled| format!("last-block.{filled}")));
    names.extend(CACHES.map(|size| format!("weights.above-{size}-KiB")));
    names.push("macs".into());
    names
}

/// The features of a network's gate vectors; what is the same for all vectors is found once.
#[derive(Debug)]
pub(crate) struct Features<'a> {
    slicer: Slicer<'a>,
    /// Names of the nodes whose multiply–accumulates depend on gates.
    varying: Vec<&'a str>,
}

impl<'a> Features<'a> {
    /// For a network that can be sliced.
    pub(crate) fn of(network: &'a Network) -> Result<Self, NetError> {
        Ok(Features { slicer: Slicer::of(network)?, varying: varying(network) })
    }

    /// Values of the features for a gate vector, in the order of the names.
    pub(crate) fn values(&self, gates: &GateVector) -> Result<Vec<f64>, NetError> {
        Ok(self.values_and_counts(gates)?.0)
    }

    /// The same, and what the subnet costs as it is deployed.
    pub(crate) fn values_and_counts(&self, gates: &GateVector) -> Result<(Vec<f64>, Counts), NetError> {
        let sliced = self.slicer.network(gates)?;
        let deployed = Counts::of(&fold_network(&sliced)?);
        Ok((self.of_slice(gates, &sliced, &deployed), deployed))
    }

    fn of_slice(&self, gates: &GateVector, sliced: &Network, deployed: &Counts) -> Vec<f64> {
        let kept = gates.0.iter().map(|layer| layer.iter().filter(|kept| **kept).count());
        let one = |holds: bool| f64::from(u8::from(holds));
        let mut values: Vec<f64> = kept
            .flat_map(|kept| [kept as f64, (kept.div_ceil(BLOCK) * BLOCK) as f64, one(kept > 0), one(kept == 1)])
            .collect();
        let macs: Vec<f64> = (0..sliced.nodes().len()).map(|id| sliced.macs_of(id).0 as f64).collect();
        let by_name: HashMap<&str, f64> =
            sliced.nodes().iter().zip(&macs).map(|(node, macs)| (node.name.as_str(), *macs)).collect();
        values.extend(self.varying.iter().map(|name| by_name.get(name).copied().unwrap_or(0.0)));
        values.extend(fillings(sliced, &macs));
        let weights = deployed.weight_bytes.0 as f64 / 1024.0;
        values.extend(CACHES.map(|size| (weights - f64::from(size)).max(0.0)));
        values.push(macs.iter().sum());
        values
    }
}

/// Multiply–accumulates of a channel, by how many channels the last block of their node has if it is not full: first for
/// nodes of one block, then for those of more. A kernel has a code path of its own for each, and it is not monotonous:
/// 15 channels can take twice as long as 16.
fn fillings(sliced: &Network, macs: &[f64]) -> Vec<f64> {
    let mut values = vec![0.0; 2 * (BLOCK - 1)];
    for (id, macs) in macs.iter().enumerate() {
        let channels = match sliced.shape_of(id) {
            [channels, _, _] => *channels,
            shape => shape.last().copied().unwrap_or(0),
        };
        let channels = usize::try_from(channels).unwrap_or(0);
        let filled = channels % BLOCK;
        if filled > 0 {
            let first = if channels < BLOCK { 0 } else { BLOCK - 1 };
            values[first + filled - 1] += macs / channels as f64;
        }
    }
    values
}

/// Names of the nodes whose multiply–accumulates depend on gates.
fn varying(network: &Network) -> Vec<&str> {
    let gated = ChannelGroups::of(network).gated(network);
    let counted = gated.into_iter().filter(|id| network.macs_of(*id).0 > 0);
    counted.map(|id| network.nodes()[id].name.as_str()).collect()
}

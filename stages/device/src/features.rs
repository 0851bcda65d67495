//! What of a gate vector the latency of its subnet depends on (paper §3.3).
//!
//! For each gate layer: kept channels, kept channels rounded up to whole vector registers, whether any is kept; and
//! multiply–accumulates by node that reads or makes gated channels. It does not know devices.

use std::collections::BTreeMap;

use nnf_net::{ChannelGroups, GateVector, Network, slice_network};

use crate::error::DeviceError;

/// Channels of one block in libtorch's CPU convolutions.
const BLOCK: usize = 16;

/// The features of a network's gate vectors; what is the same for all vectors is found once.
#[derive(Debug)]
pub(crate) struct Features<'a> {
    network: &'a Network,
    /// Names of the nodes whose multiply–accumulates depend on gates.
    varying: Vec<&'a str>,
}

impl<'a> Features<'a> {
    pub(crate) fn of(network: &'a Network) -> Self {
        let varying = varying(network).into_iter().map(|id| network.nodes()[id].name.as_str()).collect();
        Features { network, varying }
    }

    /// Names of the features.
    pub(crate) fn names(&self) -> Vec<String> {
        let layers = self.network.gate_layers();
        let mut names: Vec<String> = layers
            .iter()
            .flat_map(|layer| ["kept", "blocks", "any"].map(|part| format!("{}.{part}", layer.name)))
            .collect();
        names.extend(self.varying.iter().map(|name| format!("{name}.macs")));
        names.push("macs".into());
        names
    }

    /// Values of the features for a gate vector, in the order of the names.
    pub(crate) fn values(&self, gates: &GateVector) -> Result<Vec<f64>, DeviceError> {
        Ok(self.of_slice(gates, &slice_network(self.network, gates)?))
    }

    /// The same where the slice is at hand.
    pub(crate) fn of_slice(&self, gates: &GateVector, sliced: &Network) -> Vec<f64> {
        let kept = gates.0.iter().map(|layer| layer.iter().filter(|kept| **kept).count());
        let mut values: Vec<f64> = kept
            .flat_map(|kept| [kept as f64, (kept.div_ceil(BLOCK) * BLOCK) as f64, f64::from(u8::from(kept > 0))])
            .collect();
        let macs =
            sliced.nodes().iter().enumerate().map(|(id, node)| (node.name.as_str(), sliced.macs_of(id).0 as f64));
        let macs: BTreeMap<&str, f64> = macs.collect();
        values.extend(self.varying.iter().map(|name| macs.get(name).copied().unwrap_or(0.0)));
        values.push(macs.values().sum());
        values
    }
}

/// Nodes whose multiply–accumulates depend on gates.
fn varying(network: &Network) -> Vec<usize> {
    let gated = ChannelGroups::of(network).gated(network);
    gated.into_iter().filter(|id| network.macs_of(*id).0 > 0).collect()
}

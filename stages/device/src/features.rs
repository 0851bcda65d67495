//! What of a gate vector the latency of its subnet depends on (paper §3.3).
//!
//! For each gate layer: kept channels, kept channels rounded up to whole vector registers, whether any is kept; and
//! multiply–accumulates by node that reads or makes gated channels. It does not know devices.

use nnf_net::{ChannelGroups, GateVector, Network, slice_network};

use crate::error::DeviceError;

/// Channels of one block in libtorch's CPU convolutions.
const BLOCK: usize = 16;

/// Names of the features of a network's gate vectors, in the order of a predictor's coefficients.
#[must_use]
pub fn names(network: &Network) -> Vec<String> {
    let mut names: Vec<String> = network
        .gate_layers()
        .iter()
        .flat_map(|layer| ["kept", "blocks", "any"].map(|part| format!("{}.{part}", layer.name)))
        .collect();
    names.extend(varying(network).into_iter().map(|id| format!("{}.macs", network.nodes()[id].name)));
    names.push("macs".into());
    names
}

/// Values of the features for a gate vector, in the order of [`names`].
pub(crate) fn values(network: &Network, gates: &GateVector) -> Result<Vec<f64>, DeviceError> {
    Ok(of_slice(network, gates, &slice_network(network, gates)?))
}

/// The same where the slice is at hand.
pub(crate) fn of_slice(network: &Network, gates: &GateVector, sliced: &Network) -> Vec<f64> {
    let mut values: Vec<f64> = gates
        .kept_positions()
        .iter()
        .map(Vec::len)
        .flat_map(|kept| [kept as f64, (kept.div_ceil(BLOCK) * BLOCK) as f64, f64::from(u8::from(kept > 0))])
        .collect();
    let macs = |id: usize| {
        let position = sliced.position(&network.nodes()[id].name);
        position.map_or(0.0, |at| sliced.macs_of(at).0 as f64)
    };
    values.extend(varying(network).into_iter().map(macs));
    values.push((0..sliced.nodes().len()).map(|id| sliced.macs_of(id).0 as f64).sum());
    values
}

/// Nodes whose multiply–accumulates depend on gates.
fn varying(network: &Network) -> Vec<usize> {
    let gated = ChannelGroups::of(network).gated(network);
    gated.into_iter().filter(|id| network.macs_of(*id).0 > 0).collect()
}

//! Global pruning: the least important channels of all groups go first, until what is left is within a budget.
//!
//! The order is fixed before the first channel goes, so a budget decides only how many go. Of attention whole heads go:
//! a head is as important as its channels on average.

use nnf_net::{ChannelGroups, GateVector, Model, Network, Weights, remove_channels, slice, slice_network};
use serde::{Deserialize, Serialize};

use crate::error::BaselineError;
use crate::importance::importance;

/// Which channels may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Those that NN-Factory gates.
    Gated,
    /// All but those of the input and the output.
    All,
}

/// The channels of a network in the order in which they go.
#[derive(Clone, Debug)]
pub struct Ranking {
    /// Width of each group, and of the runs of channels that go together.
    sizes: Vec<(i64, i64)>,
    /// Group and run, the least important first.
    order: Vec<(usize, i64)>,
}

impl Ranking {
    /// Ranks the channels in scope. The most important channel of each group is never in the order, so that no layer is
    /// left without channels; of equally important channels the earlier ones go first.
    ///
    /// # Errors
    /// When weights are missing.
    pub fn of(network: &Network, weights: &Weights, scope: Scope) -> Result<Self, BaselineError> {
        let groups = ChannelGroups::of(network);
        let mut order: Vec<(f64, usize, i64)> = Vec::new();
        for (number, group) in groups.groups().iter().enumerate() {
            let gated = group.members.iter().any(|id| network.nodes()[*id].op.is_gate());
            if !group.removable || (scope == Scope::Gated && !gated) {
                continue;
            }
            let Some(values) = importance(network, weights, group)? else { continue };
            let runs = values.chunks(usize::try_from(group.block).unwrap_or(1).max(1));
            let means = runs.map(|run| run.iter().sum::<f64>() / run.len() as f64);
            let mut own: Vec<(f64, usize, i64)> = (0..).zip(means).map(|(at, value)| (value, number, at)).collect();
            own.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.2.cmp(&b.2)));
            own.pop();
            order.extend(own);
        }
        // Stable: within a group the order stays.
        order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let sizes = groups.groups().iter().map(|group| (group.width, group.block)).collect();
        Ok(Ranking { sizes, order: order.into_iter().map(|(_, group, run)| (group, run)).collect() })
    }

    /// How many channels, or heads, can go.
    #[must_use]
    pub fn removable(&self) -> usize {
        self.order.len()
    }

    /// The kept channels of each group, as [`remove_channels`] takes them, after so many channels are gone.
    #[must_use]
    pub fn keep(&self, removed: usize) -> Vec<Option<Vec<i64>>> {
        let mut gone: Vec<Vec<i64>> = vec![Vec::new(); self.sizes.len()];
        for (group, run) in self.order.iter().take(removed) {
            gone[*group].push(*run);
        }
        let kept = |((width, block), gone): (&(i64, i64), Vec<i64>)| {
            (!gone.is_empty()).then(|| (0..*width).filter(|channel| !gone.contains(&(channel / block))).collect())
        };
        self.sizes.iter().zip(gone).map(kept).collect()
    }

    /// The gates that keep what is kept after so many channels are gone.
    #[must_use]
    pub fn gates(&self, network: &Network, removed: usize) -> GateVector {
        let (groups, keep) = (ChannelGroups::of(network), self.keep(removed));
        let layer = |nodes: Vec<usize>| {
            let (id, block) = (nodes[0], network.block_of(nodes[0]));
            let kept = &keep[groups.of_node(id)];
            let is_kept = |channel: i64| kept.as_ref().is_none_or(|kept| kept.binary_search(&channel).is_ok());
            (0..network.channels_of(id) / block).map(|gate| is_kept(gate * block)).collect()
        };
        GateVector(network.gate_nodes().into_iter().map(layer).collect())
    }

    /// The architecture after so many channels are gone, without gates.
    ///
    /// # Errors
    /// When the network is not the one that was ranked, up to the width of its classifier.
    pub fn pruned_network(&self, network: &Network, removed: usize) -> Result<Network, BaselineError> {
        let (pruned, _) = remove_channels(network, None, &self.keep(removed))?;
        Ok(slice_network(&pruned, &GateVector::open(&pruned.gate_layers()))?)
    }

    /// The model after so many channels are gone, without gates.
    ///
    /// # Errors
    /// As [`Ranking::pruned_network`].
    pub fn pruned(&self, model: &Model, removed: usize) -> Result<Model, BaselineError> {
        let (pruned, weights) = remove_channels(&model.network, Some(&model.weights), &self.keep(removed))?;
        let open = GateVector::open(&pruned.gate_layers());
        let (network, weights) = slice(&pruned, &weights.unwrap_or_default(), &open)?;
        Ok(Model { network, weights })
    }

    /// The least number of channels to remove so that the rest fits, found by bisection, and whether it fits at all: if
    /// not, all that can go goes. What does not fall with each channel (a measured latency) gives a number that fits
    /// where the one below it did not.
    ///
    /// # Errors
    /// Those of `fits`.
    pub fn least_removed(
        &self,
        fits: &mut dyn FnMut(usize) -> Result<bool, BaselineError>,
    ) -> Result<(usize, bool), BaselineError> {
        if fits(0)? {
            return Ok((0, true));
        }
        let (mut too_few, mut enough) = (0, self.removable());
        if enough == 0 || !fits(enough)? {
            return Ok((enough, false));
        }
        while enough - too_few > 1 {
            let middle = too_few + (enough - too_few) / 2;
            if fits(middle)? { enough = middle } else { too_few = middle }
        }
        Ok((enough, true))
    }
}

//! What a pruned network may cost, and how many channels have to go for it.
//!
//! Where only gated channels go, the device's predictor says how fast the rest is, as it does for NN-Factory's own
//! subnets. It knows nothing of other channels, so pruning without that restriction measures: this machine must be the
//! device.

use nnf_device::{self as device, Micros, Predictor, Testbed, Timing};
use nnf_net::{Counts, Macs, Model, Network, fold_network};

use crate::error::BaselineError;
use crate::pruning::{Ranking, Scope};
use crate::tuner::deployed;

/// What a network may cost.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Budget {
    /// On the device.
    pub(crate) device: device::Budget,
    /// Most multiply–accumulates.
    pub(crate) macs: Option<Macs>,
}

/// What pruning to a budget gave.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Fit {
    /// Channels that go.
    pub(crate) removed: usize,
    /// Whether the rest is within the budget.
    pub(crate) fits: bool,
}

/// The device that networks are pruned for.
pub(crate) struct Target<'a> {
    /// The network of one task, with gates.
    pub(crate) network: &'a Network,
    pub(crate) predictor: &'a Predictor,
    pub(crate) testbed: Testbed,
    pub(crate) timing: Timing,
    /// Share of a latency budget to leave free.
    pub(crate) margin: f64,
}

impl Target<'_> {
    /// How many channels have to go so that a network of this device is within a budget, with the margin if that can be.
    pub(crate) fn fit(&self, ranking: &Ranking, scope: Scope, budget: &Budget) -> Result<Fit, BaselineError> {
        let careful = Budget { device: budget.device.leaving(self.margin), ..*budget };
        match self.least_removed(ranking, scope, &careful)? {
            Fit { fits: false, .. } if careful != *budget => self.least_removed(ranking, scope, budget),
            fit => Ok(fit),
        }
    }

    fn least_removed(&self, ranking: &Ranking, scope: Scope, budget: &Budget) -> Result<Fit, BaselineError> {
        let network = |removed: usize| ranking.pruned_network(self.network, removed);
        let small = |removed: usize| counts_within(&network(removed)?, budget);
        let (removed, fits) = match (budget.device.latency, scope) {
            (None, _) => ranking.least_removed(&mut |removed| small(removed))?,
            (Some(_), Scope::All) if !self.testbed.is_device() => return Err(BaselineError::NotTheDevice),
            (Some(most), Scope::All) => ranking
                .least_removed(&mut |removed| Ok(small(removed)? && self.measured(&network(removed)?)? <= most))?,
            (Some(most), Scope::Gated) => {
                let estimator = self.predictor.estimator(self.network)?;
                let cost = |removed: usize| estimator.cost(&ranking.gates(self.network, removed));
                first(ranking.removable(), |removed| Ok(cost(removed)?.0 <= most && small(removed)?))?
            }
        };
        Ok(Fit { removed, fits })
    }

    /// Predicted latency after so many gated channels are gone.
    pub(crate) fn predicted(&self, ranking: &Ranking, removed: usize) -> Result<Micros, BaselineError> {
        Ok(self.predictor.estimator(self.network)?.cost(&ranking.gates(self.network, removed))?.0)
    }

    /// Median latency of an architecture on this machine.
    fn measured(&self, network: &Network) -> Result<Micros, BaselineError> {
        let model = deployed(&Model::stand_in(network.clone()))?;
        let measured = self.testbed.meter(self.network, 1, self.timing)?.measure(|_| Ok::<_, BaselineError>(&model))?;
        Ok(measured.latencies.first().map_or(Micros(f64::NAN), |latency| latency.median))
    }
}

/// Whether a network is within what a budget says of memory and of multiply–accumulates.
fn counts_within(network: &Network, budget: &Budget) -> Result<bool, BaselineError> {
    if budget.macs.is_none() && budget.device.memory.is_none() {
        return Ok(true);
    }
    let counts = Counts::of(&fold_network(network)?);
    Ok(budget.macs.is_none_or(|most| counts.macs <= most)
        && budget.device.memory.is_none_or(|most| counts.memory() <= most))
}

/// As [`Ranking::least_removed`], but looking at all, as NN-Factory's search does, since a predicted latency does not fall
/// with each channel.
fn first(
    removable: usize,
    fits: impl Fn(usize) -> Result<bool, BaselineError>,
) -> Result<(usize, bool), BaselineError> {
    for removed in 0..=removable {
        if fits(removed)? {
            return Ok((removed, true));
        }
    }
    Ok((removable, false))
}

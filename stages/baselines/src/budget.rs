//! What a pruned network may cost, and how many channels have to go for it.
//!
//! Where only gated channels go, the device's predictor says what is left, as it does for NN-Factory's own subnets. It
//! knows nothing of other channels, so pruning without that restriction measures: this machine must be the device. It
//! does not know tasks.

use nnf_device::{Meter, Micros, Predictor, Timing, reference};
use nnf_net::{Counts, GateVector, Macs, Model, Network};

use crate::error::BaselineError;
use crate::pruning::{Ranking, Scope};
use crate::tuner::deployed;

/// What a network may cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Budget {
    /// Greatest latency on the device.
    Latency(Micros),
    /// Most multiply–accumulates.
    Macs(Macs),
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
    pub(crate) timing: Timing,
    /// Share of a latency budget that is left free.
    pub(crate) margin: f64,
}

impl Target<'_> {
    /// Latency budgets in ms, then as shares of the predicted latency of the whole network, then shares of its MACs.
    pub(crate) fn budgets(&self, ms: &[f64], shares: &[f64], macs: &[f64]) -> Result<Vec<Budget>, BaselineError> {
        let whole = self.latency(&GateVector::open(&self.network.gate_layers()))?;
        let count = Counts::of(self.network).macs.0 as f64;
        let given = ms.iter().map(|ms| Budget::Latency(Micros(ms * 1e3)));
        let relative = shares.iter().map(|share| Budget::Latency(Micros(whole.0 * share)));
        let budgets: Vec<Budget> =
            given.chain(relative).chain(macs.iter().map(|share| Budget::Macs(Macs((count * share) as u64)))).collect();
        match budgets.is_empty() {
            true => {
                Err(BaselineError::Misfit("no budget is given: `latency_ms`, `latency_shares` or `macs_shares`".into()))
            }
            false => Ok(budgets),
        }
    }

    /// How many channels have to go so that a network of this device is within a budget.
    pub(crate) fn fit(&self, ranking: &Ranking, scope: Scope, budget: Budget) -> Result<Fit, BaselineError> {
        let budget = match budget {
            Budget::Latency(most) => Budget::Latency(Micros(most.0 * (1.0 - self.margin))),
            Budget::Macs(_) => budget,
        };
        let network = |removed: usize| ranking.pruned_network(self.network, removed);
        let (removed, fits) = match (budget, scope) {
            (Budget::Macs(most), _) => {
                ranking.least_removed(&mut |removed| Ok(Counts::of(&network(removed)?).macs <= most))?
            }
            (Budget::Latency(most), Scope::Gated) => self.first_within(ranking, most)?,
            (Budget::Latency(most), Scope::All) => {
                ranking.least_removed(&mut |removed| Ok(self.measured(&network(removed)?)? <= most))?
            }
        };
        Ok(Fit { removed, fits })
    }

    /// As [`Ranking::least_removed`] for a predicted latency, but looking at all, as NN-Factory's search does, since it
    /// does not fall with each channel.
    fn first_within(&self, ranking: &Ranking, most: Micros) -> Result<(usize, bool), BaselineError> {
        let estimator = self.predictor.estimator(self.network);
        for removed in 0..=ranking.removable() {
            if estimator.cost(&ranking.gates(self.network, removed))?.0 <= most {
                return Ok((removed, true));
            }
        }
        Ok((ranking.removable(), false))
    }

    /// Predicted latency after so many gated channels are gone.
    pub(crate) fn predicted(&self, ranking: &Ranking, removed: usize) -> Result<Micros, BaselineError> {
        self.latency(&ranking.gates(self.network, removed))
    }

    fn latency(&self, gates: &GateVector) -> Result<Micros, BaselineError> {
        Ok(self.predictor.estimator(self.network).cost(gates)?.0)
    }

    /// Median latency of an architecture on this machine, at the speed that it had for the predictor.
    fn measured(&self, network: &Network) -> Result<Micros, BaselineError> {
        let model = deployed(&Model::stand_in(network.clone()))?;
        let meter =
            Meter::new(1, self.timing).with_reference(reference(self.network)?, self.predictor.conditions.reference);
        let measured = meter.measure(|_| Ok::<_, BaselineError>(&model))?;
        Ok(measured.latencies.first().map_or(Micros(f64::NAN), |latency| latency.median))
    }
}

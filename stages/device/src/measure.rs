//! Measures the latency of a network on this machine: batch 1, warm-up dropped, median and quartiles.
//!
//! A run during which the system took a processor away from this process says how busy the machine is, not how long the
//! network takes: it is repeated, a few times at most, and counted. It does not know gates' meaning, nor what the figures
//! are used for.

use std::time::Instant;

use nnf_net::{GateVector, Model, Network, Random};
use nnf_results::statistics::quantile;
use serde::{Deserialize, Serialize};

use crate::error::DeviceError;
use crate::preemption;
use crate::runtime::Loaded;

/// How many runs of a round are tried, as a multiple of those that should count.
const TRIES: usize = 4;

/// A time.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Micros(pub f64);

/// How to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    /// Runs of each round that are dropped.
    pub warm_up: usize,
    /// Runs of each round that count.
    pub runs: usize,
    /// Rounds over all subnets: what disturbs the machine for a while then disturbs none of them alone.
    pub rounds: usize,
}

/// What was measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Latency {
    /// Median.
    pub median: Micros,
    /// First quartile.
    pub lower: Micros,
    /// Third quartile.
    pub upper: Micros,
    /// Share of runs that other programs disturbed; they count only where too few were undisturbed.
    pub disturbed: f64,
}

/// The network that gates ask for as it would be deployed, with weights that are only there to be multiplied.
///
/// # Errors
/// When the gates do not fit.
pub fn architecture(network: &Network, gates: &GateVector) -> Result<Model, DeviceError> {
    Ok(Model::stand_in(network.clone()).deployed(gates)?)
}

/// Latency of one input through each of some models without gates. The caller measures them in turns, round after
/// round.
#[derive(Debug)]
pub struct Meter {
    timing: Timing,
    times: Vec<Times>,
}

/// Times of one model in microseconds.
#[derive(Clone, Debug, Default)]
struct Times {
    quiet: Vec<f64>,
    disturbed: Vec<f64>,
}

impl Meter {
    /// Nothing is measured yet.
    #[must_use]
    pub fn new(models: usize, timing: Timing) -> Self {
        Meter { timing, times: vec![Times::default(); models] }
    }

    /// With times that were taken elsewhere: undisturbed and disturbed.
    #[cfg(test)]
    pub(crate) fn of_times(timing: Timing, times: Vec<(Vec<f64>, Vec<f64>)>) -> Self {
        let times = times.into_iter().map(|(quiet, disturbed)| Times { quiet, disturbed }).collect();
        Meter { timing, times }
    }

    /// The order in which a round measures the models: another in each round, since a model's time depends somewhat on
    /// what ran before it, the heap and the caches.
    #[must_use]
    pub fn order(&self, round: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.times.len()).collect();
        Random::of(0, &[round as u64]).shuffle(&mut order);
        order
    }

    /// One round of the model with that number.
    ///
    /// # Errors
    /// When the model cannot run.
    pub fn round(&mut self, number: usize, model: &Model) -> Result<(), DeviceError> {
        let loaded = Loaded::of(&model.network, model.weights.copied());
        for _ in 0..self.timing.warm_up {
            loaded.run()?;
        }
        let (wanted, mut quiet) = (self.timing.runs.max(1), 0);
        for _ in 0..wanted * TRIES {
            let before = preemption::count();
            let begin = Instant::now();
            loaded.run()?;
            let time = begin.elapsed().as_secs_f64() * 1e6;
            if preemption::count() == before {
                self.times[number].quiet.push(time);
                quiet += 1;
            } else {
                self.times[number].disturbed.push(time);
            }
            if quiet == wanted {
                break;
            }
        }
        Ok(())
    }

    /// What was measured, over all rounds.
    #[must_use]
    pub fn latencies(self) -> Vec<Latency> {
        let least = self.timing.runs.max(1) * self.timing.rounds.max(1) / 2;
        self.times.into_iter().map(|times| times.latency(least)).collect()
    }
}

impl Times {
    /// Quartiles of the undisturbed runs, or of all where fewer than `least` are undisturbed.
    fn latency(self, least: usize) -> Latency {
        let (quiet, disturbed) = (self.quiet.len(), self.disturbed.len());
        let mut times = self.quiet;
        if quiet < least.max(1) {
            times.extend(self.disturbed);
        }
        let at = |share: f64| Micros(quantile(&times, share));
        Latency {
            median: at(0.5),
            lower: at(0.25),
            upper: at(0.75),
            disturbed: disturbed as f64 / (quiet + disturbed).max(1) as f64,
        }
    }
}

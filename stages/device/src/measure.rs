//! Measures the latency of a network on this machine: batch 1, warm-up dropped, median and quartiles.
//!
//! A run during which the system took a processor away from this process says how busy the machine is, not how long the
//! network takes: it is repeated, a few times at most, and counted.

use std::borrow::Borrow;
use std::time::Instant;

use nnf_contract::Parameter;
use nnf_net::{GateVector, Model, Network, Random};
use nnf_results::statistics::quantile;
use serde::{Deserialize, Serialize};

use crate::error::DeviceError;
use crate::preemption;
use crate::runtime::{Loaded, shared};
use crate::speed::{Epoch, Speed};

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

impl Timing {
    /// Declares it as parameters of a kind.
    #[must_use]
    pub fn parameters() -> [Parameter; 3] {
        [
            // A network of half a millisecond takes some fifteen runs to reach its speed after another one ran.
            Parameter::int("warm_up", 0, 10_000, "runs of each network and round that are dropped").default(15),
            Parameter::int("runs", 1, 100_000, "runs of each network and round that count").default(10),
            Parameter::int("rounds", 1, 1_000, "rounds over all networks").default(5),
        ]
    }
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

/// Latencies of some models, in their order.
#[derive(Clone, Debug)]
pub struct Measured {
    /// One for each model.
    pub latencies: Vec<Latency>,
    /// What the reference took, if there was one.
    pub reference: Option<Micros>,
}

/// Measures the latency of one input through each of some models without gates, in turns, round after round.
#[derive(Debug)]
pub struct Meter {
    timing: Timing,
    times: Vec<Times>,
    speed: Option<Speed>,
}

/// Times of one model in microseconds, and when they were taken.
#[derive(Clone, Debug, Default)]
pub(crate) struct Times {
    pub(crate) quiet: Vec<(f64, Option<Epoch>)>,
    pub(crate) disturbed: Vec<(f64, Option<Epoch>)>,
}

impl Meter {
    /// Nothing is measured yet.
    #[must_use]
    pub fn new(models: usize, timing: Timing) -> Self {
        Meter { timing, times: vec![Times::default(); models], speed: None }
    }

    /// Brings all times to one speed of the machine, at which a reference takes what it `usually` took when others were
    /// measured, or else what it takes in the middle of this measurement.
    #[must_use]
    pub fn with_reference(self, reference: Model, usual: Option<Micros>) -> Self {
        Meter { speed: Some(Speed::new(reference, usual)), ..self }
    }

    /// With times that were taken elsewhere.
    #[cfg(test)]
    pub(crate) fn of_times(timing: Timing, times: Vec<Times>, speed: Option<Speed>) -> Self {
        Meter { timing, times, speed }
    }

    /// How many times a model is asked for.
    #[must_use]
    pub fn turns(&self) -> usize {
        self.times.len() * self.timing.rounds
    }

    /// Measures. The model with a number is asked for in each round, so that not all have to be held at once; what the
    /// caller does to provide it is not timed.
    ///
    /// # Errors
    /// When there is no model, or one cannot run.
    pub fn measure<M: Borrow<Model>, E: From<DeviceError>>(
        mut self,
        mut model: impl FnMut(usize) -> Result<M, E>,
    ) -> Result<Measured, E> {
        for round in 0..self.timing.rounds {
            for number in self.order(round) {
                self.turn(number, model(number)?.borrow())?;
            }
        }
        Ok(self.measured())
    }

    /// The order in which a round measures the models: another in each round, since a model's time depends somewhat on
    /// what ran before it, the heap and the caches.
    fn order(&self, round: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.times.len()).collect();
        Random::of(0, &[round as u64]).shuffle(&mut order);
        order
    }

    /// One round of one model.
    fn turn(&mut self, number: usize, model: &Model) -> Result<(), DeviceError> {
        if let Some(speed) = &mut self.speed
            && speed.due()
        {
            let mut times = Times::default();
            times.add(&speed.reference, self.timing, None)?;
            speed.took(times.latency(1, &|time, _| time).median);
        }
        self.times[number].add(model, self.timing, self.speed.as_ref().map(Speed::now))
    }

    /// What was measured, over all rounds.
    pub(crate) fn measured(self) -> Measured {
        let least = self.timing.runs.max(1) * self.timing.rounds.max(1) / 2;
        let speed = self.speed.as_ref();
        let at_one_speed =
            |time: f64, at: Option<Epoch>| speed.zip(at).map_or(time, |(speed, at)| time / speed.slowness(at));
        let latencies = self.times.into_iter().map(|times| times.latency(least, &at_one_speed)).collect();
        Measured { latencies, reference: speed.map(Speed::overall).filter(|took| took.0.is_finite()) }
    }
}

impl Times {
    /// Measures one round.
    fn add(&mut self, model: &Model, timing: Timing, at: Option<Epoch>) -> Result<(), DeviceError> {
        let loaded = Loaded::of(&model.network, shared(&model.weights));
        for _ in 0..timing.warm_up {
            loaded.run()?;
        }
        let (wanted, mut quiet) = (timing.runs.max(1), 0);
        for _ in 0..wanted * TRIES {
            let before = preemption::count();
            let begin = Instant::now();
            loaded.run()?;
            let time = begin.elapsed().as_secs_f64() * 1e6;
            if preemption::count() == before {
                self.quiet.push((time, at));
                quiet += 1;
            } else {
                self.disturbed.push((time, at));
            }
            if quiet == wanted {
                break;
            }
        }
        Ok(())
    }

    /// Quartiles of the undisturbed runs, or of all where fewer than `least` are undisturbed.
    fn latency(self, least: usize, at_one_speed: &dyn Fn(f64, Option<Epoch>) -> f64) -> Latency {
        let (quiet, disturbed) = (self.quiet.len(), self.disturbed.len());
        let mut times = self.quiet;
        if quiet < least.max(1) {
            times.extend(self.disturbed);
        }
        let times: Vec<f64> = times.into_iter().map(|(time, at)| at_one_speed(time, at)).collect();
        let at = |share: f64| Micros(quantile(&times, share));
        Latency {
            median: at(0.5),
            lower: at(0.25),
            upper: at(0.75),
            disturbed: disturbed as f64 / (quiet + disturbed).max(1) as f64,
        }
    }
}

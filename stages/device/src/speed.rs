//! The machine's speed along a measurement: a shared machine is several per cent faster or slower from minute to minute,
//! and one small subnet, the reference, that is measured again and again tells by how much.

use nnf_net::{GateVector, Model, Network};
use nnf_results::statistics::quantile;

use crate::error::DeviceError;
use crate::measure::{Micros, architecture};

/// Share of each layer's modules that the reference keeps.
const SHARE: f64 = 0.1;
/// After how many other measurements the reference is measured once more.
const EVERY: usize = 5;
/// The speed at a time is told by the measurement of the reference before it and by so many on either side of that one.
const WINDOW: usize = 2;

/// The reference: the subnet of a network with gates of which each layer keeps a tenth of its modules, at least one.
///
/// # Errors
/// When it cannot be built.
pub fn reference(network: &Network) -> Result<Model, DeviceError> {
    let kept = |width: usize| ((width as f64 * SHARE) as usize).max(1);
    let layers = network.gate_layers();
    let gates = layers.iter().map(|layer| (0..layer.width).map(|at| at < kept(layer.width)).collect());
    architecture(network, &GateVector(gates.collect()))
}

/// What the reference took so far.
#[derive(Debug)]
pub(crate) struct Speed {
    pub(crate) reference: Model,
    /// What it usually takes, if that is known from elsewhere.
    usual: Option<Micros>,
    /// One for each time it was measured.
    medians: Vec<f64>,
    others: usize,
}

/// A time between two measurements of the reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Epoch(usize);

impl Speed {
    pub(crate) fn new(reference: Model, usual: Option<Micros>) -> Self {
        Speed { reference, usual, medians: Vec::new(), others: 0 }
    }

    /// Whether the reference is to be measured before the next model, which is counted.
    pub(crate) fn due(&mut self) -> bool {
        self.others += 1;
        self.others % EVERY == 1
    }

    /// The reference has been measured.
    pub(crate) fn took(&mut self, median: Micros) {
        self.medians.push(median.0);
    }

    /// The present time.
    pub(crate) fn now(&self) -> Epoch {
        Epoch(self.medians.len())
    }

    /// What the reference took, as a median over all times.
    pub(crate) fn overall(&self) -> Micros {
        Micros(quantile(&self.medians, 0.5))
    }

    /// How many times as long as usual everything took at a time.
    pub(crate) fn slowness(&self, at: Epoch) -> f64 {
        let (from, to) = (at.0.saturating_sub(WINDOW + 1), (at.0 + WINDOW).min(self.medians.len()));
        let usual = self.usual.unwrap_or_else(|| self.overall());
        self.medians.get(from..to).map_or(1.0, |near| quantile(near, 0.5) / usual.0)
    }
}

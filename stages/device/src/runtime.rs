//! A network as a program on the device would hold it: loaded once, then run for one input after another.

use nnf_net::{Network, Run, Weights, forward};
use tch::{Device, Kind, Tensor};

use crate::error::DeviceError;

/// The same weights under a map of their own.
pub(crate) fn shared(weights: &Weights) -> Weights {
    let mut all = Weights::default();
    for (name, tensor) in weights.iter() {
        all.insert(name, tensor.shallow_clone());
    }
    all
}

/// A model without gates, ready to run.
pub(crate) struct Loaded<'a> {
    network: &'a Network,
    weights: Weights,
    /// `[1, …]`.
    input: Tensor,
}

impl<'a> Loaded<'a> {
    /// Lays its weights out once, not at every run.
    pub(crate) fn of(network: &'a Network, mut weights: Weights) -> Self {
        weights.lay_channels_last();
        let mut shape = vec![1];
        shape.extend(network.input_shape());
        let input = Tensor::full(shape.as_slice(), 0.5, (Kind::Float, Device::Cpu));
        Loaded { network, weights, input }
    }

    /// Runs it for one input.
    ///
    /// # Errors
    /// When the weights do not fit.
    pub(crate) fn run(&self) -> Result<Vec<Tensor>, DeviceError> {
        Ok(tch::no_grad(|| forward(self.network, &self.weights, &self.input, &Run::default(), &[]))?)
    }
}

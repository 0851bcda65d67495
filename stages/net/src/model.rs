//! A network with its weights as a folder: `network.json` and `weights.safetensors`.
//!
//! Nothing in it depends on the Rust code that once built the network.

use std::path::Path;

use tch::{Device, Kind, Tensor};

use crate::error::NetError;
use crate::fold::fold_batch_norms;
use crate::gates::GateVector;
use crate::graph::Network;
use crate::slice::slice;
use crate::weights::Weights;

/// A network and weights that fit it.
#[derive(Debug)]
pub struct Model {
    /// The graph.
    pub network: Network,
    /// Its parameters.
    pub weights: Weights,
}

impl Model {
    /// Writes the folder, which is made if it is not there.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn save(&self, folder: &Path) -> Result<(), NetError> {
        fs_err::create_dir_all(folder)?;
        self.network.save(&folder.join("network.json"))?;
        self.weights.save(&folder.join("weights.safetensors"))
    }

    /// Reads the folder.
    ///
    /// # Errors
    /// When a file is missing or damaged, or the weights do not fit the network.
    pub fn load(folder: &Path) -> Result<Self, NetError> {
        let network = Network::load(&folder.join("network.json"))?;
        let path = folder.join("weights.safetensors");
        let weights = Weights::load(&path)?;
        weights.check(&network).map_err(|e| NetError::unfit(&path, e))?;
        Ok(Model { network, weights })
    }

    /// A subnet as it is deployed: what gates keep, without gates, batch norms folded into what they follow.
    ///
    /// # Errors
    /// When the gates do not fit.
    pub fn deployed(&self, gates: &GateVector) -> Result<Model, NetError> {
        let (network, weights) = slice(&self.network, &self.weights, gates)?;
        let (network, weights) = fold_batch_norms(&network, &weights)?;
        Ok(Model { network, weights })
    }

    /// A network with weights that are only there to be multiplied, for what the values do not matter to: its time, its
    /// memory.
    #[must_use]
    pub fn stand_in(network: Network) -> Model {
        let mut weights = Weights::default();
        for parameter in network.parameters() {
            // Neither zero nor denormal, which some kernels treat in another time.
            let value = Tensor::full(parameter.shape.as_slice(), 0.01, (Kind::Float, Device::Cpu));
            weights.insert(parameter.name, value);
        }
        Model { network, weights }
    }
}

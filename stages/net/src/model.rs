//! A network with its weights as a folder: `network.json` and `weights.safetensors`.
//!
//! Nothing in it depends on the Rust code that once built the network.

use std::path::Path;

use crate::error::NetError;
use crate::graph::Network;
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
}

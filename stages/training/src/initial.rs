//! The model that a training starts from.

use nnf_contract::{Input, Stage};
use nnf_net::{Model, Network, Weights};

use crate::error::TrainingError;

/// Declares the input `initial` of a kind that trains.
#[must_use]
pub fn initial_input() -> Input {
    let doc = "a model of the same network to start from; random weights if it is left out";
    Input::new("initial", "inode/directory", doc).optional()
}

/// The stage's input `initial`, or random weights.
///
/// # Errors
/// When the input is no model of this network.
pub fn initial(stage: &Stage, network: &Network, seed: u64) -> Result<Model, TrainingError> {
    let Some(folder) = stage.optional_input("initial").map_err(|e| TrainingError::Misfit(e.to_string()))? else {
        return Ok(Model { weights: Weights::init(network, seed), network: network.clone() });
    };
    let model = Model::load(folder)?;
    if model.network != *network {
        return Err(TrainingError::Misfit("`initial` is a model of another network than `network`".into()));
    }
    Ok(model)
}

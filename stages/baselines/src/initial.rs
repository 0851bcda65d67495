//! The model that a training starts from.
//!
//! It does not know what is trained.

use nnf_contract::Stage;
use nnf_net::{Model, Network, Weights};

use crate::error::BaselineError;

/// The stage's input `initial`, or random weights.
pub(crate) fn initial(stage: &Stage, network: &Network, seed: u64) -> Result<Model, BaselineError> {
    let Some(folder) = stage.optional_input("initial")? else {
        return Ok(Model { weights: Weights::init(network, seed), network: network.clone() });
    };
    let model = Model::load(folder)?;
    if model.network != *network {
        return Err(BaselineError::Misfit("`initial` is a model of another network than `network`".into()));
    }
    Ok(model)
}

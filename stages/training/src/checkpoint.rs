//! The checkpoint: one safetensors file, replaced as a whole.

use std::collections::BTreeMap;
use std::path::Path;

use tch::{Device, Tensor};

use crate::error::TrainingError;

const FILE: &str = "state.safetensors";

/// Writes a state. A kill at any moment leaves the former one or this one.
pub(crate) fn save(folder: &Path, state: &[(String, Tensor)]) -> Result<(), TrainingError> {
    let part = folder.join("state.part");
    let tensors: Vec<(&str, Tensor)> = state
        .iter()
        .map(|(name, tensor)| (name.as_str(), tensor.detach().to_device(Device::Cpu).contiguous()))
        .collect();
    Tensor::write_safetensors(&tensors, &part)?;
    Ok(fs_err::rename(part, folder.join(FILE))?)
}

/// Reads the state, if there is one that can be read.
pub(crate) fn load(folder: &Path) -> Option<BTreeMap<String, Tensor>> {
    let path = folder.join(FILE);
    if !path.exists() {
        return None;
    }
    match Tensor::read_safetensors(&path) {
        Ok(tensors) => Some(tensors.into_iter().collect()),
        Err(error) => {
            tracing::warn!("the checkpoint {} cannot be read, so training begins anew: {error}", path.display());
            None
        }
    }
}

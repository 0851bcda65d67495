//! What a training cost, as a file that tables of costs read.
//!
//! It is measured, so it differs from run to run. It does not know what was trained.

use std::path::Path;

use nnf_contract::{Output, Stage};
use serde::Serialize;
use tch::Device;

use crate::error::TrainingError;

/// What a training cost.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Cost {
    format: String,
    version: u32,
    /// The kind of stage.
    stage: String,
    /// Wall-clock seconds, over all attempts.
    seconds: f64,
    /// Steps of training.
    steps: u64,
    /// `cpu` or `cuda`.
    device: String,
    /// CPU threads.
    threads: u32,
}

impl Cost {
    /// The cost of a stage of a kind on a device.
    pub(crate) fn new(kind: &str, seconds: f64, steps: u64, device: Device, stage: &Stage) -> Self {
        Cost {
            format: "nnf.cost".into(),
            version: 1,
            stage: kind.into(),
            seconds,
            steps,
            device: if device.is_cuda() { "cuda".into() } else { "cpu".into() },
            threads: stage.task().cpus.max(1),
        }
    }

    /// Declares the output.
    pub(crate) fn output() -> Output {
        Output::new(
            "cost",
            "application/json",
            "seconds that it took, steps, device; measured, so never the same twice",
        )
    }

    /// Writes the JSON file.
    ///
    /// # Errors
    /// When the disk fails.
    pub(crate) fn save(&self, path: &Path) -> Result<(), TrainingError> {
        let text = serde_json::to_string_pretty(self).map_err(|e| TrainingError::Misfit(e.to_string()))?;
        Ok(fs_err::write(path, text + "\n")?)
    }
}

//! What a stage cost, as JSON: wall time over all attempts, steps, device, threads.
//!
//! It does not know what the time was spent on.

use std::path::Path;

use serde::Serialize;
use tch::Device;

use crate::error::BaselineError;

/// The document.
#[derive(Debug, Serialize)]
pub(crate) struct Cost<'a> {
    format: &'a str,
    version: u32,
    stage: &'a str,
    /// Seconds over all attempts.
    seconds: f64,
    /// Steps of training.
    steps: u64,
    device: &'a str,
    threads: u32,
}

impl<'a> Cost<'a> {
    pub(crate) fn new(stage: &'a str, seconds: f64, steps: u64, device: Device, threads: u32) -> Self {
        let device = if device.is_cuda() { "cuda" } else { "cpu" };
        Cost { format: "nnf.cost", version: 1, stage, seconds, steps, device, threads }
    }

    /// Writes the JSON file.
    pub(crate) fn save(&self, path: &Path) -> Result<(), BaselineError> {
        Ok(fs_err::write(path, serde_json::to_string_pretty(self)? + "\n")?)
    }
}

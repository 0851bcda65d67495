//! What identifies a machine as far as a measurement is concerned.
//!
//! It does not find these facts out; the engine does.

use serde::{Deserialize, Serialize};

/// The machine, without anything that changes from day to day (no host name, kernel or free memory).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// CPU model as the operating system names it.
    pub cpu: String,
    /// Cores that may be used.
    pub cores: u32,
    /// Memory in whole GiB.
    pub memory_gib: u32,
    /// GPU models in index order.
    #[serde(default)]
    pub gpus: Vec<String>,
    /// Operating system and architecture, such as `linux-x86_64`.
    pub platform: String,
}

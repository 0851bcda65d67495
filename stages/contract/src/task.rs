//! `task.json`: what the engine asks one attempt of a stage to do.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Machine;

/// One attempt's work. Paths are absolute.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Version of this document, [`crate::CONTRACT_VERSION`].
    pub version: u32,
    /// The kind to run.
    pub kind: String,
    /// Parameters by name, defaults filled in, of the declared types.
    pub with: Map<String, Value>,
    /// Inputs by name. Read-only. An optional input that the pipeline leaves out, or that is absent, is not here.
    #[serde(rename = "in")]
    pub inputs: BTreeMap<String, TaskInput>,
    /// Where each declared output is to be written, as a file or a folder. The parent folder exists.
    #[serde(rename = "out")]
    pub outputs: BTreeMap<String, PathBuf>,
    /// File to which events are appended, one JSON object a line.
    pub events: PathBuf,
    /// A fresh folder for temporary files.
    pub scratch: PathBuf,
    /// A folder that survives a failed or killed attempt; for kinds that resume.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<PathBuf>,
    /// When this file appears, the stage should save a checkpoint and exit soon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel: Option<PathBuf>,
    /// Cores that the stage may keep busy.
    pub cpus: u32,
    /// Memory in bytes that the stage may use, if the pipeline limits it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
    /// Indices of the GPUs that are the stage's own.
    #[serde(default)]
    pub gpus: Vec<u32>,
    /// The machine, for kinds that measure it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<Machine>,
}

/// Where an input lies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskInput {
    /// One file or folder.
    One(PathBuf),
    /// A fan-in, sorted by label.
    Many(Vec<Labelled>),
}

/// One member of a fan-in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Labelled {
    /// Label of the instance it comes from, such as `device=laptop`; several axes are joined by commas.
    pub label: String,
    /// The file or folder.
    pub path: PathBuf,
}

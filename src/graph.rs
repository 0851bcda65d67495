//! Stage instances after `each` is expanded, and who reads whom.
//!
//! The one place that knows petgraph. It does not know YAML, keys or the store.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use nnf_contract::Cpus;
use serde_json::{Map, Value};

use crate::diagnostic::Place;

/// Index of an instance in its [`Graph`]; instances stand in topological order, ties in the order of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceId(pub u32);

/// One stage with one label for each of its axes.
#[derive(Clone, Debug, PartialEq)]
pub struct Instance {
    /// Full name, such as `train[backbone=resnet]`.
    pub name: String,
    /// Name of the stage in the file.
    pub stage: String,
    /// Label by axis.
    pub labels: BTreeMap<String, String>,
    /// What to run.
    pub work: Work,
    /// Resolved parameters, defaults filled in, numbers of the declared type. Includes parameters that are not keyed.
    pub with: Map<String, Value>,
    /// Names of the parameters in `with` that stay out of the key.
    pub unkeyed: Vec<String>,
    /// Inputs by name.
    pub inputs: BTreeMap<String, Source>,
    /// Outputs by name.
    pub outputs: BTreeMap<String, OutputSpec>,
    /// Files of code: part of the key. Absolute, by the path relative to the root.
    pub code: BTreeMap<String, PathBuf>,
    /// Environment variables that are set, and keyed.
    pub env: BTreeMap<String, String>,
    /// Environment variables that are passed through: neither keyed nor recorded nor logged.
    pub pass: Vec<String>,
    /// What it takes of the machine.
    pub needs: Needs,
    /// Longest time one attempt may take.
    pub timeout: Option<Duration>,
    /// Further attempts after a failed one.
    pub retries: u32,
    /// Whether it measures the machine.
    pub measures: bool,
    /// Whether it resumes from checkpoints.
    pub resumes: bool,
    /// Where the stage stands in the pipeline.
    pub place: Place,
}

/// What an instance runs.
#[derive(Clone, Debug, PartialEq)]
pub enum Work {
    /// A kind of a stage program.
    Kind {
        /// The argv of the program, resolved; `run KIND --task FILE` is appended.
        program: Vec<String>,
        /// Name of the kind.
        kind: String,
        /// Fingerprint of the kind's code.
        fingerprint: String,
        /// Versions of the program and its libraries, for the record.
        versions: BTreeMap<String, String>,
    },
    /// A command line of the pipeline's own.
    Argv {
        /// Words, each a sequence of literal text and placeholders.
        words: Vec<Vec<Piece>>,
    },
}

/// A piece of an argv word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Text as it is.
    Text(String),
    /// `{in.x}`: the path of an input; for a fan-in the paths, one word each (then it is the whole word).
    In(String),
    /// `{out.x}`: the path where an output is to be written.
    Out(String),
    /// `{with.x}`: a parameter, written out.
    With(String),
}

/// Where an input comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// An output of another instance.
    Output {
        /// The producer.
        from: InstanceId,
        /// Name of its output.
        output: String,
    },
    /// The record of another instance, as a JSON file.
    Record {
        /// The producer.
        from: InstanceId,
    },
    /// A file or folder outside the store, read in place.
    File {
        /// Absolute path, links not resolved.
        path: PathBuf,
        /// The path as written, for messages.
        written: String,
    },
    /// A fan-in by label.
    Many(BTreeMap<String, Source>),
}

/// What an instance promises to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputSpec {
    /// Media type.
    pub media: String,
    /// Whether it may be absent.
    pub optional: bool,
}

/// What an instance takes of the machine. None of it enters a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    /// Cores.
    pub cpus: CpuNeed,
    /// Bytes of memory, 0 if not said.
    pub memory: u64,
    /// GPUs.
    pub gpus: u32,
}

/// Cores that an instance takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CpuNeed {
    /// So many.
    Count(u32),
    /// The whole budget.
    All,
}

impl From<Cpus> for CpuNeed {
    fn from(cpus: Cpus) -> Self {
        match cpus {
            Cpus::One => CpuNeed::Count(1),
            Cpus::All => CpuNeed::All,
        }
    }
}

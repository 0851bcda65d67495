//! A stage instance: what it runs, reads, writes and takes of the machine.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use nnf_contract::Cpus;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::diagnostic::Place;
use crate::graph::ByName;

/// Index of an instance in its [`Graph`](crate::graph::Graph); instances stand in topological order, ties in the order
/// of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct InstanceId(pub u32);

/// One stage with one label for each of its axes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
    pub inputs: ByName<Source>,
    /// Outputs by name.
    pub outputs: ByName<OutputSpec>,
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
    /// What it may read besides what it declares, if it may not read everything.
    pub strict: Option<Strict>,
    /// Where it runs, if it says so itself.
    pub executor: Option<ExecutorName>,
    /// What Slurm is told if it runs there.
    pub slurm: Option<Box<SlurmOptions>>,
    /// Where what it runs stands in the pipeline: the program of its command, or its kind.
    #[serde(skip, default = "Place::nowhere")]
    pub place: Place,
}

/// An instance that sees nothing but what it declares. It says how to run, and stays out of the key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Strict {
    /// Files and folders of programs and libraries, absolute, besides the folders of the system.
    pub tools: Vec<PathBuf>,
}

/// Where instances run. It says how to run, and stays out of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ExecutorName {
    /// As processes of this machine.
    Local,
    /// As jobs of Slurm.
    Slurm,
}

/// What `sbatch` is told besides what an instance needs. It stays out of the key.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SlurmOptions {
    /// The partition.
    pub partition: Option<String>,
    /// The account.
    pub account: Option<String>,
    /// The quality of service.
    pub qos: Option<String>,
    /// Further arguments.
    pub arguments: Vec<String>,
}

/// What an instance runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Work {
    /// A kind of a stage program.
    Kind {
        /// The argv of the program, resolved; `run KIND --task FILE` is appended.
        program: Vec<String>,
        /// Name of the kind.
        kind: String,
        /// Fingerprint of the kind's code.
        fingerprint: String,
        /// Files and folders of its code that the pipeline lists, absolute.
        files: Vec<PathBuf>,
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Piece {
    /// Text as it is.
    Text(String),
    /// `{in.x}`: the path of an input; for a fan-in the paths, one word each (then it is the whole word).
    In(String),
    /// `{out.x}`: the path where an output is to be written.
    Out(String),
    /// `{with.x}`: a parameter, written out.
    With(String),
    /// `{with.x}` in the script of a shell, where the shell would read the parameter as code: it is put in so that it
    /// does not. The words of a list, also.
    Quoted(String),
}

/// Where an input comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputSpec {
    /// Media type.
    pub media: String,
    /// Whether it may be absent.
    pub optional: bool,
}

/// What an instance takes of the machine. None of it enters a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Needs {
    /// Cores.
    pub cpus: CpuNeed,
    /// Bytes of memory, 0 if not said.
    pub memory: u64,
    /// GPUs.
    pub gpus: u32,
}

/// Cores that an instance takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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

impl ExecutorName {
    /// All there are.
    pub const ALL: [Self; 2] = [ExecutorName::Local, ExecutorName::Slurm];

    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ExecutorName::Local => "local",
            ExecutorName::Slurm => "slurm",
        }
    }

    /// The one that is written so.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|name| name.as_str() == text)
    }
}

impl Instance {
    /// Whether another one, that is the same work, would be run in the same way, on files of the same names.
    #[must_use]
    pub fn runs_like(&self, other: &Instance) -> bool {
        let files = |instance: &Instance| {
            instance.inputs.iter().map(|(name, source)| (name.clone(), source.files())).collect::<Vec<_>>()
        };
        (self.needs, self.timeout, self.retries, self.resumes)
            == (other.needs, other.timeout, other.retries, other.resumes)
            && (&self.with, &self.pass, &self.strict) == (&other.with, &other.pass, &other.strict)
            && (self.executor, &self.slurm) == (other.executor, &other.slurm)
            && files(self) == files(other)
    }
}

impl InstanceId {
    /// As an index into a list that has one item an instance.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl Source {
    /// All instances that it reads.
    pub fn producers(&self) -> Vec<InstanceId> {
        match self {
            Source::Output { from, .. } | Source::Record { from } => vec![*from],
            Source::File { .. } => Vec::new(),
            Source::Many(members) => members.values().flat_map(Source::producers).collect(),
        }
    }

    /// All files that it names, in their order.
    fn files(&self) -> Vec<PathBuf> {
        match self {
            Source::File { path, .. } => vec![path.clone()],
            Source::Output { .. } | Source::Record { .. } => Vec::new(),
            Source::Many(members) => members.values().flat_map(Source::files).collect(),
        }
    }

    pub(super) fn renumber(&mut self, to: &[InstanceId]) {
        match self {
            Source::Output { from, .. } | Source::Record { from } => *from = to[from.index()],
            Source::File { .. } => {}
            Source::Many(members) => members.values_mut().for_each(|member| member.renumber(to)),
        }
    }
}

//! A checked pipeline.

use std::path::PathBuf;

use serde_json::{Map, Value as Json, json};

use crate::digest::Digest;
use crate::graph::{ExecutorName, Graph, Instance, Source, Work};
use crate::pipeline::report::ReportEntry;

/// A checked pipeline.
#[derive(Debug)]
pub struct Loaded {
    /// Its name: `name:`, else what the file is called. A store may know it under another one.
    pub name: String,
    /// The file, absolute, links resolved.
    pub file: PathBuf,
    /// Whether parameters may change its name.
    pub varies: bool,
    /// The root, absolute, links resolved.
    pub root: PathBuf,
    /// Folders outside the root that may be read, absolute, links resolved.
    pub allow: Vec<PathBuf>,
    /// The store, as written: the URL of a remote tier.
    pub store: Option<String>,
    /// All instances.
    pub graph: Graph,
    /// Parameters of the pipeline, resolved.
    pub params: Json,
    /// What the page of a run shows first.
    pub report: Vec<ReportEntry>,
    /// Where stages run that say nothing themselves.
    pub executor: Option<ExecutorName>,
    /// What it is remembered under; none if it is not.
    pub identity: Option<Identity>,
}

impl Loaded {
    /// What a person wants to see later: parameters and stages as they were understood.
    #[must_use]
    pub fn resolved(&self) -> Json {
        let stages: Map<String, Json> = self
            .graph
            .instances()
            .iter()
            .map(|instance| (instance.name.clone(), outline(&self.graph, instance)))
            .collect();
        json!({ "name": self.name, "root": self.root.display().to_string(), "params": self.params, "stages": stages })
    }
}

/// A stage as it was understood. The order of the stages is that of the graph.
fn outline(graph: &Graph, instance: &Instance) -> Json {
    let inputs: Map<String, Json> =
        instance.inputs.iter().map(|(name, from)| (name.clone(), written(graph, from))).collect();
    let kind = match &instance.work {
        Work::Kind { kind, .. } => Some(kind),
        Work::Argv { .. } => None,
    };
    json!({
        "stage": instance.stage,
        "use": kind,
        "with": instance.with,
        "env": instance.env,
        "in": inputs,
        "out": instance.outputs,
    })
}

/// Where an input comes from, as it could be written in the file; a fan-in by label.
fn written(graph: &Graph, source: &Source) -> Json {
    match source {
        Source::Output { from, output } => format!("{}.{output}", graph.get(*from).name).into(),
        Source::Record { from } => format!("{}.record", graph.get(*from).name).into(),
        Source::File { written, .. } => format!("file:{written}").into(),
        Source::Many(members) => {
            members.iter().map(|(label, member)| (label.clone(), written(graph, member))).collect()
        }
    }
}

/// What a pipeline is remembered under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The same for the same file with the same overrides; fit for the name of a file.
    pub slot: String,
    /// Changes with all that the pipeline is made from: its text, the answers of its programs, its instances.
    pub version: Digest,
}

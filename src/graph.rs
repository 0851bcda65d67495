//! Stage instances after `each` is expanded, and who reads whom.
//!
//! The one place that knows petgraph. It does not know YAML, keys or the store.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use nnf_contract::Cpus;
use petgraph::Direction;
use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::diagnostic::Place;

/// Index of an instance in its [`Graph`]; instances stand in topological order, ties in the order of the file.
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
    /// What it may read besides what it declares, if it may not read everything.
    pub strict: Option<Strict>,
    /// Where the stage stands in the pipeline.
    #[serde(skip, default = "Place::nowhere")]
    pub place: Place,
}

/// An instance that sees nothing but what it declares. It says how to run, and stays out of the key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Strict {
    /// Files and folders of programs and libraries, absolute, besides the folders of the system.
    pub tools: Vec<PathBuf>,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Needs {
    /// Cores.
    pub cpus: CpuNeed,
    /// Bytes of memory, 0 if not said.
    pub memory: u64,
    /// GPUs.
    pub gpus: u32,
}

/// Cores that an instance takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

    fn renumber(&mut self, to: &[InstanceId]) {
        match self {
            Source::Output { from, .. } | Source::Record { from } => *from = to[from.index()],
            Source::File { .. } => {}
            Source::Many(members) => members.values_mut().for_each(|member| member.renumber(to)),
        }
    }
}

/// All instances of a pipeline in topological order, and the edges between them.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    instances: Vec<Instance>,
    edges: DiGraph<(), ()>,
}

/// Instances that read each other in a circle, in the order of reading; the first is repeated at the end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join(" → "))]
pub struct Cycle(pub Vec<String>);

impl Graph {
    /// Orders instances whose sources refer to positions in `instances`. Ties keep the order of the list.
    ///
    /// # Errors
    /// One cycle for each group of instances that read each other.
    pub fn new(mut instances: Vec<Instance>) -> Result<Self, Vec<Cycle>> {
        let producers: Vec<Vec<usize>> = instances.iter().map(direct_producers).collect();
        let order = match order(&producers) {
            Ok(order) => order,
            Err(()) => return Err(cycles(&instances, &producers)),
        };
        let mut new_id = vec![InstanceId(0); instances.len()];
        for (position, old) in order.iter().enumerate() {
            new_id[*old] = InstanceId(u32::try_from(position).unwrap_or(u32::MAX));
        }
        let mut slots: Vec<Option<Instance>> = instances.drain(..).map(Some).collect();
        let mut sorted: Vec<Instance> = order.iter().filter_map(|old| slots[*old].take()).collect();
        for instance in &mut sorted {
            instance.inputs.values_mut().for_each(|source| source.renumber(&new_id));
        }
        Ok(Graph::ordered(sorted))
    }

    /// The graph of instances that stand in topological order already, their sources referring to positions.
    #[must_use]
    pub(crate) fn ordered(instances: Vec<Instance>) -> Self {
        let mut edges = DiGraph::with_capacity(instances.len(), instances.len());
        for _ in &instances {
            edges.add_node(());
        }
        for (position, instance) in instances.iter().enumerate() {
            for from in direct_producers(instance) {
                edges.add_edge(NodeIndex::new(from), NodeIndex::new(position), ());
            }
        }
        Graph { instances, edges }
    }

    /// All instances, in topological order.
    #[must_use]
    pub fn instances(&self) -> &[Instance] {
        &self.instances
    }

    /// Ids of all instances, in topological order.
    pub fn ids(&self) -> impl DoubleEndedIterator<Item = InstanceId> + use<> {
        (0..u32::try_from(self.instances.len()).unwrap_or(u32::MAX)).map(InstanceId)
    }

    /// One instance.
    #[must_use]
    pub fn get(&self, id: InstanceId) -> &Instance {
        &self.instances[id.index()]
    }

    /// The instances of a stage, or the one instance of that full name.
    #[must_use]
    pub fn find(&self, name: &str) -> Vec<InstanceId> {
        self.ids().filter(|id| self.get(*id).stage == name || self.get(*id).name == name).collect()
    }

    /// The instances that an instance reads, each once, in order.
    #[must_use]
    pub fn producers(&self, id: InstanceId) -> Vec<InstanceId> {
        self.neighbours(id, Direction::Incoming)
    }

    /// The instances that read an instance, each once, in order.
    #[must_use]
    pub fn readers(&self, id: InstanceId) -> Vec<InstanceId> {
        self.neighbours(id, Direction::Outgoing)
    }

    fn neighbours(&self, id: InstanceId, direction: Direction) -> Vec<InstanceId> {
        let found = self.edges.neighbors_directed(NodeIndex::new(id.index()), direction);
        let mut ids: Vec<InstanceId> =
            found.map(|node| InstanceId(u32::try_from(node.index()).unwrap_or(u32::MAX))).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// For each instance whether it is one of `targets` or something that they need.
    #[must_use]
    pub fn needed_for(&self, targets: &[InstanceId]) -> Vec<bool> {
        let mut needed = vec![false; self.instances.len()];
        for target in targets {
            needed[target.index()] = true;
        }
        for id in self.ids().rev() {
            if needed[id.index()] {
                for producer in self.producers(id) {
                    needed[producer.index()] = true;
                }
            }
        }
        needed
    }
}

fn direct_producers(instance: &Instance) -> Vec<usize> {
    let mut from: Vec<usize> = instance.inputs.values().flat_map(Source::producers).map(InstanceId::index).collect();
    from.sort_unstable();
    from.dedup();
    from
}

/// Topological order; of those that are ready, the first in the list goes first.
fn order(producers: &[Vec<usize>]) -> Result<Vec<usize>, ()> {
    let mut readers = vec![Vec::new(); producers.len()];
    let mut waiting: Vec<usize> = producers.iter().map(Vec::len).collect();
    for (reader, from) in producers.iter().enumerate() {
        for producer in from {
            readers[*producer].push(reader);
        }
    }
    let mut ready: std::collections::BTreeSet<usize> =
        waiting.iter().enumerate().filter(|(_, n)| **n == 0).map(|(i, _)| i).collect();
    let mut order = Vec::with_capacity(producers.len());
    while let Some(next) = ready.pop_first() {
        order.push(next);
        for reader in &readers[next] {
            waiting[*reader] -= 1;
            if waiting[*reader] == 0 {
                ready.insert(*reader);
            }
        }
    }
    if order.len() == producers.len() { Ok(order) } else { Err(()) }
}

fn cycles(instances: &[Instance], producers: &[Vec<usize>]) -> Vec<Cycle> {
    let mut graph = DiGraph::<(), ()>::new();
    for _ in instances {
        graph.add_node(());
    }
    for (reader, from) in producers.iter().enumerate() {
        for producer in from {
            graph.add_edge(NodeIndex::new(*producer), NodeIndex::new(reader), ());
        }
    }
    let mut found: Vec<Vec<usize>> = kosaraju_scc(&graph)
        .into_iter()
        .map(|group| group.into_iter().map(NodeIndex::index).collect::<Vec<_>>())
        .filter(|group| group.len() > 1 || producers[group[0]].contains(&group[0]))
        .collect();
    found.iter_mut().for_each(|group| group.sort_unstable());
    found.sort();
    found.iter().map(|group| one_cycle(instances, producers, group)).collect()
}

/// Walks from the first of the group towards producers within the group until an instance comes again.
fn one_cycle(instances: &[Instance], producers: &[Vec<usize>], group: &[usize]) -> Cycle {
    let mut path = vec![group[0]];
    loop {
        let here = path[path.len() - 1];
        let Some(next) = producers[here].iter().copied().find(|p| group.contains(p)) else { break };
        let seen = path.iter().position(|p| *p == next);
        path.push(next);
        if let Some(first) = seen {
            path.drain(..first);
            break;
        }
    }
    // Towards producers is against the flow; people read along it.
    path.reverse();
    Cycle(path.into_iter().map(|i| instances[i].name.clone()).collect())
}

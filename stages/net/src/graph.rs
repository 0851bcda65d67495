//! A network: nodes in topological order, checked, with the shape of every value.

use std::collections::HashMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::NetError;
use crate::gates::GateLayer;
use crate::infer;
use crate::op::Op;

/// One step of a network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// Unique name; parameters are named after it.
    pub name: String,
    /// What it computes.
    pub op: Op,
    /// Names of the nodes that it reads, all before it.
    pub inputs: Vec<String>,
}

/// A checked network.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    name: String,
    nodes: Vec<Node>,
    outputs: Vec<usize>,
    inputs: Vec<Vec<usize>>,
    shapes: Vec<Vec<i64>>,
}

/// The network as written to a file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: String,
    version: u32,
    name: String,
    nodes: Vec<Node>,
    outputs: Vec<String>,
}

const FORMAT: &str = "nnf.network";
const VERSION: u32 = 1;

impl Network {
    /// Checks nodes and works out shapes.
    ///
    /// # Errors
    /// For names that clash or are not before their use, and for nodes that do not fit what they read.
    pub fn new(name: impl Into<String>, nodes: Vec<Node>, outputs: &[String]) -> Result<Self, NetError> {
        let mut ids: HashMap<&str, usize> = HashMap::with_capacity(nodes.len());
        let mut inputs: Vec<Vec<usize>> = Vec::with_capacity(nodes.len());
        let mut shapes: Vec<Vec<i64>> = Vec::with_capacity(nodes.len());
        for (id, node) in nodes.iter().enumerate() {
            if node.name.is_empty() {
                return Err(NetError::node("", format!("node {id} has no name")));
            }
            let find = |name: &String| {
                ids.get(name.as_str())
                    .copied()
                    .ok_or_else(|| NetError::node(&node.name, format!("it reads `{name}`, which is no node before it")))
            };
            let read = node.inputs.iter().map(find).collect::<Result<Vec<usize>, NetError>>()?;
            let read_shapes: Vec<&[i64]> = read.iter().map(|id| shapes[*id].as_slice()).collect();
            let shape = infer::shape(&node.op, &read_shapes).map_err(|why| NetError::node(&node.name, why))?;
            if ids.insert(&node.name, id).is_some() {
                return Err(NetError::node(&node.name, "another node has the same name"));
            }
            inputs.push(read);
            shapes.push(shape);
        }
        if outputs.is_empty() || !matches!(nodes.first(), Some(Node { op: Op::Input { .. }, .. })) {
            return Err(NetError::Config("a network begins with its input and has an output".into()));
        }
        if let Some(second) = nodes.iter().skip(1).find(|node| matches!(node.op, Op::Input { .. })) {
            return Err(NetError::node(&second.name, "a network has one input"));
        }
        let output =
            |name: &String| ids.get(name.as_str()).copied().ok_or_else(|| NetError::node(name, "no such output"));
        let outputs = outputs.iter().map(output).collect::<Result<Vec<usize>, NetError>>()?;
        Ok(Network { name: name.into(), nodes, outputs, inputs, shapes })
    }

    /// Its name, for people.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// All nodes in topological order; the first is the input.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Positions of the nodes that node `id` reads.
    #[must_use]
    pub fn inputs_of(&self, id: usize) -> &[usize] {
        &self.inputs[id]
    }

    /// Positions of the nodes whose values are the result.
    #[must_use]
    pub fn outputs(&self) -> &[usize] {
        &self.outputs
    }

    /// Shape of a node's value without the batch.
    #[must_use]
    pub fn shape_of(&self, id: usize) -> &[i64] {
        &self.shapes[id]
    }

    /// Shape of the input without the batch.
    #[must_use]
    pub fn input_shape(&self) -> &[i64] {
        &self.shapes[0]
    }

    /// Channels of a node's value: C of `[C, H, W]`, `[T, C]` and `[C]`.
    #[must_use]
    pub fn channels_of(&self, id: usize) -> i64 {
        self.shapes[id][infer::channel_axis(&self.shapes[id])]
    }

    /// Channels that node `id` reads.
    #[must_use]
    pub fn in_channels(&self, id: usize) -> i64 {
        self.inputs[id].first().map_or(0, |first| self.channels_of(*first))
    }

    /// Position of a node by name.
    #[must_use]
    pub fn position(&self, name: &str) -> Option<usize> {
        self.nodes.iter().position(|node| node.name == name)
    }

    /// Positions of the nodes that read node `id`.
    #[must_use]
    pub fn readers_of(&self, id: usize) -> Vec<usize> {
        (0..self.nodes.len()).filter(|reader| self.inputs[*reader].contains(&id)).collect()
    }

    /// How often each node is read.
    pub(crate) fn reader_counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.nodes.len()];
        self.inputs.iter().flatten().for_each(|input| counts[*input] += 1);
        counts
    }

    /// For each node the values that end there: those that nothing reads after it and nobody wants.
    pub(crate) fn last_reads(&self, wanted: &[usize]) -> Vec<Vec<usize>> {
        let mut last: Vec<usize> = (0..self.nodes.len()).collect();
        for (id, inputs) in self.inputs.iter().enumerate() {
            for input in inputs {
                last[*input] = id;
            }
        }
        let mut ending = vec![Vec::new(); self.nodes.len()];
        for (id, last) in last.into_iter().enumerate().filter(|(id, _)| !wanted.contains(id)) {
            ending[last].push(id);
        }
        ending
    }

    /// The gate layers in order; a gate vector names them in this order.
    #[must_use]
    pub fn gate_layers(&self) -> Vec<GateLayer> {
        let gates = self.nodes.iter().enumerate().filter(|(_, node)| node.op == Op::Gate);
        gates
            .map(|(id, node)| GateLayer {
                name: node.name.clone(),
                width: usize::try_from(self.channels_of(id)).unwrap_or(0),
            })
            .collect()
    }

    /// For each gate layer whether some output depends on the input through it alone: if it kept nothing, that output
    /// would be a constant.
    #[must_use]
    pub fn essential_layers(&self) -> Vec<bool> {
        let is_essential = |gate: usize| {
            let mut reached = vec![false; self.nodes.len()];
            for (id, node) in self.nodes.iter().enumerate().filter(|(id, _)| *id != gate) {
                reached[id] = matches!(node.op, Op::Input { .. }) || self.inputs[id].iter().any(|from| reached[*from]);
            }
            self.outputs.iter().any(|output| !reached[*output])
        };
        let gates = self.nodes.iter().enumerate().filter(|(_, node)| node.op == Op::Gate);
        gates.map(|(id, _)| is_essential(id)).collect()
    }

    /// Number of modules: gates of all layers (paper §3.2).
    #[must_use]
    pub fn modules(&self) -> usize {
        self.gate_layers().iter().map(|layer| layer.width).sum()
    }

    /// The network as JSON. Equal networks give equal bytes.
    #[must_use]
    pub fn to_json(&self) -> String {
        let document = Document {
            format: FORMAT.into(),
            version: VERSION,
            name: self.name.clone(),
            nodes: self.nodes.clone(),
            outputs: self.outputs.iter().map(|id| self.nodes[*id].name.clone()).collect(),
        };
        let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Reads JSON.
    ///
    /// # Errors
    /// When it is no such document or the network in it does not fit together.
    pub fn from_json(text: &str) -> Result<Self, NetError> {
        let document: Document = serde_json::from_str(text).map_err(|e| NetError::Config(e.to_string()))?;
        if document.format != FORMAT || document.version != VERSION {
            let (format, version) = (document.format, document.version);
            return Err(NetError::Config(format!(
                "it is `{format}` version {version}, not `{FORMAT}` version {VERSION}"
            )));
        }
        Network::new(document.name, document.nodes, &document.outputs)
    }

    /// Writes the JSON file.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn save(&self, path: &Path) -> Result<(), NetError> {
        Ok(fs_err::write(path, self.to_json())?)
    }

    /// Reads the JSON file.
    ///
    /// # Errors
    /// When the file cannot be read or does not hold a network.
    pub fn load(path: &Path) -> Result<Self, NetError> {
        Network::from_json(&fs_err::read_to_string(path)?).map_err(|e| NetError::unfit(path, e))
    }
}

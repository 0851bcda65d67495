//! A network: nodes in topological order, checked, with the shape of every value.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::error::NetError;
use crate::op::Op;
use crate::ops::shapes::channel_axis;
use crate::sharing;

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
    /// Name of a node of the same op before it whose parameters it uses in place of its own; of a gate, whose gates it
    /// obeys. That node shares nothing itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shares: Option<String>,
}

impl Node {
    /// A node with parameters of its own.
    #[must_use]
    pub fn new(name: impl Into<String>, op: Op, inputs: Vec<String>) -> Self {
        Node { name: name.into(), op, inputs, shares: None }
    }
}

/// A checked network.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    name: String,
    nodes: Vec<Node>,
    outputs: Vec<usize>,
    inputs: Vec<Vec<usize>>,
    shapes: Vec<Vec<i64>>,
    /// For each node the one whose parameters, or gates, it uses: itself if it shares nothing.
    owners: Vec<usize>,
}

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
            let shape = node.op.shape(&read_shapes).map_err(|why| NetError::node(&node.name, why))?;
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
        let owners = (0..nodes.len()).collect();
        let mut network = Network { name: name.into(), nodes, outputs, inputs, shapes, owners };
        for id in 0..network.nodes.len() {
            network.owners[id] = network.find_owner(id)?;
        }
        Ok(network)
    }

    /// The node that node `id` shares with, checked; itself if it shares nothing.
    fn find_owner(&self, id: usize) -> Result<usize, NetError> {
        let node = &self.nodes[id];
        let Some(name) = &node.shares else { return Ok(id) };
        let fault = |why: &str| Err(NetError::node(&node.name, format!("it shares with `{name}`, {why}")));
        let Some(owner) = self.nodes[..id].iter().position(|other| other.name == *name) else {
            return fault("which is no node before it");
        };
        if self.nodes[owner].shares.is_some() {
            return fault("which shares with another itself: name that one");
        }
        if !sharing::alike(&self.nodes[owner].op, &node.op) || self.parts_of(owner) != self.parts_of(id) {
            return fault("whose parameters are others");
        }
        match (&node.op, self.parts_of(id).is_empty()) {
            (Op::Gate { .. }, _)
                if node.op != self.nodes[owner].op || self.channels_of(owner) != self.channels_of(id) =>
            {
                fault("which has other gates")
            }
            (Op::Gate { .. }, _) | (_, false) => Ok(owner),
            (_, true) => fault("but has no parameters"),
        }
    }

    /// The node whose parameters, or gates, node `id` uses: itself if it shares nothing.
    #[must_use]
    pub fn owner_of(&self, id: usize) -> usize {
        self.owners[id]
    }

    /// Shapes of what node `id` reads.
    pub(crate) fn read_shapes(&self, id: usize) -> Vec<&[i64]> {
        self.inputs[id].iter().map(|input| self.shapes[*input].as_slice()).collect()
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
        self.shapes[id][channel_axis(&self.shapes[id])]
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
}

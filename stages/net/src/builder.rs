//! What builders share: adding nodes by name.

use crate::error::NetError;
use crate::graph::{Network, Node};
use crate::op::Op;

/// A network in the making.
pub(crate) struct Builder {
    nodes: Vec<Node>,
}

/// A convolution without bias, padded so that only its step makes the image smaller.
#[derive(Clone, Copy)]
pub(crate) struct Conv {
    pub(crate) out: i64,
    pub(crate) kernel: i64,
    pub(crate) stride: i64,
    pub(crate) groups: i64,
}

impl Builder {
    /// A network with its input only, and the input's name.
    pub(crate) fn new(input: &[i64]) -> (Self, String) {
        let mut builder = Builder { nodes: Vec::new() };
        let input = builder.add("input", Op::Input { shape: input.to_vec() }, &[]);
        (builder, input)
    }

    /// Adds a node and gives back its name.
    pub(crate) fn add(&mut self, name: impl Into<String>, op: Op, inputs: &[&str]) -> String {
        let name = name.into();
        let inputs = inputs.iter().map(|input| (*input).to_owned()).collect();
        self.nodes.push(Node::new(&name, op, inputs));
        name
    }

    /// A convolution and its batch norm.
    pub(crate) fn conv_norm(&mut self, conv: &str, norm: &str, sizes: Conv, input: &str) -> String {
        let Conv { out, kernel, stride, groups } = sizes;
        let op = Op::Conv2d { out, kernel, stride, padding: (kernel / 2).into(), groups, bias: false };
        let made = self.add(conv, op, &[input]);
        self.add(norm, Op::BatchNorm { eps: 1e-5, momentum: 0.1 }, &[&made])
    }

    /// The checked network.
    pub(crate) fn finish(self, name: &str, output: String) -> Result<Network, NetError> {
        Network::new(name, self.nodes, &[output])
    }
}

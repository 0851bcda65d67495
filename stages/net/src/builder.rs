//! What builders share: adding nodes by name, and the style of convolutions and norms.

use std::collections::BTreeMap;

use nnf_contract::Parameter;
use serde::{Deserialize, Serialize};

use crate::error::NetError;
use crate::graph::{Network, Node};
use crate::op::Op;
use crate::padding::Padding;

/// How wide the border of a convolution or pool is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Border {
    /// Half of the kernel on each side, as in torchvision.
    #[default]
    Even,
    /// As much as makes ⌈size / step⌉ places, the odd pixel below and to the right: TensorFlow's "SAME".
    Same,
}

/// Borders and norms of a network.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    pub(crate) border: Border,
    pub(crate) eps: f64,
    pub(crate) momentum: f64,
}

/// What builders offer of their style.
pub(crate) fn style_parameters() -> [Parameter; 3] {
    [
        Parameter::choice(
            "border",
            &["even", "same"],
            "zeros around images: as torchvision has them, or TensorFlow's SAME",
        ),
        Parameter::float("norm_eps", 0.0, 1.0, "what batch norms add to the variance"),
        Parameter::float("norm_momentum", 0.0, 1.0, "weight of the new batch in the statistics of batch norms"),
    ]
}

/// A network in the making.
pub(crate) struct Builder {
    nodes: Vec<Node>,
    /// Shapes of the nodes so far; none for one that does not fit, of which [`Network::new`] tells.
    shapes: BTreeMap<String, Vec<i64>>,
    style: Style,
}

/// A convolution without bias, with a border such that only its step makes the image smaller.
#[derive(Clone, Copy)]
pub(crate) struct Conv {
    pub(crate) out: i64,
    pub(crate) kernel: i64,
    pub(crate) stride: i64,
    pub(crate) groups: i64,
}

impl Builder {
    /// A network with its input only, and the input's name.
    pub(crate) fn new(input: &[i64], style: Style) -> (Self, String) {
        let mut builder = Builder { nodes: Vec::new(), shapes: BTreeMap::new(), style };
        let input = builder.add("input", Op::Input { shape: input.to_vec() }, &[]);
        (builder, input)
    }

    /// Adds a node and gives back its name.
    pub(crate) fn add(&mut self, name: impl Into<String>, op: Op, inputs: &[&str]) -> String {
        self.push(Node::new(name, op, inputs.iter().map(|input| (*input).to_owned()).collect()))
    }

    /// Adds a gate for each channel to the layer of another gate.
    pub(crate) fn gate_with(&mut self, name: impl Into<String>, layer: Option<&str>, input: &str) -> String {
        self.push(Node { shares: layer.map(str::to_owned), ..Node::new(name, Op::GATE, vec![input.to_owned()]) })
    }

    fn push(&mut self, node: Node) -> String {
        let name = node.name.clone();
        let read: Vec<&[i64]> = node.inputs.iter().map(|input| self.shape(input)).collect();
        let shape = node.op.shape(&read).unwrap_or_default();
        self.shapes.insert(name.clone(), shape);
        self.nodes.push(node);
        name
    }

    /// Shape of a node's value, empty if there is none.
    pub(crate) fn shape(&self, name: &str) -> &[i64] {
        self.shapes.get(name).map_or(&[], Vec::as_slice)
    }

    /// The border of a window over an image.
    pub(crate) fn padding(&self, kernel: i64, stride: i64, image: &str) -> Padding {
        match (self.style.border, self.shape(image)) {
            (Border::Same, [_, height, width]) => Padding::same([*height, *width], kernel, stride),
            _ => (kernel / 2).into(),
        }
    }

    /// A convolution and its batch norm.
    pub(crate) fn conv_norm(&mut self, conv: &str, norm: &str, sizes: Conv, input: &str) -> String {
        let Conv { out, kernel, stride, groups } = sizes;
        let padding = self.padding(kernel, stride, input);
        let made = self.add(conv, Op::Conv2d { out, kernel, stride, padding, groups, bias: false }, &[input]);
        let Style { eps, momentum, .. } = self.style;
        self.add(norm, Op::BatchNorm { eps, momentum }, &[&made])
    }

    /// The checked network.
    pub(crate) fn finish(self, name: &str, output: String) -> Result<Network, NetError> {
        Network::new(name, self.nodes, &[output])
    }
}

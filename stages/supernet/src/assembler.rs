//! Builds the assembler: a requirement encoder and one gater per gate layer, as a network in the same graph form.
//!
//! Encoder and gaters as settled in the paper's §3.3, but that the last layer of a gater is linear: batch norm and ReLU
//! there would keep every soft gate above one half. With several experts a layer has as many gaters, and their logits
//! are mixed by weights that a gating layer makes of the encoded requirement (§4).

use nnf_net::{GateLayer, NetError, Network, Node, Op, Weights};
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use crate::requirement::Encoding;

/// Sizes of an assembler.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AssemblerConfig {
    /// Widths of the encoder's fully connected layers.
    pub encoder: Vec<i64>,
    /// Width of each gater's hidden layer.
    pub gater: i64,
    /// Gaters of each layer; 1 for no mixture.
    pub experts: usize,
    /// Bias of the gate logits at the start: above zero, so that training begins with open gates.
    pub open: f64,
}

/// The assembler for a network's gate layers, with its first weights. Input `[width of the encoding]`; one output
/// `[modules]` per gate layer, named after it.
///
/// # Errors
/// When a width is no width.
pub fn build_assembler(
    layers: &[GateLayer],
    encoding: Encoding,
    config: &AssemblerConfig,
    seed: u64,
) -> Result<(Network, Weights), NetError> {
    let width = i64::try_from(encoding.width()).unwrap_or(0);
    let mut nodes = vec![Node::new("requirement", Op::Input { shape: vec![width] }, Vec::new())];
    let mut at = "requirement".to_owned();
    for (number, width) in config.encoder.iter().enumerate() {
        at = dense(&mut nodes, &format!("encoder{number}"), *width, &at);
    }
    let (mut outputs, mut logits) = (Vec::new(), Vec::new());
    for layer in layers {
        let width = i64::try_from(layer.width).unwrap_or(0);
        let own = |expert: usize| if config.experts > 1 { format!(".{expert}") } else { String::new() };
        let gaters: Vec<String> = (0..config.experts.max(1))
            .map(|expert| {
                let hidden = dense(&mut nodes, &format!("{}.hidden{}", layer.name, own(expert)), config.gater, &at);
                linear(&mut nodes, format!("{}.logits{}", layer.name, own(expert)), width, vec![hidden])
            })
            .collect();
        logits.extend(gaters.iter().map(|name| (name.clone(), width)));
        outputs.push(mixed(&mut nodes, layer, gaters, &at));
    }
    let network = Network::new("assembler", nodes, &outputs)?;
    let mut weights = Weights::init(&network, seed);
    for (name, width) in logits {
        weights.insert(format!("{name}.bias"), Tensor::full([width], config.open, (Kind::Float, Device::Cpu)));
    }
    Ok((network, weights))
}

/// The logits of a layer from those of its gaters.
fn mixed(nodes: &mut Vec<Node>, layer: &GateLayer, gaters: Vec<String>, encoded: &str) -> String {
    if let [only] = gaters.as_slice() {
        return only.clone();
    }
    let experts = i64::try_from(gaters.len()).unwrap_or(0);
    let scores = linear(nodes, format!("{}.experts", layer.name), experts, vec![encoded.to_owned()]);
    let name = format!("{}.logits", layer.name);
    let inputs = std::iter::once(scores).chain(gaters).collect();
    nodes.push(Node::new(&name, Op::Mixture, inputs));
    name
}

fn linear(nodes: &mut Vec<Node>, name: String, out: i64, inputs: Vec<String>) -> String {
    nodes.push(Node::new(&name, Op::Linear { out, bias: true }, inputs));
    name
}

/// Fully connected, batch norm, ReLU.
fn dense(nodes: &mut Vec<Node>, name: &str, out: i64, input: &str) -> String {
    let mut add = |part: &str, op: Op, input: &str| {
        let full = format!("{name}.{part}");
        nodes.push(Node::new(&full, op, vec![input.to_owned()]));
        full
    };
    let at = add("linear", Op::Linear { out, bias: false }, input);
    let at = add("norm", Op::BatchNorm { eps: 1e-5, momentum: 0.1 }, &at);
    add("relu", Op::Relu, &at)
}

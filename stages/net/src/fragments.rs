//! Fragments: a network cut at its residual sums into stem, blocks and head, to be run one by one or put together anew.
//!
//! A cut goes through one value alone: everything behind it depends on nothing else before it. Parameters keep their
//! names, so the weights of the whole network serve its fragments and what is composed of them.

use std::collections::BTreeSet;

use tch::Tensor;

use crate::error::NetError;
use crate::graph::{Network, Node};
use crate::op::Op;
use crate::runner::{Run, forward};
use crate::sharing::{self, Renamed};
use crate::weights::Weights;

/// A run of a network's nodes that reads one value and makes one, or the network's outputs.
#[derive(Clone, Debug, PartialEq)]
pub struct Fragment {
    /// Name of the node whose value it reads, its input here.
    reads: String,
    /// Shape of that value, without the batch.
    shape: Vec<i64>,
    /// Its nodes without the input; what they share may be outside.
    nodes: Vec<Node>,
    /// Names of the nodes whose values it gives.
    outputs: Vec<String>,
    /// The fragment as a network.
    network: Network,
    renamed: Renamed,
}

impl Fragment {
    fn new((reads, shape): (String, Vec<i64>), nodes: Vec<Node>, outputs: Vec<String>) -> Result<Self, NetError> {
        let mut own = vec![Node::new(&reads, Op::Input { shape: shape.clone() }, Vec::new())];
        own.extend(nodes.iter().cloned());
        let renamed = sharing::settle(&mut own);
        let name = outputs.first().cloned().unwrap_or_default();
        let network = Network::new(name, own, &outputs)?;
        Ok(Fragment { reads, shape, nodes, outputs, network, renamed })
    }

    /// The fragment as a network. Where it shares parameters with nodes outside, they have the name of its own first node
    /// that does; [`Fragment::weights`] gives them so.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Name of the node whose value it reads.
    #[must_use]
    pub fn reads(&self) -> &str {
        &self.reads
    }

    /// Shape of the value that it reads, without the batch.
    #[must_use]
    pub fn input_shape(&self) -> &[i64] {
        &self.shape
    }

    /// Shape of the first value that it gives, without the batch.
    #[must_use]
    pub fn output_shape(&self) -> &[i64] {
        self.network.shape_of(self.network.outputs()[0])
    }

    /// Its part of the weights of the whole.
    ///
    /// # Errors
    /// When some are missing.
    pub fn weights(&self, whole: &Weights) -> Result<Weights, NetError> {
        whole.renamed(&self.network, &self.renamed)
    }

    /// Runs it from a value `[B, …]` of what it reads, such as one that was kept from an earlier run, with its part of
    /// the weights. Gates are those of [`Fragment::network`].
    ///
    /// # Errors
    /// When the value or the weights do not fit.
    pub fn run(&self, weights: &Weights, value: &Tensor, run: &Run) -> Result<Vec<Tensor>, NetError> {
        forward(&self.network, weights, value, run, &[])
    }
}

/// Cuts a network behind its stem and behind every block: the first fragment is the stem, the last the head. A block ends
/// in a residual sum, with the activation and gate that follow it; where there is no shortcut, in a projection without
/// an activation, as in MobileNetV2, whose first block has neither and goes with the stem. A Transformer's block has two
/// sums, and is two fragments. The stem ends where the first shortcut begins.
///
/// # Errors
/// When a part is no network by itself, which no network that was built is prone to.
pub fn fragments(network: &Network) -> Result<Vec<Fragment>, NetError> {
    cut(network, &ends_of_blocks(network))
}

/// Cuts a network behind the named nodes, which are in order.
///
/// # Errors
/// When there is no such node, or something behind a cut reads another value from before it.
pub fn cut_behind(network: &Network, names: &[&str]) -> Result<Vec<Fragment>, NetError> {
    let find = |name: &&str| {
        let id = network.position(name).ok_or_else(|| NetError::node(name, "there is no such node to cut behind"))?;
        let why = "it is not all that what follows reads of what is before it: no cut goes through it alone";
        if is_narrow(network, id) { Ok(id) } else { Err(NetError::node(name, why)) }
    };
    let ends = names.iter().map(find).collect::<Result<Vec<usize>, NetError>>()?;
    if ends.windows(2).any(|pair| pair[0] >= pair[1]) {
        return Err(NetError::Config(format!("the cuts {names:?} are not in the order of the network")));
    }
    cut(network, &ends)
}

/// One network of fragments that follow each other. Nodes that share parameters, or gates, do so in it too.
///
/// # Errors
/// When a fragment does not read what the one before gives, by shape, or two nodes have one name.
pub fn compose(name: &str, fragments: &[&Fragment]) -> Result<Network, NetError> {
    let (first, last) = match fragments {
        [] => return Err(NetError::Config("a network is composed of fragments, and there are none".into())),
        [first, .., last] => (first, last),
        [only] => (only, only),
    };
    let mut nodes = vec![Node::new(&first.reads, Op::Input { shape: first.shape.clone() }, Vec::new())];
    let mut at = (first.reads.clone(), first.shape.as_slice());
    for fragment in fragments {
        if at.1 != fragment.shape {
            let why = format!("it reads {:?}, but `{}` gives {:?}", fragment.shape, at.0, at.1);
            return Err(NetError::node(fragment.nodes.first().map_or("", |node| &node.name), why));
        }
        for node in &fragment.nodes {
            let input = |name: &String| if *name == fragment.reads { at.0.clone() } else { name.clone() };
            nodes.push(Node { inputs: node.inputs.iter().map(input).collect(), ..node.clone() });
        }
        at = (fragment.outputs[0].clone(), fragment.output_shape());
    }
    let _: Renamed = sharing::settle(&mut nodes);
    Network::new(name, nodes, &last.outputs)
}

/// Whether everything behind a node depends on nothing else from before it.
fn is_narrow(network: &Network, id: usize) -> bool {
    let count = network.nodes().len();
    let around = |later: usize| network.inputs_of(later).iter().any(|input| *input < id);
    id + 1 < count && !(id + 1..count).any(around) && network.outputs().iter().all(|output| *output > id)
}

fn ends_of_blocks(network: &Network) -> Vec<usize> {
    let is_conv = |id: &usize| matches!(network.nodes()[*id].op, Op::Conv2d { .. });
    let mut ends: BTreeSet<usize> = BTreeSet::new();
    for (id, node) in network.nodes().iter().enumerate() {
        let readers = network.readers_of(id);
        let convs = readers.iter().filter(|reader| is_conv(reader)).count();
        let summed = readers.iter().any(|reader| network.nodes()[*reader].op == Op::Add);
        let linear = matches!(node.op, Op::BatchNorm { .. } | Op::Conv2d { .. }) && convs > 0;
        if node.op == Op::Add {
            ends.insert(behind(network, id));
        } else if linear || convs > 1 || summed {
            ends.insert(id);
        }
    }
    ends.into_iter().filter(|id| *id > 0 && is_narrow(network, *id)).collect()
}

/// The last of the activations and gates that alone read a node, one after the other.
fn behind(network: &Network, mut id: usize) -> usize {
    while let [reader] = network.readers_of(id)[..] {
        match network.nodes()[reader].op {
            Op::Relu | Op::Relu6 | Op::Gelu | Op::Silu | Op::Gate { .. } => id = reader,
            _ => break,
        }
    }
    id
}

fn cut(network: &Network, ends: &[usize]) -> Result<Vec<Fragment>, NetError> {
    let name = |id: usize| network.nodes()[id].name.clone();
    let mut fragments = Vec::with_capacity(ends.len() + 1);
    let mut from = 0;
    for end in ends.iter().copied().map(Some).chain([None]) {
        let last = end.unwrap_or(network.nodes().len() - 1);
        let nodes = network.nodes()[from + 1..=last].to_vec();
        let outputs = match end {
            Some(end) => vec![name(end)],
            None => network.outputs().iter().map(|output| name(*output)).collect(),
        };
        fragments.push(Fragment::new((name(from), network.shape_of(from).to_vec()), nodes, outputs)?);
        from = last;
    }
    Ok(fragments)
}

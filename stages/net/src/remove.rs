//! Removes channels from a network, and from its weights where they are given.
//!
//! The one place where a network gets smaller: slicing by gates and pruning by importance both come here. A layer of
//! which nothing is left becomes a per-channel constant.

use tch::Tensor;

use crate::error::NetError;
use crate::graph::{Network, Node};
use crate::groups::{ChannelGroup, ChannelGroups};
use crate::op::Op;
use crate::ops::Given;
use crate::ops::shapes::channel_axis;
use crate::runner::{Precision, Run};
use crate::sharing;
use crate::weights::Weights;

/// What has become of a node.
enum Fate {
    /// It has no channels any more.
    Gone,
    /// It is still there, under its name.
    Here,
    /// Its value does not depend on the input: it is a constant of that node's name.
    Constant,
}

/// The network and weights with only the kept channels.
///
/// `keep` holds, for each group of [`ChannelGroups::of`], the kept channels in rising order, or `None` for all. Where a
/// group's block is more than 1, whole blocks are kept: a head of attention goes as a whole.
///
/// # Errors
/// When `keep` does not fit the groups, a group that is not removable loses channels, or weights are missing.
pub fn remove_channels(
    network: &Network,
    weights: Option<&Weights>,
    keep: &[Option<Vec<i64>>],
) -> Result<(Network, Option<Weights>), NetError> {
    remove(network, weights, &ChannelGroups::of(network), keep)
}

/// The same where the groups are at hand.
pub(crate) fn remove(
    network: &Network,
    weights: Option<&Weights>,
    groups: &ChannelGroups,
    keep: &[Option<Vec<i64>>],
) -> Result<(Network, Option<Weights>), NetError> {
    if keep.len() != groups.groups().len() {
        let (named, own) = (keep.len(), groups.groups().len());
        return Err(NetError::Gates(format!("{named} groups are named, the network has {own}")));
    }
    for (group, kept) in groups.groups().iter().zip(keep) {
        if let Some(kept) = kept {
            check(network, group, kept)?;
        }
    }
    let mut remover =
        Remover { network, weights, groups, keep, nodes: Vec::new(), fates: Vec::new(), new: Weights::default() };
    for id in 0..network.nodes().len() {
        let fate = remover.node(id)?;
        remover.fates.push(fate);
    }
    remover.finish()
}

fn check(network: &Network, group: &ChannelGroup, kept: &[i64]) -> Result<(), NetError> {
    let name = group.producers.first().map_or("?", |id| network.nodes()[*id].name.as_str());
    if !group.removable {
        let why = "its channels cannot be removed: they are the network's input or output, or a grouped convolution's";
        return Err(NetError::node(name, why));
    }
    let rising = kept.windows(2).all(|pair| pair[0] < pair[1]);
    if !rising || kept.first().is_some_and(|c| *c < 0) || kept.last().is_some_and(|c| *c >= group.width) {
        return Err(NetError::node(name, format!("{kept:?} are not channels of {} in rising order", group.width)));
    }
    let width = usize::try_from(group.block).unwrap_or(1).max(1);
    // As many rising channels as a block has, from its first to its last, are all of it.
    let whole = |block: &[i64]| {
        block.len() == width && block[0] % group.block == 0 && block[width - 1] == block[0] + group.block - 1
    };
    if !kept.chunks(width).all(whole) {
        return Err(NetError::node(name, format!("its channels go in whole heads of {width}, not one by one")));
    }
    Ok(())
}

struct Remover<'a> {
    network: &'a Network,
    weights: Option<&'a Weights>,
    groups: &'a ChannelGroups,
    keep: &'a [Option<Vec<i64>>],
    /// What is left, with its position in the old network.
    nodes: Vec<(usize, Node)>,
    fates: Vec<Fate>,
    new: Weights,
}

impl Remover<'_> {
    /// Channels of a node's value that stay; `None` for all.
    fn kept(&self, id: usize) -> Option<&[i64]> {
        self.keep[self.groups.of_node(id)].as_deref()
    }

    /// Number of channels of a node's value that stay.
    fn channels(&self, id: usize) -> i64 {
        self.kept(id).map_or(self.network.channels_of(id), |kept| i64::try_from(kept.len()).unwrap_or(0))
    }

    /// Adds what is left of a node to the new network.
    fn node(&mut self, id: usize) -> Result<Fate, NetError> {
        let network = self.network;
        let node = &network.nodes()[id];
        if self.channels(id) == 0 {
            return Ok(Fate::Gone);
        }
        let inputs = network.inputs_of(id);
        let all = |is: fn(&Fate) -> bool| !inputs.is_empty() && inputs.iter().all(|input| is(&self.fates[*input]));
        let reads_nothing = all(|fate| matches!(fate, Fate::Gone));
        let reads_constants = all(|fate| matches!(fate, Fate::Constant));
        self.narrow_weights(id)?;
        if reads_nothing || (reads_constants && node.op.semantics().keeps_uniform()) {
            if self.weights.is_some() {
                let value = if reads_nothing { self.bias(id)? } else { self.constant(id)? };
                self.new.insert(format!("{}.value", node.name), value);
            }
            let op = Op::Constant { shape: self.shape(id) };
            self.nodes.push((id, Node::new(&node.name, op, Vec::new())));
            return Ok(Fate::Constant);
        }
        self.nodes.push((id, Node { op: self.narrowed(id), ..node.clone() }));
        Ok(if matches!(node.op, Op::Constant { .. }) { Fate::Constant } else { Fate::Here })
    }

    /// Shape of what is left of a node's value.
    fn shape(&self, id: usize) -> Vec<i64> {
        let mut shape = self.network.shape_of(id).to_vec();
        let axis = channel_axis(&shape);
        shape[axis] = self.channels(id);
        shape
    }

    fn narrowed(&self, id: usize) -> Op {
        let (read, made) = (self.network.in_channels(id), self.network.channels_of(id));
        self.network.nodes()[id].op.semantics().narrowed(read, made, self.channels(id))
    }

    /// Name of the node whose parameters a node uses.
    fn owner(&self, id: usize) -> &str {
        &self.network.nodes()[self.network.owner_of(id)].name
    }

    /// Copies a node's parameters, only the kept channels of them.
    fn narrow_weights(&mut self, id: usize) -> Result<(), NetError> {
        let Some(weights) = self.weights else { return Ok(()) };
        for parameter in self.network.parameters_of(id) {
            let mut tensor = weights.get(&parameter.name)?.detach();
            let mut select = |axis: usize, kept: Option<&[i64]>| {
                let Some(kept) = kept else { return };
                let kept = Tensor::from_slice(kept).to_device(tensor.device());
                tensor = tensor.index_select(i64::try_from(axis).unwrap_or(0), &kept);
            };
            if let Some(axis) = parameter.out_axis {
                select(axis, self.kept(id));
            }
            if let (Some(axis), Some(input)) = (parameter.in_axis, self.network.inputs_of(id).first()) {
                select(axis, self.kept(*input));
            }
            self.new.insert(parameter.name, tensor.copy());
        }
        Ok(())
    }

    /// What a layer that reads nothing gives, `[C]`: its bias, or zeros.
    fn bias(&self, id: usize) -> Result<Tensor, NetError> {
        let name = self.owner(id);
        if let Ok(bias) = self.new.get(&format!("{name}.bias")) {
            return Ok(bias.shallow_clone());
        }
        let weight = self.new.get(&format!("{name}.weight"))?;
        Ok(Tensor::zeros([self.channels(id)], (weight.kind(), weight.device())))
    }

    /// What a node makes of constants, `[C]`: all places of its value are alike, and the first is taken.
    fn constant(&self, id: usize) -> Result<Tensor, NetError> {
        let owner = self.owner(id);
        let parameter = |part: &str| self.new.get(&format!("{owner}.{part}"));
        let mut inputs: Vec<Tensor> = Vec::new();
        for input in self.network.inputs_of(id) {
            let value = self.new.get(&format!("{}.value", self.network.nodes()[*input].name))?;
            let shape = self.shape(*input);
            let run = run_of(value);
            let of_value = |_: &str| Ok(value);
            let given = Given { inputs: &[], parameter: &of_value, run: &run, shape: &shape };
            inputs.push(Op::Constant { shape: shape.clone() }.compute(&given)?);
        }
        let first = inputs.first().ok_or_else(|| NetError::node(owner, "it reads nothing"))?;
        let (run, shape) = (run_of(first), self.shape(id));
        let given =
            Given { inputs: &inputs.iter().collect::<Vec<&Tensor>>(), parameter: &parameter, run: &run, shape: &shape };
        let value = self.narrowed(id).compute(&given)?;
        let value = match value.dim() {
            4 => value.select(3, 0).select(2, 0),
            3 => value.select(1, 0),
            _ => value,
        };
        Ok(value.flatten(0, -1).copy())
    }

    /// Leaves out what nothing reads any more.
    fn finish(self) -> Result<(Network, Option<Weights>), NetError> {
        let old = self.network;
        let mut wanted = vec![false; old.nodes().len()];
        old.outputs().iter().for_each(|id| wanted[*id] = true);
        let mut kept: Vec<Node> = Vec::with_capacity(self.nodes.len());
        for (id, node) in self.nodes.into_iter().rev() {
            if wanted[id] || matches!(node.op, Op::Input { .. }) {
                // A constant reads nothing any more.
                let reads: &[usize] = if node.inputs.is_empty() { &[] } else { old.inputs_of(id) };
                reads.iter().for_each(|input| wanted[*input] = true);
                kept.push(node);
            }
        }
        kept.reverse();
        let outputs: Vec<String> = old.outputs().iter().map(|id| old.nodes()[*id].name.clone()).collect();
        let renamed = sharing::settle(&mut kept);
        let network = Network::new(old.name(), kept, &outputs)?;
        let Some(_) = self.weights else { return Ok((network, None)) };
        let weights = self.new.renamed(&network, &renamed)?;
        weights.check(&network)?;
        Ok((network, Some(weights)))
    }
}

/// A run in the number format of a tensor.
fn run_of(tensor: &Tensor) -> Run<'static> {
    let precision = if tensor.kind() == tch::Kind::Double { Precision::Float64 } else { Precision::Float32 };
    Run { precision, ..Run::default() }
}

//! Removes channels from a network, and from its weights where they are given.
//!
//! The one place where a network gets smaller: slicing by gates and pruning by importance both come here. A layer of
//! which nothing is left becomes a per-channel constant.

use tch::Tensor;

use crate::compute::compute;
use crate::error::NetError;
use crate::graph::{Network, Node};
use crate::groups::{ChannelGroup, ChannelGroups};
use crate::infer::channel_axis;
use crate::op::Op;
use crate::runner::{Precision, Run};
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
        if reads_nothing || (reads_constants && node.op.keeps_uniform()) {
            if self.weights.is_some() {
                let value = if reads_nothing { self.bias(id)? } else { self.constant(id)? };
                self.new.insert(format!("{}.value", node.name), value);
            }
            let mut shape = network.shape_of(id).to_vec();
            shape[channel_axis(network.shape_of(id))] = self.channels(id);
            let op = Op::Constant { shape };
            self.nodes.push((id, Node { name: node.name.clone(), op, inputs: Vec::new() }));
            return Ok(Fate::Constant);
        }
        let op = self.narrowed(id, &node.op);
        self.nodes.push((id, Node { name: node.name.clone(), op, inputs: node.inputs.clone() }));
        Ok(if matches!(node.op, Op::Constant { .. }) { Fate::Constant } else { Fate::Here })
    }

    fn narrowed(&self, id: usize, op: &Op) -> Op {
        let out = self.channels(id);
        match op.clone() {
            Op::Conv2d { kernel, stride, padding, groups, bias, .. } => {
                let depthwise = op.is_depthwise(self.network.in_channels(id));
                Op::Conv2d { out, kernel, stride, padding, groups: if depthwise { out } else { groups }, bias }
            }
            Op::Linear { bias, .. } => Op::Linear { out, bias },
            Op::Attention { heads } => Op::Attention { heads: heads * out / self.network.channels_of(id) },
            Op::Constant { mut shape } => {
                let axis = channel_axis(&shape);
                shape[axis] = out;
                Op::Constant { shape }
            }
            other => other,
        }
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
            select(parameter.out_axis, self.kept(id));
            if let (Some(axis), Some(input)) = (parameter.in_axis, self.network.inputs_of(id).first()) {
                select(axis, self.kept(*input));
            }
            self.new.insert(parameter.name, tensor.copy());
        }
        Ok(())
    }

    /// What a layer that reads nothing gives, `[C]`: its bias, or zeros.
    fn bias(&self, id: usize) -> Result<Tensor, NetError> {
        let name = &self.network.nodes()[id].name;
        if let Ok(bias) = self.new.get(&format!("{name}.bias")) {
            return Ok(bias.shallow_clone());
        }
        let weight = self.new.get(&format!("{name}.weight"))?;
        Ok(Tensor::zeros([self.channels(id)], (weight.kind(), weight.device())))
    }

    /// What a node makes of constants, `[C]`: computed for one place, since all places are alike.
    fn constant(&self, id: usize) -> Result<Tensor, NetError> {
        let node = &self.network.nodes()[id];
        let parameter = |part: &str| self.new.get(&format!("{}.{part}", node.name));
        let one_place = |input: &usize| {
            let value = self.new.get(&format!("{}.value", self.network.nodes()[*input].name))?;
            Ok(match self.network.shape_of(*input).len() {
                3 => value.view([1, -1, 1, 1]),
                2 => value.view([1, 1, -1]),
                _ => value.view([1, -1]),
            })
        };
        let inputs = self.network.inputs_of(id).iter().map(one_place).collect::<Result<Vec<Tensor>, NetError>>()?;
        let first = inputs.first().ok_or_else(|| NetError::node(&node.name, "it reads nothing"))?;
        let value = match &node.op {
            // One place has no neighbours.
            Op::MaxPool { .. } | Op::SelectToken { .. } => first.shallow_clone(),
            op => {
                let double = first.kind() == tch::Kind::Double;
                let precision = if double { Precision::Float64 } else { Precision::Float32 };
                let run = Run { precision, ..Run::default() };
                let (op, inputs) = (self.narrowed(id, op), inputs.iter().collect::<Vec<&Tensor>>());
                compute(&op, &inputs, &parameter, &run, self.network.shape_of(id))?
            }
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
        let network = Network::new(old.name(), kept, &outputs)?;
        let Some(_) = self.weights else { return Ok((network, None)) };
        let mut weights = Weights::default();
        for parameter in network.parameters() {
            weights.insert(parameter.name.clone(), self.new.get(&parameter.name)?.shallow_clone());
        }
        weights.check(&network)?;
        Ok((network, Some(weights)))
    }
}

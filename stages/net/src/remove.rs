//! Removes channels from a network, and from its weights where they are given.
//!
//! The one place where a network gets smaller: slicing by gates and pruning by importance both come here. A layer of
//! which nothing is left becomes a per-channel constant. It does not know who chose the channels.

use std::collections::BTreeSet;

use tch::Tensor;

use crate::error::NetError;
use crate::graph::{Network, Node};
use crate::groups::ChannelGroups;
use crate::op::Op;
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
/// `keep` holds, for each group of [`ChannelGroups::of`], the kept channels in rising order, or `None` for all.
///
/// # Errors
/// When `keep` does not fit the groups, a group that is not removable loses channels, or weights are missing.
pub fn remove_channels(
    network: &Network,
    weights: Option<&Weights>,
    keep: &[Option<Vec<i64>>],
) -> Result<(Network, Option<Weights>), NetError> {
    let groups = ChannelGroups::of(network);
    check(network, &groups, keep)?;
    let mut remover =
        Remover { network, weights, groups, keep, nodes: Vec::new(), fates: Vec::new(), new: Weights::default() };
    for id in 0..network.nodes().len() {
        let fate = remover.node(id)?;
        remover.fates.push(fate);
    }
    remover.finish()
}

fn check(network: &Network, groups: &ChannelGroups, keep: &[Option<Vec<i64>>]) -> Result<(), NetError> {
    if keep.len() != groups.groups().len() {
        return Err(NetError::Gates(format!(
            "{} groups are named, the network has {}",
            keep.len(),
            groups.groups().len()
        )));
    }
    for (group, kept) in groups.groups().iter().zip(keep) {
        let Some(kept) = kept else { continue };
        let name = group.producers.first().map_or("?", |id| network.nodes()[*id].name.as_str());
        if !group.removable {
            return Err(NetError::node(name, "its channels are the network's input or output and cannot be removed"));
        }
        let rising = kept.windows(2).all(|pair| pair[0] < pair[1]);
        if !rising || kept.first().is_some_and(|c| *c < 0) || kept.last().is_some_and(|c| *c >= group.width) {
            return Err(NetError::node(name, format!("{kept:?} are not channels of {} in rising order", group.width)));
        }
    }
    Ok(())
}

struct Remover<'a> {
    network: &'a Network,
    weights: Option<&'a Weights>,
    groups: ChannelGroups,
    keep: &'a [Option<Vec<i64>>],
    nodes: Vec<Node>,
    fates: Vec<Fate>,
    new: Weights,
}

impl Remover<'_> {
    /// Channels of a node's value that stay; `None` for all.
    fn kept(&self, id: usize) -> Option<&[i64]> {
        self.keep[self.groups.of_node(id)].as_deref()
    }

    fn channels(&self, id: usize) -> i64 {
        self.kept(id).map_or(self.network.shape_of(id)[0], |kept| i64::try_from(kept.len()).unwrap_or(0))
    }

    /// Adds what is left of a node to the new network.
    fn node(&mut self, id: usize) -> Result<Fate, NetError> {
        let network = self.network;
        let node = &network.nodes()[id];
        if self.channels(id) == 0 {
            return Ok(Fate::Gone);
        }
        let inputs = network.inputs_of(id);
        let reads_nothing = !inputs.is_empty() && inputs.iter().all(|input| matches!(self.fates[*input], Fate::Gone));
        let reads_constants =
            !inputs.is_empty() && inputs.iter().all(|input| matches!(self.fates[*input], Fate::Constant));
        let channels = self.channels(id);
        let mut shape = network.shape_of(id).to_vec();
        shape[0] = channels;
        if reads_nothing || (reads_constants && node.op.is_channelwise(network.in_channels(id)) && !self.pads(&node.op))
        {
            if self.weights.is_some() {
                let value = if reads_nothing { self.bias(id)? } else { self.constant(id)? };
                self.new.insert(format!("{}.value", node.name), value);
            }
            self.nodes.push(Node { name: node.name.clone(), op: Op::Constant { shape }, inputs: Vec::new() });
            return Ok(Fate::Constant);
        }
        let op = self.narrowed(id, &node.op);
        self.nodes.push(Node { name: node.name.clone(), op, inputs: node.inputs.clone() });
        self.narrow_weights(id)?;
        Ok(if matches!(node.op, Op::Constant { .. }) { Fate::Constant } else { Fate::Here })
    }

    /// A convolution's zero padding makes a constant differ at the border.
    fn pads(&self, op: &Op) -> bool {
        matches!(op, Op::Conv2d { .. })
    }

    fn narrowed(&self, id: usize, op: &Op) -> Op {
        let out = self.channels(id);
        match op.clone() {
            Op::Conv2d { kernel, stride, padding, groups, bias, .. } => {
                let depthwise = op.is_channelwise(self.network.in_channels(id));
                Op::Conv2d { out, kernel, stride, padding, groups: if depthwise { out } else { groups }, bias }
            }
            Op::Linear { bias, .. } => Op::Linear { out, bias },
            Op::Constant { mut shape } => {
                shape[0] = out;
                Op::Constant { shape }
            }
            other => other,
        }
    }

    /// Copies a node's parameters, only the kept channels of them.
    fn narrow_weights(&mut self, id: usize) -> Result<(), NetError> {
        let Some(weights) = self.weights else { return Ok(()) };
        let network = self.network;
        let node = &network.nodes()[id];
        let channelwise = node.op.is_channelwise(network.in_channels(id));
        if let Op::Conv2d { groups, .. } = &node.op
            && *groups > 1
            && !channelwise
            && network.inputs_of(id).iter().any(|input| self.kept(*input).is_some())
        {
            return Err(NetError::node(&node.name, "channels of a grouped convolution cannot be removed"));
        }
        let prefix = format!("{}.", node.name);
        let own =
            network.parameters().into_iter().filter(|p| p.name.rsplit_once('.').is_some_and(|(n, _)| n == node.name));
        for parameter in own {
            let mut tensor = weights.get(&parameter.name)?.detach();
            if let Some(kept) = self.kept(id) {
                tensor = tensor.index_select(0, &Tensor::from_slice(kept).to_device(tensor.device()));
            }
            let mixes = parameter.name == format!("{prefix}weight") && !channelwise;
            let input = network.inputs_of(id).first();
            if let Some(kept) = input.filter(|_| mixes).and_then(|input| self.kept(*input)) {
                tensor = tensor.index_select(1, &Tensor::from_slice(kept).to_device(tensor.device()));
            }
            self.new.insert(parameter.name, tensor.copy());
        }
        Ok(())
    }

    /// What a layer that reads nothing gives: its bias, or zeros.
    fn bias(&self, id: usize) -> Result<Tensor, NetError> {
        let node = &self.network.nodes()[id];
        let weights = self.weights.ok_or_else(|| NetError::node(&node.name, "it has no weights"))?;
        let value = match &node.op {
            Op::Conv2d { bias: true, .. } | Op::Linear { bias: true, .. } => {
                weights.get(&format!("{}.bias", node.name))?.detach()
            }
            _ => weights
                .get(&format!("{}.weight", node.name))?
                .detach()
                .select(1, 0)
                .flatten(1, -1)
                .select(1, 0)
                .zeros_like(),
        };
        Ok(match self.kept(id) {
            Some(kept) => value.index_select(0, &Tensor::from_slice(kept).to_device(value.device())),
            None => value.copy(),
        })
    }

    /// What an element-wise node makes of constants.
    fn constant(&self, id: usize) -> Result<Tensor, NetError> {
        let node = &self.network.nodes()[id];
        let inputs = self.network.inputs_of(id).iter().map(|input| {
            let name = format!("{}.value", self.network.nodes()[*input].name);
            Ok(self.new.get(&name)?.shallow_clone())
        });
        let inputs = inputs.collect::<Result<Vec<Tensor>, NetError>>()?;
        let first = inputs.first().ok_or_else(|| NetError::node(&node.name, "it reads nothing"))?;
        match &node.op {
            Op::BatchNorm { eps, .. } => {
                let part = |part: &str| -> Result<Tensor, NetError> {
                    let weights = self.weights.ok_or_else(|| NetError::node(&node.name, "it has no weights"))?;
                    let tensor = weights.get(&format!("{}.{part}", node.name))?.detach();
                    Ok(match self.kept(id) {
                        Some(kept) => tensor.index_select(0, &Tensor::from_slice(kept).to_device(tensor.device())),
                        None => tensor,
                    })
                };
                Ok((first - part("running_mean")?) / (part("running_var")? + *eps).sqrt() * part("weight")?
                    + part("bias")?)
            }
            Op::Relu => Ok(first.relu()),
            Op::Add => Ok(inputs[1..].iter().fold(first.copy(), |sum, other| sum + other)),
            Op::MaxPool { .. } | Op::GlobalAveragePool | Op::Gate => Ok(first.copy()),
            _ => Err(NetError::node(&node.name, "it is not element-wise")),
        }
    }

    /// Leaves out what nothing reads any more.
    fn finish(self) -> Result<(Network, Option<Weights>), NetError> {
        let outputs: Vec<String> =
            self.network.outputs().iter().map(|id| self.network.nodes()[*id].name.clone()).collect();
        let mut wanted: BTreeSet<&str> = outputs.iter().map(String::as_str).collect();
        let mut used = vec![false; self.nodes.len()];
        for (position, node) in self.nodes.iter().enumerate().rev() {
            if wanted.contains(node.name.as_str()) || matches!(node.op, Op::Input { .. }) {
                used[position] = true;
                wanted.extend(node.inputs.iter().map(String::as_str));
            }
        }
        let kept: Vec<Node> =
            self.nodes.iter().zip(&used).filter(|(_, used)| **used).map(|(node, _)| node.clone()).collect();
        let network = Network::new(self.network.name(), kept, &outputs)?;
        let Some(_) = self.weights else { return Ok((network, None)) };
        let mut weights = Weights::default();
        for parameter in network.parameters() {
            weights.insert(parameter.name.clone(), self.new.get(&parameter.name)?.shallow_clone());
        }
        weights.check(&network)?;
        Ok((network, Some(weights)))
    }
}

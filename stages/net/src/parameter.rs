//! Which parameters a network needs: names, shapes, and which axis goes with which channels.

use crate::graph::Network;
use crate::op::Op;

/// What a parameter is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Learnt by gradient, with weight decay.
    Weight,
    /// Learnt by gradient, without weight decay: biases, the factors of norms, class token and position embedding.
    Offset,
    /// Not learnt: running statistics, constants.
    Buffer,
}

/// One named tensor that a network needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// `node.part`.
    pub name: String,
    /// Its shape.
    pub shape: Vec<i64>,
    /// What it is for.
    pub role: Role,
    /// The axis that has an entry for each channel of the node's value.
    pub out_axis: usize,
    /// The axis that has an entry for each channel that the node reads, where the node mixes them.
    pub in_axis: Option<usize>,
}

impl Network {
    /// The parameters that this network needs, in the order of its nodes.
    #[must_use]
    pub fn parameters(&self) -> Vec<Parameter> {
        (0..self.nodes().len()).flat_map(|id| self.parameters_of(id)).collect()
    }

    /// The parameters of one node.
    #[must_use]
    pub fn parameters_of(&self, id: usize) -> Vec<Parameter> {
        let node = &self.nodes()[id];
        let part = |part: &str, shape: &[i64], role: Role| Parameter {
            name: format!("{}.{part}", node.name),
            shape: shape.to_vec(),
            role,
            out_axis: 0,
            in_axis: None,
        };
        let channels = self.in_channels(id);
        match &node.op {
            Op::Conv2d { out, kernel, groups, bias, .. } => {
                let weight = part("weight", &[*out, channels / groups, *kernel, *kernel], Role::Weight);
                let weight = Parameter { in_axis: (*groups == 1).then_some(1), ..weight };
                [weight].into_iter().chain(bias.then(|| part("bias", &[*out], Role::Offset))).collect()
            }
            Op::Linear { out, bias } => {
                let weight = Parameter { in_axis: Some(1), ..part("weight", &[*out, channels], Role::Weight) };
                [weight].into_iter().chain(bias.then(|| part("bias", &[*out], Role::Offset))).collect()
            }
            Op::BatchNorm { .. } => {
                let factors = ["weight", "bias"].map(|name| part(name, &[channels], Role::Offset));
                let running = ["running_mean", "running_var"].map(|name| part(name, &[channels], Role::Buffer));
                factors.into_iter().chain(running).collect()
            }
            Op::LayerNorm { .. } => ["weight", "bias"].map(|name| part(name, &[channels], Role::Offset)).into(),
            Op::ClassToken => vec![part("token", &[channels], Role::Offset)],
            Op::PositionEmbedding => {
                vec![Parameter { out_axis: 1, ..part("embedding", self.shape_of(id), Role::Offset) }]
            }
            Op::Constant { .. } => vec![part("value", &[self.channels_of(id)], Role::Buffer)],
            _ => Vec::new(),
        }
    }
}

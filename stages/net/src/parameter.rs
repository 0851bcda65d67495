//! Which parameters a network needs: names, shapes, and which axis goes with which channels.

use crate::graph::Network;
use crate::ops::Part;

/// What a parameter is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Learnt by gradient, with weight decay.
    Weight,
    /// Learnt by gradient, without weight decay: biases, the factors of norms and of fusion, class token and position
    /// embedding.
    Offset,
    /// Not learnt: running statistics, constants.
    Buffer,
}

/// One named tensor that a network needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// `node.part`, where the node is the owner if several share it.
    pub name: String,
    /// Its shape.
    pub shape: Vec<i64>,
    /// What it is for.
    pub role: Role,
    /// The axis that has an entry for each channel of the node's value, if there is one.
    pub out_axis: Option<usize>,
    /// The axis that has an entry for each channel that the node reads, where the node mixes them.
    pub in_axis: Option<usize>,
}

impl Network {
    /// The parameters that this network needs, in the order of its nodes; those that nodes share once.
    #[must_use]
    pub fn parameters(&self) -> Vec<Parameter> {
        let owners = (0..self.nodes().len()).filter(|id| self.owner_of(*id) == *id);
        owners.flat_map(|id| self.parameters_of(id)).collect()
    }

    /// The parameters that one node uses, whether they are its own or shared.
    #[must_use]
    pub fn parameters_of(&self, id: usize) -> Vec<Parameter> {
        let owner = &self.nodes()[self.owner_of(id)].name;
        let named = |part: Part| Parameter {
            name: format!("{owner}.{}", part.name),
            shape: part.shape,
            role: part.role,
            out_axis: part.out_axis,
            in_axis: part.in_axis,
        };
        self.parts_of(id).into_iter().map(named).collect()
    }

    /// The same without names.
    pub(crate) fn parts_of(&self, id: usize) -> Vec<Part> {
        self.nodes()[id].op.semantics().parameters(&self.read_shapes(id), self.shape_of(id))
    }
}

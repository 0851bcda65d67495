//! The network as data: a graph of nodes with named parameters and known shapes, and short walks over it.
//!
//! Builders make a [`Network`]; everything else ([`forward`], [`Counts`], [`ChannelGroups`], [`slice()`],
//! [`fold_batch_norms`], [`Model`]) is one transform or walk over the graph and knows no backbone. It does not know
//! tasks, limits or how a network is trained.

mod count;
mod error;
mod fold;
mod gates;
mod graph;
mod groups;
mod infer;
mod kind;
mod load_kind;
mod model;
mod op;
mod random;
mod remove;
pub mod resnet;
mod runner;
mod slice;
mod weights;

pub use count::{Bytes, Counts, Macs};
pub use error::NetError;
pub use fold::fold_batch_norms;
pub use gates::{GateLayer, GateSet, GateVector};
pub use graph::{Network, Node};
pub use groups::{ChannelGroup, ChannelGroups};
pub use model::Model;
pub use op::Op;
pub use random::Random;
pub use remove::remove_channels;
pub use runner::{Gates, Precision, Run, forward};
pub use slice::{slice, slice_network};
pub use weights::{Parameter, Role, Weights};

/// The kinds of stage that this crate offers.
#[must_use]
pub fn offers() -> Vec<nnf_contract::Offer> {
    vec![kind::offer(), load_kind::offer()]
}

#[cfg(test)]
mod tests;

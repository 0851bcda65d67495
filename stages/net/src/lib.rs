//! The network as data: a graph of nodes with named parameters and known shapes, and short walks over it.
//!
//! Builders ([`resnet`], [`mobilenet_v2`], [`vit`], [`efficientnet`]) make a [`Network`]; everything else ([`forward`], [`Counts`],
//! [`ChannelGroups`], [`slice()`], [`fold_batch_norms`], [`Model`]) is one transform or walk over the graph and knows
//! no backbone.

mod builder;
mod catalogue;
mod count;
mod document;
pub mod efficientnet;
mod error;
mod fold;
mod fragments;
mod gates;
mod graph;
mod groups;
mod init;
mod kind;
mod layers;
mod load_kind;
pub mod mobilenet_v2;
mod model;
mod op;
mod ops;
mod padding;
mod parameter;
mod random;
mod remove;
pub mod resnet;
mod runner;
mod sharing;
mod slice;
pub mod vit;
mod weights;

pub use builder::Border;
pub use catalogue::{Changes, build, presets};
pub use count::{Bytes, Counts, Macs};
pub use error::NetError;
pub use fold::{fold_batch_norms, fold_network};
pub use fragments::{Fragment, compose, cut_behind, fragments};
pub use gates::{GateLayer, GateSet, GateVector};
pub use graph::{Network, Node};
pub use groups::{ChannelGroup, ChannelGroups};
pub use model::Model;
pub use op::Op;
pub use padding::Padding;
pub use parameter::{Parameter, Role};
pub use random::Random;
pub use remove::remove_channels;
pub use runner::{Gates, Precision, Run, forward};
pub use slice::{Slicer, slice, slice_network};
pub use weights::Weights;

/// The kinds of stage that this crate offers.
#[must_use]
pub fn offers() -> Vec<nnf_contract::Offer> {
    vec![kind::offer(), load_kind::offer()]
}

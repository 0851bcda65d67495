//! The promises of `nnf-net`, as a user of the crate meets them.
#![expect(clippy::unwrap_used, reason = "tests")]

mod backbones;
mod efficientnet;
mod fragments;
mod growing;
mod peer;
mod promises;
mod random_graphs;
mod sharing;
mod support;

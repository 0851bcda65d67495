//! The local tier: content by its digest, records by their keys, and what is noted so that neither is read again.
//!
//! All of it lies in one folder of plain files.

pub(super) mod attributes;
pub(super) mod blob;
pub(super) mod files;
pub(super) mod gc_barrier;
pub(super) mod hashing;
pub(super) mod heads;
pub(super) mod index;
pub(super) mod inventory;
pub(super) mod latest;
pub(super) mod lines;
pub(super) mod links;
pub(super) mod look;
pub(super) mod materialize;
pub(super) mod pins;
pub(super) mod records;
pub(super) mod stamps;
pub(super) mod tree;
pub(super) mod writing;

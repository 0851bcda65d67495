//! The remote tier: what a store keeps behind its folder, in which order it goes there, and who does the work of a key.
//!
//! Bytes reach a service in `objects` alone; what may be removed is decided in `maintenance`.

pub(super) mod lease;
pub(super) mod names;
pub(super) mod objects;
pub(super) mod remote_head;
pub(super) mod remote_record;
pub(super) mod sent;
pub(super) mod tier;
pub(super) mod transfer_stats;
pub(super) mod upload;

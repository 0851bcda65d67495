//! The remote tier: what a store keeps behind its folder, in which order it goes there, and who does the work of a key.
//!
//! Only `objects` knows how bytes reach a service. Nothing here knows what goes on in the local tier, nor what may be
//! removed from it.

pub(super) mod lease;
pub(super) mod names;
pub(super) mod objects;
pub(super) mod remote_head;
pub(super) mod remote_record;
pub(super) mod room;
pub(super) mod sent;
pub(super) mod tier;
pub(super) mod transfer_stats;
pub(super) mod upload;

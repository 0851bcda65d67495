//! Looking after a store: what is in it, what is needed, what is damaged; and removing or mending what is not as it should be.

pub(super) mod amount;
pub(super) mod bound;
pub(super) mod fault;
pub(super) mod gc;
pub(super) mod live_set;
pub(super) mod pins;
pub(super) mod remote_gc;
pub(super) mod remote_live_set;
pub(super) mod repair;
pub(super) mod room;
pub(super) mod verify;

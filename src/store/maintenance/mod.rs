//! Looking after a store: what is in it, what is needed, what is damaged; and removing or mending what is not as it should be.

pub(super) mod bound;
pub(super) mod far_gc;
pub(super) mod far_needs;
pub(super) mod fault;
pub(super) mod gc;
pub(super) mod needs;
pub(super) mod pins;
pub(super) mod repair;
pub(super) mod room;
pub(super) mod verify;

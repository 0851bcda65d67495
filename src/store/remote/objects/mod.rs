//! The remote tier: an object store behind the local one.
//!
//! This folder is the one place that knows `object_store` and its runtime. Content and records are created and never
//! overwritten; where a service has no conditional put, two writers of one name write the same content, or two records
//! of the same work of which either may stand.

mod address;
mod object;
mod open;
mod options;
mod remote;
mod service;
mod transfer;
mod wording;

pub use object::ObjectRemote;
pub use options::RemoteOptions;
pub use remote::{Remote, RemoteObject};
pub use wording::public;

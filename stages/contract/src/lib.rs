//! The documents that the engine and stage programs exchange, and the harness every stage program shares.
//!
//! A stage program answers two calls: `PROGRAM describe` prints a [`Program`] as JSON, and
//! `PROGRAM run KIND --task task.json` does the work that a [`Task`] names, appending [`Event`]s to the file the task
//! names. Programs in other languages read and write the same JSON; nothing here is needed to take part.
//!
//! This crate carries documents and computes nothing, so a change to it makes no result stale.

mod brought;
mod describe;
mod event;
mod harness;
mod machine;
mod parameter;
mod task;

pub use brought::unusable;
pub use describe::{CONTRACT_VERSION, Cpus, Input, Kind, Output, Program};
pub use event::Event;
pub use harness::{Offer, Stage, StageError, run_main};
pub use machine::Machine;
pub use parameter::{Parameter, ParameterType};
pub use task::{Labelled, Task, TaskInput};

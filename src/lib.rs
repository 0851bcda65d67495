//! The engine of NN-Factory: it runs an experiment from one YAML file, stores every step's result under the hash of
//! what went into it, and reruns only what a change made stale. It knows a stage as a program, its parameters, its inputs
//! and its outputs, and nothing of machine learning.
//!
//! The nouns, in the order in which a run meets them:
//!
//! - [`pipeline`] reads the YAML files ([`yaml`]), asks [`programs`] for their kinds, and makes a checked [`graph`] of
//!   instances; every fault is a [`diagnostic`] with its place.
//! - [`plan`] computes the [`key`] of each instance and says what is fresh, stale and pending; [`why`] explains.
//! - [`run`] is one loop that owns all state; workers carry out attempts and send messages.
//! - [`store`] keeps content, [`record`]s and runs: a folder of plain files, and a remote tier behind it.
//! - [`reporter`] tells what happens while it happens, [`page`] afterwards.
//!
//! The seams, each with one suite of tests for all that implement it: where a stage runs ([`executor::Executor`]), the
//! store's remote tier (`store/remote`), who is told ([`run::Reporter`]). Read `run/mod.rs` first, then
//! `executor/mod.rs` and `store/mod.rs`. The library never touches the terminal, `$HOME` or the environment; the command
//! line in `cli` does.

pub mod diagnostic;
pub mod digest;
pub mod executor;
pub mod gpus;
pub mod graph;
pub mod key;
mod lock_file;
pub mod machine;
mod mutex;
mod os_error;
pub mod page;
pub mod pipeline;
pub mod plan;
mod processes;
pub mod programs;
pub mod record;
pub mod reporter;
pub mod run;
pub mod shell;
pub mod store;
pub mod why;
pub mod yaml;

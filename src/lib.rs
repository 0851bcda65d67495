//! The engine of NN-Factory: it runs an experiment from one YAML file, stores every step's result under the hash of
//! what went into it, and reruns only what a change made stale.
//!
//! The engine knows a stage as a program, its parameters, its inputs and its outputs. It knows nothing of machine
//! learning. The library never touches the terminal, `$HOME` or the environment; `cli` does.

pub mod diagnostic;
pub mod digest;
pub mod executor;
pub mod gpus;
pub mod graph;
pub mod key;
mod lock_file;
pub mod machine;
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

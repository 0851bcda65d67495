//! Jobs of Slurm, on nodes that see the store, the project and this program where this machine does.

mod asking;
mod cluster;
mod desk;
mod executor;
mod fleet;
mod follow;
mod journal;
mod keeper;
mod lane;
mod machines;
mod node;
mod nodes;
mod place;
mod programs;
mod spool;
mod state;
mod submission;

pub use executor::{Slurm, SlurmSetup};
pub use node::serve;

//! Where stages run, and how one attempt of a stage is carried out: a command line, watched until it ends.
//!
//! An executor does not know keys or the store. Read `Executor` first; each implementation passes `conformance`.

mod budget;
mod by_stage;
mod command;
#[cfg(test)]
mod conformance;
mod ended;
mod ending;
mod error;
mod events;
mod handle;
mod lines;
mod local;
mod logs;
mod machine_locks;
mod part;
mod pause;
mod room;
mod sandbox;
#[cfg(test)]
mod scripted;
mod seam;
mod slurm;
mod stop;
mod wait;

pub use budget::Budget;
pub use by_stage::{ByStage, Choice};
pub use command::Command;
pub use ended::{Ended, Execution};
pub use error::{ExecutorError, why_not_started};
pub use handle::{Handle, Recovered};
pub use local::{Local, LocalOptions};
pub use logs::{capped, copy, tail};
pub use pause::Pauser;
pub use room::{Capacity, Held, Offer, Refusal, Request, Reservation, Share};
pub use sandbox::{Bounds, SandboxError, can_sandbox, enter_sandbox};
#[cfg(test)]
pub(crate) use scripted::Scripted;
pub use seam::{Executor, Watcher};
pub use slurm::{Slurm, SlurmSetup, serve};
pub use stop::Stop;

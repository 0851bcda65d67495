//! A run: one loop that owns all state. Workers do the work on threads of their own and only send messages.
//!
//! Read `scheduler` first, then `states` (where each instance stands); `ordinary`, with `resolve_ready`, `start`, `outcome`
//! and `end` (what happens to it in a run), and `audit`, the two policies; and `worker` and `attempt` (the work of one
//! instance).
//! What happens goes to a reporter; nothing here knows the terminal, or where stages run.

mod asked;
mod attempt;
mod attempts;
mod audit;
mod bounds;
mod cause;
mod command;
mod comparison;
mod end;
mod event;
mod listener;
mod message;
mod numbers;
mod ordinary;
mod outcome;
mod programs;
mod recovery;
mod resolve_ready;
mod result;
mod scheduler;
mod start;
mod state;
mod states;
mod up_to_date;
mod verdict;
mod words;
mod work;
mod worker;
mod workers;

#[cfg(test)]
mod tests;

pub use audit::{Audit, AuditError, AuditOptions};
pub use cause::{Cause, Fault};
pub use event::{Ran, Reporter, RunEvent, Summary};
pub use message::Interrupter;
pub use ordinary::Run;
pub use state::RunOptions;
pub use up_to_date::up_to_date;
pub use verdict::{Audited, OutputDifference, Verdict};

//! Promises of the crate: importance and groups are Torch-Pruning's, budgets are met, stages go on where they stopped.
#![expect(clippy::unwrap_used, reason = "tests")]

mod golden;
mod prunes;
mod stages;
mod toy;
mod trains;

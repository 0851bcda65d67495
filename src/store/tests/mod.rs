//! The store as a whole: every remote tier against one suite, and two stores that share one.

#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "../../../tests/support/azurite.rs"]
mod azurite;
mod conformance;
mod fuzz;
mod maintenance;
mod remote_away;
mod sharing;
mod strict;
mod together;

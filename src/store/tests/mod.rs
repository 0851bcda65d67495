//! The store as a whole: every remote tier against one suite, and two stores that share one.

#![expect(clippy::unwrap_used, reason = "tests")]

mod conformance;
mod fuzz;
mod keeping;
mod sharing;
mod strict;

//! An S3 store behind the local one, as a user meets it: sharing, moving results, leases, faults, secrets, large outputs.

#![expect(clippy::unwrap_used, reason = "tests")]

mod collecting;
mod faults;
mod large;
mod leases;
mod machine;
mod moving;
mod secrets;
mod sharing;
#[path = "../support/mod.rs"]
mod support;

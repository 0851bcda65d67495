//! Build-time hashes of the crates that a stage kind is built from.

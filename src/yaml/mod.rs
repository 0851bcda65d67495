//! A YAML text as a tree in which every value and every key knows its place.
//!
//! The one place that knows the YAML library. It reads events rather than going through serde, because faults in
//! meaning must have a line and all of them are reported at once.

mod file;
mod node;
mod reader;
mod scalar;
#[cfg(test)]
mod tests;

pub use file::{read, text};
pub use node::{Entry, Node, Value};
pub use reader::{parse, word};

//! Shows a run: on a terminal, as plain lines, or as JSON lines.
//!
//! Reporters see events and nothing else; they write to what they are given.

mod json;
mod plain;
mod terminal;
mod words;

pub use json::JsonLines;
pub use plain::Plain;
pub use terminal::Terminal;
pub use words::{duration, summary_lines};

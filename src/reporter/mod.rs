//! Shows a run: on a terminal, as plain lines, or as JSON lines.
//!
//! Reporters see events and nothing else; they write to what they are given.

mod json;
mod plain;
mod safe;
mod screen;
mod terminal;
mod width;
mod words;

pub use json::JsonLines;
pub use plain::Plain;
pub use safe::{json as safe_json, lines as safe_lines, one_line};
pub use screen::Size;
pub use terminal::{Curtain, Terminal};
pub use width::width;
pub use words::{duration, summary_lines};

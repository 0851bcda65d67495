//! A run as JSON lines, one event each.

use std::io::Write;

use crate::reporter::safe;
use crate::run::{Reporter, RunEvent};

/// Writes each event as a JSON object on a line of its own.
#[derive(Debug)]
pub struct JsonLines<W>(pub W);

impl<W: Write> Reporter for JsonLines<W> {
    fn event(&mut self, event: &RunEvent) {
        let line = safe::json(&serde_json::to_string(event).unwrap_or_default());
        // A reader that has gone away does not stop the run.
        let _ = writeln!(self.0, "{line}").and_then(|()| self.0.flush());
    }
}

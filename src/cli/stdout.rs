//! Standard output: the one place that writes to it.
//!
//! A command goes on when writing fails, since what it does (a run, say) may matter more than what it shows. The first
//! failure is kept, and `finish` tells it: a full disk is an error, a reader that has gone away is none.

use std::fmt::Display;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use nnf::reporter::{one_line, safe_json, safe_lines};

use crate::cli::failure::Failure;

/// Most characters of a line for people.
const MOST_LETTERS: usize = 20_000;

static FAILED: Mutex<Option<io::Error>> = Mutex::new(None);

fn failed() -> MutexGuard<'static, Option<io::Error>> {
    FAILED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Standard output as a place to write to. Writing to it seems to succeed; `finish` knows.
pub(crate) struct Stdout;

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        note(|out| out.write_all(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        note(|out| out.flush());
        Ok(())
    }
}

/// Does something with standard output, unless that has failed before.
fn note(work: impl FnOnce(&mut io::Stdout) -> io::Result<()>) {
    let mut failed = failed();
    if failed.is_none() {
        *failed = work(&mut io::stdout()).err();
    }
}

/// Writes a line for people. What others said in it cannot make it two.
pub(crate) fn out(line: &str) {
    let _ = writeln!(Stdout, "{}", one_line(line, MOST_LETTERS));
}

/// Writes a line, or a document, of JSON.
pub(crate) fn json(document: &dyn Display) {
    let _ = writeln!(Stdout, "{}", safe_json(&document.to_string()));
}

/// Writes what a stage wrote: its bytes, or on a terminal what can be shown of them.
pub(crate) fn bytes(bytes: &[u8], raw: bool) {
    if !raw && io::stdout().is_terminal() {
        let _ = Stdout.write_all(safe_lines(&String::from_utf8_lossy(bytes)).as_bytes());
    } else {
        let _ = Stdout.write_all(bytes);
    }
}

/// Whether all that was to be written arrived, or nobody wanted it any more.
pub(crate) fn finish() -> Result<(), Failure> {
    note(|out| out.flush());
    match failed().take() {
        Some(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::Store(format!("standard output cannot be written: {error}")))
        }
        _ => Ok(()),
    }
}

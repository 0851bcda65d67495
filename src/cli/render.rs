//! Faults as a person sees them: what, where with the line itself, and what to do.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use nnf::diagnostic::{Diagnostic, Place};
use nnf::reporter::{Curtain, Terminal, one_line, width};

use crate::cli::failure::Failure;

pub(crate) use crate::cli::stdout::{bytes, json, out};

/// Most faults that are shown, and the most characters of one of their sentences and of a line of the file.
const MOST_FAULTS: usize = 100;
const MOST_WORDS: usize = 20_000;
const MOST_LINE: usize = 400;

/// Whether and how to colour.
#[derive(Clone, Copy)]
pub(crate) struct Style {
    colour: bool,
}

impl Style {
    pub(crate) fn stderr() -> Self {
        Style { colour: colours(&std::io::stderr()) }
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// Whether to colour what goes there: on a terminal that can, unless `NO_COLOR` is set.
pub(crate) fn colours(to: &impl IsTerminal) -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    to.is_terminal() && !refused && has_capabilities()
}

/// Whether lines can be drawn again and again on standard error: on a terminal that can, and that has room for some.
pub(crate) fn can_draw() -> bool {
    let (columns, rows) = size();
    columns >= 20 && rows >= 3 && has_capabilities()
}

/// Width and height of the terminal that standard error is; nothing where it is none.
pub(crate) fn size() -> (usize, usize) {
    let size = rustix::termios::tcgetwinsize(std::io::stderr());
    size.map_or((0, 0), |size| (size.ws_col.into(), size.ws_row.into()))
}

/// Whether the terminal says what it is, and that it is more than a printer.
fn has_capabilities() -> bool {
    std::env::var_os("TERM").is_some_and(|name| !name.is_empty() && name != "dumb")
}

/// Writes faults to standard error.
pub(crate) fn faults(faults: &[Diagnostic]) {
    let style = Style::stderr();
    let mut text = String::new();
    for fault in faults.iter().take(MOST_FAULTS) {
        text.push_str(&render(fault, style));
        text.push('\n');
    }
    if faults.len() > MOST_FAULTS {
        let _ = writeln!(text, "{} more are not shown", faults.len() - MOST_FAULTS);
    }
    if faults.len() > 1 {
        let _ = writeln!(text, "{} faults; nothing was run", faults.len());
    }
    to_stderr(&text);
}

/// Writes failures of stages to standard error.
pub(crate) fn failures(failures: &[Diagnostic]) {
    let style = Style::stderr();
    let text: String = failures.iter().map(|failure| format!("\n{}", render(failure, style))).collect();
    to_stderr(&text);
}

/// The terminal view of the run that goes on.
static CURTAIN: Mutex<Option<Curtain>> = Mutex::new(None);

/// Has lines for standard error written above those of a view that is drawn there.
pub(crate) fn write_above(view: &Terminal) {
    *CURTAIN.lock().unwrap_or_else(PoisonError::into_inner) = Some(view.curtain());
}

/// Takes the view off the terminal; it comes back by itself.
pub(crate) fn clear_view() {
    if let Some(curtain) = &*CURTAIN.lock().unwrap_or_else(PoisonError::into_inner) {
        curtain.draw();
    }
}

fn to_stderr(text: &str) {
    let _ = Stderr.write_all(text.as_bytes());
}

/// Standard error, as a place to write whole lines to.
pub(crate) struct Stderr;

impl std::io::Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        clear_view();
        std::io::stderr().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        std::io::stderr().flush()
    }
}

/// The folder that a file or folder is to be made in.
pub(crate) fn folder_of(to: &Path) -> &Path {
    to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// That something cannot be written to a place that the user named.
pub(crate) fn cannot_write(to: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::wrong(format!("`{}` cannot be written: {error}", to.display()))
}

/// Writes a remark to standard error.
pub(crate) fn note(line: &str) {
    to_stderr(&format!("{}: {}\n", Style::stderr().paint("1;36", "note"), printable(line)));
}

/// One fault.
fn render(fault: &Diagnostic, style: Style) -> String {
    let mut text = format!("{}: {}\n", style.paint("1;31", "error"), printable(&fault.message));
    for line in &fault.details {
        let _ = writeln!(text, "{}", printable(line));
    }
    if let Some(place) = &fault.place {
        text.push_str(&excerpt(place, style));
    }
    if let Some((place, remark)) = fault.related.as_deref() {
        let _ = writeln!(text, "{}: {}", style.paint("1;36", "note"), printable(remark));
        text.push_str(&excerpt(place, style));
    }
    for hint in fault.hints.iter().take(2) {
        let _ = writeln!(text, "{}: {}", style.paint("1;32", "hint"), printable(hint));
    }
    text
}

/// The line of a place, with carets under it.
fn excerpt(place: &Place, style: Style) -> String {
    let source = &place.source.text;
    let start = place.start.min(source.len());
    let line_start = source[..start].rfind('\n').map_or(0, |at| at + 1);
    let line_end = source[start..].find('\n').map_or(source.len(), |at| start + at);
    // Of a line that no screen could show, the part around the place.
    let line_end = end_of(source, start, line_end, MOST_LINE);
    let shown_from = start_of(source, line_start, start, MOST_LINE);
    let line = &source[shown_from..line_end];
    let number = source[..line_start].matches('\n').count() + 1;
    let column = source[line_start..start].chars().count() + 1;
    let before = width(&source[shown_from..start]);
    let marked = width(&source[start..place.end.clamp(start, line_end)]).max(1);
    let gutter = " ".repeat(number.to_string().len());
    let bar = style.paint("1;34", "|");
    let carets = style.paint("1;31", &"^".repeat(marked));
    format!(
        "{gutter}{} {}:{number}:{column}\n{gutter} {bar}\n{} {bar} {}\n{gutter} {bar} {}{carets}\n",
        style.paint("1;34", "-->"),
        printable(&place.source.name.to_string_lossy()),
        style.paint("1;34", &number.to_string()),
        printable(line),
        " ".repeat(before),
    )
}

/// The last place, at most so many characters after `from`.
fn end_of(text: &str, from: usize, to: usize, most: usize) -> usize {
    text[from..to].char_indices().nth(most).map_or(to, |(at, _)| from + at)
}

/// The first place, at most so many characters before `to`.
fn start_of(text: &str, from: usize, to: usize, most: usize) -> usize {
    text[from..to].char_indices().rev().nth(most).map_or(from, |(at, _)| from + at)
}

/// As one line, whatever others said in it.
fn printable(text: &str) -> String {
    one_line(text, MOST_WORDS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nnf::diagnostic::Source;
    use std::sync::Arc;

    #[test]
    fn carets_stand_under_wide_characters_and_tabs() {
        let text = "a: 1\n\t日本: wrong # tail\n";
        let source = Arc::new(Source { name: "p.yaml".into(), text: text.into() });
        let start = text.find("wrong").unwrap_or(0);
        let place = Place { source, start, end: start + 5 };
        let fault = Diagnostic::new("this is \x1b[31mwrong").at(&place).hint("do better");
        insta::assert_snapshot!(render(&fault, Style { colour: false }), @r"
        error: this is �[31mwrong
         --> p.yaml:2:6
          |
        2 |     日本: wrong # tail
          |           ^^^^^
        hint: do better
        ");
    }
}

//! Faults as a person sees them: what, where with the line itself, and what to do.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};
use std::path::Path;

use nnf::diagnostic::{Diagnostic, Place};

use crate::cli::failure::Failure;

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
    /// Colours on a terminal, unless `NO_COLOR` is set.
    pub(crate) fn stderr() -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Style { colour: std::io::stderr().is_terminal() && !refused }
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
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
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// Writes failures of stages to standard error.
pub(crate) fn failures(failures: &[Diagnostic]) {
    let style = Style::stderr();
    let text: String = failures.iter().map(|failure| format!("\n{}", render(failure, style))).collect();
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// Writes a line to standard output. A reader that has gone away is no fault.
pub(crate) fn out(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Writes bytes to standard output. A reader that has gone away is no fault.
pub(crate) fn bytes(bytes: &[u8]) -> Result<(), Failure> {
    gone_or_done(std::io::stdout().write_all(bytes))
}

/// The folder that a file or folder is to be made in.
pub(crate) fn folder_of(to: &Path) -> &Path {
    to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// That something cannot be written to a place that the user named.
pub(crate) fn cannot_write(to: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::wrong(format!("`{}` cannot be written: {error}", to.display()))
}

/// What writing to standard output came to.
pub(crate) fn gone_or_done(written: std::io::Result<()>) -> Result<(), Failure> {
    match written {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::Store(error.to_string())),
        _ => Ok(()),
    }
}

/// Writes a remark to standard error.
pub(crate) fn note(line: &str) {
    let _ = writeln!(std::io::stderr(), "{}: {line}", Style::stderr().paint("1;36", "note"));
}

/// One fault.
fn render(fault: &Diagnostic, style: Style) -> String {
    let mut text = format!("{}: {}\n", style.paint("1;31", "error"), printable(&fault.message));
    if let Some(place) = &fault.place {
        text.push_str(&excerpt(place, style));
    }
    if let Some((place, remark)) = &fault.related {
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
    let before = columns(&source[shown_from..start]);
    let marked = columns(&source[start..place.end.clamp(start, line_end)]).max(1);
    let gutter = " ".repeat(number.to_string().len());
    let bar = style.paint("1;34", "|");
    let carets = style.paint("1;31", &"^".repeat(marked));
    format!(
        "{gutter}{} {}:{number}:{column}\n{gutter} {bar}\n{} {bar} {}\n{gutter} {bar} {}{carets}\n",
        style.paint("1;34", "-->"),
        place.source.name.display(),
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

/// Columns that a text takes: tabs are four, East Asian wide characters two, marks that combine none.
fn columns(text: &str) -> usize {
    text.chars()
        .map(|c| match c {
            '\t' => 4,
            '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200f}' | '\u{fe00}'..='\u{fe0f}' => 0,
            '\u{1100}'..='\u{115f}'
            | '\u{2e80}'..='\u{a4cf}'
            | '\u{ac00}'..='\u{d7a3}'
            | '\u{f900}'..='\u{faff}'
            | '\u{fe30}'..='\u{fe6f}'
            | '\u{ff00}'..='\u{ff60}'
            | '\u{1f300}'..='\u{1faff}' => 2,
            _ => 1,
        })
        .sum()
}

/// Without characters that would move the cursor or change colours; tabs are four spaces, as in excerpts.
fn printable(text: &str) -> String {
    let end = end_of(text, 0, text.len(), MOST_WORDS);
    let text = text[..end].replace('\t', "    ");
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
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

//! The lines at the end of a terminal that are drawn anew again and again, below what was said for good.
//!
//! The cursor stays at the beginning of the line below them, so whoever else writes there, or ends this program, finds the
//! terminal as a person would leave it. The terminal is given as a place to write to and its size.

use std::io::Write;

use crate::reporter::width::{cut, width};

/// Width and height of a terminal, in characters.
pub type Size = fn() -> (usize, usize);

/// Draws on a terminal.
pub(crate) struct Screen {
    out: Box<dyn Write + Send>,
    size: Size,
    /// Widths of the lines that were drawn last.
    drawn: Vec<usize>,
}

impl Screen {
    pub(crate) fn new(out: Box<dyn Write + Send>, size: Size) -> Self {
        Screen { out, size, drawn: Vec::new() }
    }

    /// Says lines for good, and draws others below them in place of those that were drawn before.
    pub(crate) fn draw(&mut self, said: &[String], lines: &[String]) {
        let (columns, rows) = (self.size)();
        // A terminal that was made narrower since has broken the lines that were wider.
        let up: usize = self.drawn.iter().map(|drawn| drawn.div_ceil(columns.max(1)).max(1)).sum();
        let mut text = if up > 0 { format!("\x1b[{up}A\r\x1b[J") } else { String::new() };
        self.drawn.clear();
        for line in said {
            text.push_str(line);
            text.push('\n');
        }
        // What does not fit would move lines out of reach.
        let most = rows.saturating_sub(1).max(1);
        let hidden = lines.len().saturating_sub(most);
        for line in lines.iter().skip(hidden) {
            // The last column stays free: in it, terminals differ in where the cursor goes next.
            let line = cut(line, columns.saturating_sub(1));
            self.drawn.push(width(line));
            text.push_str(line);
            text.push('\n');
        }
        if !text.is_empty() {
            // A terminal that has gone away does not stop the run.
            let _ = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use std::sync::{Arc, Mutex};

    use super::*;

    /// A terminal as far as it is needed here: it keeps rows, and heeds what `Screen` sends.
    #[derive(Clone, Default)]
    struct Rows(Arc<Mutex<(Vec<String>, usize)>>);

    impl Write for Rows {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let (rows, at) = &mut *self.0.lock().unwrap();
            let mut text = std::str::from_utf8(bytes).unwrap();
            while let Some(c) = text.chars().next() {
                if let Some(rest) = text.strip_prefix("\x1b[") {
                    let end = rest.find(|c: char| c.is_ascii_alphabetic()).unwrap();
                    match &rest[end..=end] {
                        "A" => *at = at.checked_sub(rest[..end].parse().unwrap()).unwrap(),
                        "J" => rows.truncate(*at),
                        other => panic!("{other}"),
                    }
                    text = &rest[end + 1..];
                    continue;
                }
                rows.resize(rows.len().max(*at + 1), String::new());
                match c {
                    '\n' => *at += 1,
                    '\r' => {}
                    c => rows[*at].push(c),
                }
                text = &text[c.len_utf8()..];
            }
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn nothing_is_left_behind() {
        let rows = Rows::default();
        let mut screen = Screen::new(Box::new(rows.clone()), || (10, 4));
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let seen = || rows.0.lock().unwrap().0.clone();
        screen.draw(&[], &words(&["▸ a", "0 done"]));
        screen.draw(&words(&["note"]), &words(&["▸ a", "▸ b", "0 done"]));
        assert_eq!(seen(), ["note", "▸ a", "▸ b", "0 done"]);
        screen.draw(&words(&["✓ a"]), &words(&["▸ b is much too long for this", "1 done"]));
        assert_eq!(seen(), ["note", "✓ a", "▸ b is mu", "1 done"]);
        screen.draw(&[], &words(&["1", "2", "3", "4", "5"]));
        assert_eq!(seen(), ["note", "✓ a", "3", "4", "5"], "what sums up stands last");
        screen.draw(&words(&["done"]), &[]);
        assert_eq!(seen(), ["note", "✓ a", "done"]);
    }
}

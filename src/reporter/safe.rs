//! Text of others in lines of ours: what stages, programs and files say must not move the cursor, start a line, turn the
//! direction of what follows, or change colours.
//!
//! Whoever shows a line to people passes it through here, whole and last. Documents for programs keep every character.

use std::fmt::Write as _;

/// What stands in place of a character that is not to be shown.
const HIDDEN: char = '\u{fffd}';
/// What stands in place of an end of line.
const RETURN: char = '\u{23ce}';

/// A text as it may stand in one line for people, with so many characters at most; tabs are four spaces.
#[must_use]
pub fn one_line(text: &str, most: usize) -> String {
    let text = text.replace("\r\n", "\n");
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let mut line = String::with_capacity(text.len());
    for c in text.chars().take(most) {
        match c {
            '\t' => line.push_str("    "),
            '\n' => line.push(RETURN),
            c if moves(c) => line.push(HIDDEN),
            c => line.push(c),
        }
    }
    let left = text.chars().count().saturating_sub(most);
    if left > 0 {
        let _ = write!(line, "… ({left} characters more)");
    }
    line
}

/// A text of many lines as a terminal may show it; its ends of lines and tabs stay.
#[must_use]
pub fn lines(text: &str) -> String {
    text.replace("\r\n", "\n").chars().map(|c| if moves(c) && c != '\n' && c != '\t' { HIDDEN } else { c }).collect()
}

/// JSON with the same meaning, in which such characters are written by their numbers.
#[must_use]
pub fn json(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        // Between values JSON has ends of lines and spaces; within them it has no control characters but DEL and those
        // from 0x80 on.
        if c != '\n' && moves(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(safe, "\\u{unit:04x}");
            }
        } else {
            safe.push(c);
        }
    }
    safe
}

/// Whether a character is a control, an end of line, turns the direction of text, or marks text that is not shown.
fn moves(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{206f}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_moves() {
        assert_eq!(one_line("a\x1b[2J\r\nb\tc\u{202e}\u{9b}1m\n", 99), "a�[2J⏎b    c��1m");
        assert_eq!(one_line("größe 日本 👩‍💻", 99), "größe 日本 👩‍💻");
        assert_eq!(one_line(&"x".repeat(100), 10), "xxxxxxxxxx… (90 characters more)");
        assert_eq!(lines("a\r\nb\t\x1bc\rd\n"), "a\nb\t�c�d\n");
        let text = "\u{7f}\u{9b}\u{202e}\u{e0041}é\u{1b}";
        let safe = json(&serde_json::to_string(text).unwrap());
        assert_eq!(safe, "\"\\u007f\\u009b\\u202e\\udb40\\udc41é\\u001b\"");
        assert_eq!(serde_json::from_str::<String>(&safe).unwrap(), text);
    }

    proptest! {
        #[test]
        fn of_any_text_one_line_is_left(text in any::<String>(), most in 0usize..50) {
            let line = one_line(&text, most);
            prop_assert!(!line.chars().any(moves));
            prop_assert!(line.chars().count() <= 4 * most + 40, "{}", line);
        }
    }
}

//! What is put into a script, so that the shell takes it for text, whatever is in it.
//!
//! Paths and values are given to the script as variables, which it sets before anything else: what is in a variable is
//! never read as code, even where `scan` was wrong about the quotes around it.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use crate::shell::code::Code;
use crate::shell::spot::{Quoting, Spot};

/// Whether a shell takes a text as it is where no quotes are.
#[must_use]
pub fn is_harmless(text: &str) -> bool {
    text.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '/' | ':' | ',' | '+' | '=' | '@' | '%'))
}

/// Whether a shell reads a text, put in as it is, as that text.
#[must_use]
pub fn is_read_as_it_is(text: &str, spot: &Spot) -> bool {
    match (spot.quoting, spot.within) {
        (_, Some(Code::Shell | Code::Foreign)) if !spot.whole => is_harmless(text),
        (Quoting::Double, _) => !text.contains(['"', '`']) && !has_dollar(text, spot.next) && !escapes(text, true),
        (Quoting::Here, _) => !text.contains('`') && !has_dollar(text, spot.next) && !escapes(text, false),
        (Quoting::Single, _) => !text.contains('\''),
        (Quoting::Ansi, _) => !text.contains(['\'', '\\']),
        (Quoting::HereLiteral, _) => true,
        (Quoting::Comment, _) => !text.contains('\n'),
        (Quoting::Arithmetic, _) => text.chars().all(|c| is_harmless(c.encode_utf8(&mut [0; 4])) || " *".contains(c)),
        (Quoting::Bare | Quoting::Unsure, _) => is_harmless(text),
    }
}

/// Whether a dollar sign in a text, before `next`, begins something.
fn has_dollar(text: &str, next: Option<char>) -> bool {
    let begins = |c: char| !(c.is_whitespace() || "\"|)/.,:;%+=^]}&<>~\\".contains(c));
    let mut dollars = text.match_indices('$');
    dollars.any(|(at, _)| text[at + 1..].chars().next().or(next).is_some_and(begins))
}

/// Whether a backslash in a text takes something away.
fn escapes(text: &str, in_double: bool) -> bool {
    let taken = |c: char| matches!(c, '$' | '`' | '\\' | '\n') || (in_double && c == '"');
    text.match_indices('\\').any(|(at, _)| text[at + 1..].chars().next().is_none_or(taken))
}

/// A text as it is written in a script, so that the shell reads it as that text; none where it cannot be.
#[must_use]
pub fn escaped(text: &str, spot: &Spot) -> Option<String> {
    if is_read_as_it_is(text, spot) {
        return Some(text.to_owned());
    }
    if spot.within == Some(Code::Shell) && !spot.whole {
        return None;
    }
    let before = |special: &[char]| {
        let escape = |c: char| if special.contains(&c) { vec!['\\', c] } else { vec![c] };
        text.chars().flat_map(escape).collect::<String>()
    };
    match spot.quoting {
        Quoting::Double => Some(before(&['"', '`', '$', '\\'])),
        Quoting::Here => Some(before(&['`', '$', '\\'])),
        Quoting::Ansi => Some(before(&['\'', '\\'])),
        Quoting::Single => Some(text.replace('\'', r"'\''")),
        _ => None,
    }
}

/// The characters that programs of other languages read in texts between quotes.
const READ_IN_TEXTS: [char; 8] = ['"', '\'', '\\', '$', '@', '`', '#', '%'];

/// Fills the holes of one script.
#[derive(Debug, Default)]
pub struct Filler {
    /// The assignments that the script begins with.
    before: Vec<u8>,
    variables: usize,
}

impl Filler {
    /// What is put where a text is to stand; none where no text of this sort may stand there.
    pub fn put(&mut self, text: &OsStr, spot: &Spot) -> Option<OsString> {
        let known = text.to_str();
        if known.is_some_and(is_harmless) {
            return Some(text.to_owned());
        }
        let read = |c: char| c.is_control() || READ_IN_TEXTS.contains(&c);
        match spot.within {
            Some(Code::Shell) if !spot.whole => return None,
            Some(Code::Foreign) => return None,
            Some(Code::Language) if known.is_none_or(|text| text.contains(read)) => return None,
            _ => {}
        }
        Some(match spot.quoting {
            Quoting::Bare => format!("\"${{{}}}\"", self.variable(text)).into(),
            Quoting::Double | Quoting::Here | Quoting::Arithmetic | Quoting::Comment => {
                format!("${{{}}}", self.variable(text)).into()
            }
            Quoting::Single => format!("'\"${{{}}}\"'", self.variable(text)).into(),
            Quoting::Ansi => format!("'\"${{{}}}\"$'", self.variable(text)).into(),
            Quoting::HereLiteral if !text.as_bytes().contains(&b'\n') => text.to_owned(),
            Quoting::HereLiteral | Quoting::Unsure => return None,
        })
    }

    /// A variable that holds a text.
    fn variable(&mut self, text: &OsStr) -> String {
        self.variables += 1;
        let name = format!("_nnf_{}", self.variables);
        self.before.extend(name.bytes());
        self.before.extend(b"='");
        for byte in text.as_bytes() {
            match byte {
                b'\'' => self.before.extend(br"'\''"),
                byte => self.before.push(*byte),
            }
        }
        self.before.extend(b"'; ");
        name
    }

    /// The whole script.
    #[must_use]
    pub fn finish(self, script: OsString) -> OsString {
        let mut whole = self.before;
        whole.extend(script.as_bytes());
        OsString::from_vec(whole)
    }
}

/// Whether a path may stand in the code of a language other than that of shells, or of a shell with quotes of its own.
#[must_use]
pub fn may_stand_in(path: &OsStr, code: Code) -> bool {
    let spot = Spot { quoting: Quoting::Single, within: Some(code), whole: false, next: None };
    Filler::default().put(path, &spot).is_some()
}

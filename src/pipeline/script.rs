//! What is put into a script that a shell reads: it must arrive as it is, and never be read as code.
//!
//! A path that is known when the command runs is put in by `run`; here it is seen to that it can be. A value is known
//! now: one that the shell would take apart, where no quotes stand around it, is a fault, since one word and several
//! are both what could have been meant.

use std::ffi::OsStr;
use std::path::Path;

use crate::diagnostic::{Diagnostic, Place};
use crate::graph::{Piece, Source};
use crate::pipeline::interpolate::write_out;
use crate::pipeline::reading::Faults;
use crate::pipeline::words::{Item, Known};
use crate::shell::{self, Bit, Code, Quoting, Spot};

/// The words of a command, once it is known which of them are code.
pub(super) fn settle(
    words: Vec<(Vec<Item>, &Place)>,
    known: &Known<'_>,
    root: &Path,
    faults: &mut Faults,
) -> Vec<Vec<Piece>> {
    let mut harmless = words.iter().flat_map(|(items, place)| items.iter().map(move |item| (item, *place)));
    if harmless.all(|(item, place)| Word { known, root, place, faults }.is_harmless(item)) {
        let plain = words.into_iter().map(|(items, place)| Word { known, root, place, faults }.plain(items, None));
        return plain.collect();
    }
    let texts: Vec<Option<String>> = words.iter().map(|(items, _)| text(items, known)).collect();
    let code = shell::code(&texts.iter().map(Option::as_deref).collect::<Vec<_>>());
    let mut settled = Vec::with_capacity(words.len());
    for ((items, place), code) in words.into_iter().zip(code) {
        let mut word = Word { known, root, place, faults };
        settled.push(match code {
            // One value alone is the script itself.
            Some(Code::Shell) if items.len() > 1 => word.script(items),
            code => word.plain(items, code),
        });
    }
    settled
}

/// The text of a word, if all of it is known now.
fn text(items: &[Item], known: &Known<'_>) -> Option<String> {
    items
        .iter()
        .map(|item| match item {
            Item::Literal(text) | Item::Value { text, .. } => Some(text.clone()),
            Item::Place(Piece::With(name)) => write_out(&known.with[name]),
            Item::Place(_) => None,
        })
        .collect()
}

struct Word<'a, 'b> {
    known: &'a Known<'b>,
    root: &'a Path,
    place: &'a Place,
    faults: &'a mut Faults,
}

impl<'a> Word<'a, '_> {
    /// Whether no shell and no other language could take it for code, wherever it stands.
    fn is_harmless(&self, item: &Item) -> bool {
        match item {
            Item::Literal(_) => true,
            Item::Value { text, .. } => shell::is_harmless(text),
            Item::Place(Piece::With(name)) => {
                write_out(&self.known.with[name]).is_some_and(|text| shell::is_harmless(&text))
            }
            Item::Place(piece) => {
                let path = self.path(piece).and_then(OsStr::to_str);
                !self.is_list(piece) && path.is_some_and(shell::is_harmless)
            }
        }
    }

    /// A word that is no script of a shell.
    fn plain(&mut self, items: Vec<Item>, code: Option<Code>) -> Vec<Piece> {
        let alone = items.len() == 1;
        let mut pieces = Vec::new();
        for item in items {
            match item {
                Item::Literal(text) | Item::Value { text, .. } => push(&mut pieces, text),
                Item::Place(piece) => {
                    if !alone && self.is_list(&piece) {
                        self.no_list(&piece);
                        continue;
                    }
                    if let Some(code) = code
                        && let Some(path) = self.path(&piece)
                        && !shell::may_stand_in(path, code)
                    {
                        self.no_path(&piece, path);
                    }
                    pieces.push(piece);
                }
            }
        }
        pieces
    }

    /// A script of a shell.
    fn script(&mut self, items: Vec<Item>) -> Vec<Piece> {
        let bits = items.iter().map(|item| match item {
            Item::Literal(text) => Bit::Text(text),
            Item::Value { .. } | Item::Place(_) => Bit::Hole,
        });
        let mut spots = shell::scan(bits).into_iter();
        let mut pieces = Vec::new();
        for item in items {
            if let Item::Literal(text) = item {
                push(&mut pieces, text);
                continue;
            }
            let Some(spot) = spots.next() else { continue };
            match item {
                Item::Literal(_) => {}
                Item::Value { path, text } => match shell::escaped(&text, &spot) {
                    Some(text) => push(&mut pieces, text),
                    None => self.no_word(&format!("${{{path}}}"), &text, &spot),
                },
                Item::Place(Piece::With(name)) => pieces.extend(self.with(name, &spot)),
                Item::Place(piece) => {
                    if self.is_list(&piece) && spot.quoting != Quoting::Bare {
                        self.no_list(&piece);
                    }
                    if let Some(path) = self.path(&piece)
                        && shell::Filler::default().put(path, &spot).is_none()
                    {
                        self.no_path(&piece, path);
                    }
                    pieces.push(piece);
                }
            }
        }
        pieces
    }

    /// A parameter in a script.
    fn with(&mut self, name: String, spot: &Spot) -> Option<Piece> {
        let value = &self.known.with[&name];
        let Some(text) = write_out(value) else {
            let apart = spot.quoting == Quoting::Bare && spot.whole && spot.within.is_none();
            if value.is_array() && apart {
                return Some(Piece::Quoted(name));
            }
            self.no_list(&Piece::With(name));
            return None;
        };
        if shell::is_read_as_it_is(&text, spot) {
            return Some(Piece::With(name));
        }
        if shell::escaped(&text, spot).is_none() {
            self.no_word(&format!("{{with.{name}}}"), &text, spot);
            return None;
        }
        Some(Piece::Quoted(name))
    }

    fn is_list(&self, piece: &Piece) -> bool {
        match piece {
            Piece::In(name) => matches!(self.known.inputs.get(name), Some(Source::Many(_))),
            Piece::With(name) => self.known.with[name].is_array(),
            _ => false,
        }
    }

    /// A path that will stand where the piece does, as far as it matters for quotes: all that `nnf` makes lies below the
    /// root, in folders with plain names.
    fn path(&self, piece: &Piece) -> Option<&'a OsStr> {
        match piece {
            Piece::In(name) => match self.known.inputs.get(name) {
                Some(Source::File { path, .. }) => Some(path.as_os_str()),
                _ => Some(self.root.as_os_str()),
            },
            Piece::Out(_) => Some(self.root.as_os_str()),
            _ => None,
        }
    }

    fn no_list(&mut self, piece: &Piece) {
        let message = match piece {
            Piece::In(name) => format!("input `{name}` is a list, so `{{in.{name}}}` must be a word by itself"),
            Piece::With(name) if self.known.with[name].is_array() => {
                format!("parameter `{name}` is a list, so `{{with.{name}}}` must be a word by itself")
            }
            _ => return,
        };
        self.faults.push(Diagnostic::new(message).at(self.place));
    }

    fn no_word(&mut self, reference: &str, text: &str, spot: &Spot) {
        let message = format!("`{reference}` is `{text}`, which the shell would not read as one word");
        let fault = Diagnostic::new(message).at(self.place);
        self.faults.push(match (spot.quoting, spot.within) {
            (Quoting::Bare, None) => fault.hint(format!("for one word write `\"{reference}\"`")).hint(format!(
                "for several make it a list under `with` and write `{{with.NAME}}`; `eval \"{reference}\"` has it read as code"
            )),
            _ => fault.hint(format!(
                "give it as a word of its own, which is `\"$1\"` in the script: `[sh, -c, 'SCRIPT', sh, '{reference}']`"
            )),
        });
    }

    fn no_path(&mut self, piece: &Piece, path: &OsStr) {
        let reference = match piece {
            Piece::In(name) => format!("{{in.{name}}}"),
            Piece::Out(name) => format!("{{out.{name}}}"),
            _ => return,
        };
        let message = format!("the path of `{reference}`, in {}, would be read as code here", path.to_string_lossy());
        self.faults.push(Diagnostic::new(message).at(self.place).hint(format!(
            "give it as a word of its own behind the code (`\"$1\"` in a shell, `sys.argv[1]` in Python): `'{reference}'`"
        )));
    }
}

/// Adds text to the pieces of a word.
fn push(pieces: &mut Vec<Piece>, text: String) {
    match pieces.last_mut() {
        Some(Piece::Text(before)) => before.push_str(&text),
        _ if text.is_empty() => {}
        _ => pieces.push(Piece::Text(text)),
    }
}

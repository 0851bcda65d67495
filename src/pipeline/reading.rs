//! What is common to all parts of a pipeline when they are read: faults, maps and lists, and names.

use crate::diagnostic::{Diagnostic, Place};
use crate::pipeline::suggest;
use crate::yaml::{Entry, Node, Value};

/// Faults found so far.
pub(crate) type Faults = Vec<Diagnostic>;

/// The entries of a map; an empty value is an empty map.
pub(crate) fn map(entry: Entry, faults: &mut Faults) -> Vec<Entry> {
    match entry.value.value {
        Value::Map(entries) => entries,
        Value::Null => Vec::new(),
        other => {
            let message = format!("`{}` is a map, but here stands {}", entry.key, other.what());
            faults.push(Diagnostic::new(message).at(&entry.value.place));
            Vec::new()
        }
    }
}

/// The items of a list; an empty value is an empty list.
pub(crate) fn list(entry: Entry, faults: &mut Faults) -> Vec<Node> {
    match entry.value.value {
        Value::List(items) => items,
        Value::Null => Vec::new(),
        other => {
            let message = format!("`{}` is a list, but here stands {}", entry.key, other.what());
            faults.push(Diagnostic::new(message).at(&entry.value.place).hint("write it as `[first, second]`"));
            Vec::new()
        }
    }
}

/// An unknown key, with the nearest known one.
pub(crate) fn unknown_key(entry: &Entry, of: &str, known: &[&str]) -> Diagnostic {
    let fault = Diagnostic::new(format!("{of} has no key `{}`", entry.key)).at(&entry.place);
    match suggest::hint(&entry.key, known.iter().copied()) {
        Some(hint) => fault.hint(hint),
        None => fault,
    }
}

/// Whether a name can be part of an instance's name and of a folder's.
pub(crate) fn is_label(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    !text.is_empty() && text.len() <= 100 && text.chars().all(plain) && !text.starts_with(['.', '-'])
}

/// A name that is none.
pub(crate) fn bad_label(what: &str, text: &str, place: &Place) -> Diagnostic {
    let dot = if matches!(what, "stage name" | "namespace") { "" } else { "`.`, " };
    Diagnostic::new(format!("`{text}` is no {what}")).at(place).hint(format!(
        "it has letters, digits, {dot}`_` and `-`, begins with a letter, digit or `_`, and is at most 100 long"
    ))
}

//! `include`: which files a pipeline names, and under which names theirs come.

use crate::diagnostic::{Diagnostic, Place};
use crate::pipeline::reading::{Faults, bad_label, is_label, unknown_key};
use crate::yaml::{Node, Value};

const FORMS: &str = "write `common.yaml`, or `{ file: devices.yaml, as: dev }`";

/// An entry of `include`.
#[derive(Clone, Debug)]
pub(crate) struct Include {
    /// The path, as it is written.
    pub(crate) file: String,
    /// Where the path stands.
    pub(crate) place: Place,
    /// The namespace that the file's names get, and where that stands.
    pub(crate) name: Option<(String, Place)>,
}

/// Reads an entry. None if it is faulty.
pub(crate) fn read(node: &Node, faults: &mut Faults) -> Option<Include> {
    let before = faults.len();
    let mut name = None;
    let file = match &node.value {
        Value::Text(_) => Some(node),
        Value::Map(parts) => {
            for part in parts {
                match part.key.as_str() {
                    "file" => {}
                    "as" => name = namespace(&part.value, faults),
                    _ => faults.push(unknown_key(part, "an entry of `include`", &["file", "as"])),
                }
            }
            parts.iter().find(|part| part.key == "file").map(|part| &part.value)
        }
        _ => None,
    };
    let Some((node, text)) = file.and_then(|file| Some((file, file.text()?))) else {
        let message = match &node.value {
            Value::Map(_) => match file {
                Some(other) => {
                    format!("`file` of an entry of `include` is a path, but here stands {}", other.value.what())
                }
                None => "an entry of `include` needs the path of a `file`".to_owned(),
            },
            other => format!("an entry of `include` is a path, but here stands {}", other.what()),
        };
        faults.push(Diagnostic::new(message).at(&node.place).hint(FORMS));
        return None;
    };
    if text.trim().is_empty() {
        faults.push(Diagnostic::new("an entry of `include` names no file").at(&node.place).hint(FORMS));
    } else if text.contains("${") {
        let fault = Diagnostic::new("the path of an included file is text, without references").at(&node.place);
        faults.push(fault.hint("files are read before there are parameters, which they may bring"));
    }
    (faults.len() == before).then(|| Include { file: text.to_owned(), place: node.place.clone(), name })
}

fn namespace(node: &Node, faults: &mut Faults) -> Option<(String, Place)> {
    let text = match &node.value {
        Value::Null | Value::List(_) | Value::Map(_) => {
            let message = format!("the namespace of an included file is a word, but here stands {}", node.value.what());
            faults.push(Diagnostic::new(message).at(&node.place).hint(FORMS));
            return None;
        }
        _ => node.written().unwrap_or_default(),
    };
    // A dot parts namespaces from what is in them.
    if !is_label(&text) || text.contains('.') {
        faults.push(bad_label("namespace", &text, &node.place));
        return None;
    }
    Some((text.into_owned(), node.place.clone()))
}

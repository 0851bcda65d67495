//! `run`: the words of a command line, and the placeholders in them.
//!
//! It does not know what the command does. No shell is involved.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Map, Value as Json};

use crate::diagnostic::{Diagnostic, Place};
use crate::graph::{OutputSpec, Piece, Source};
use crate::pipeline::definition::Faults;
use crate::pipeline::files::{Reach, plain};
use crate::pipeline::interpolate::{Scope, what, write_out};
use crate::pipeline::suggest;
use crate::yaml::{Node, Value};

/// What placeholders may name.
pub(crate) struct Known<'a> {
    pub(crate) inputs: &'a BTreeMap<String, Source>,
    /// Names of all inputs that the stage has, the faulty ones among them.
    pub(crate) input_names: &'a [&'a str],
    pub(crate) outputs: Option<&'a BTreeMap<String, OutputSpec>>,
    pub(crate) with: &'a Map<String, Json>,
}

/// Files of the project that words may name.
pub(crate) struct Files<'a> {
    pub(crate) code: &'a BTreeMap<String, PathBuf>,
    pub(crate) reach: &'a Reach,
}

/// The words of a command line.
pub(crate) fn words(
    run: &Node,
    scope: &Scope,
    known: &Known<'_>,
    files: &Files<'_>,
    faults: &mut Faults,
) -> Vec<Vec<Piece>> {
    let Value::List(nodes) = &run.value else {
        let message = format!("`run` is a list of words, but here stands {}", run.value.what());
        let hint = "for example `run: [sh, -c, 'sort {in.names} > {out.sorted}']`";
        faults.push(Diagnostic::new(message).at(&run.place).hint(hint));
        return Vec::new();
    };
    if nodes.is_empty() {
        faults.push(Diagnostic::new("`run` needs at least the name of a program").at(&run.place));
    }
    let mut words = Vec::with_capacity(nodes.len());
    for (position, node) in nodes.iter().enumerate() {
        let value = scope.resolve(node, faults);
        match write_out(&value).filter(|text| !text.contains('\0')) {
            Some(text) => {
                // The program itself is looked at when the key is made; it needs no mention under `code`.
                if position > 0 {
                    check_files(&text, files, known.inputs, &node.place, faults);
                }
                words.push(pieces(&text, known, &node.place, faults));
            }
            None => {
                faults.push(Diagnostic::new(format!("{} cannot be a word of a command", what(&value))).at(&node.place))
            }
        }
    }
    words
}

/// A word that names a file of the project must say so, or the key would miss what the command reads.
fn check_files(text: &str, files: &Files<'_>, inputs: &BTreeMap<String, Source>, place: &Place, faults: &mut Faults) {
    if text.is_empty() || text.len() > 1000 || text.contains(['{', '\n']) {
        return;
    }
    let path = plain(&files.reach.root.join(text));
    let inside = path.starts_with(&files.reach.root) && files.reach.sights.is_file(&path);
    let read =
        inputs.values().any(|source| matches!(source, Source::File { path: file, .. } if path.starts_with(file)));
    let listed = read || files.code.values().any(|code| path.starts_with(code));
    if inside && !listed {
        let message = format!("the command names the file `{text}`, which its key does not know");
        let fault = Diagnostic::new(message).at(place);
        faults.push(fault.hint(format!(
            "list it under `code: [{text}]`, or as an input `in: {{ NAME: 'file:{text}' }}` and write `{{in.NAME}}`"
        )));
    }
}

fn pieces(text: &str, known: &Known<'_>, place: &Place, faults: &mut Faults) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((at, space)) =
        ["{in.", "{out.", "{with."].iter().filter_map(|s| rest.find(s).map(|at| (at, *s))).min()
    {
        if at > 0 {
            pieces.push(Piece::Text(rest[..at].to_owned()));
        }
        let after = &rest[at + space.len()..];
        let Some(length) = after.find('}') else {
            faults.push(Diagnostic::new(format!("`{space}` without a closing `}}`")).at(place));
            return pieces;
        };
        let name = &after[..length];
        rest = &after[length + 1..];
        let whole = pieces.is_empty() && at == 0 && rest.is_empty();
        pieces.extend(placeholder(space, name, whole, known, place, faults));
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest.to_owned()));
    }
    pieces
}

fn placeholder(
    space: &str,
    name: &str,
    whole: bool,
    known: &Known<'_>,
    place: &Place,
    faults: &mut Faults,
) -> Option<Piece> {
    let mut missing = |what: &str, names: Vec<&str>| {
        let fault =
            Diagnostic::new(format!("the command names {what} `{name}`, which the stage does not have")).at(place);
        faults.push(match suggest::hint(name, names.iter().copied()) {
            Some(hint) => fault.hint(hint),
            None => fault,
        });
        None
    };
    match space {
        "{in." => match known.inputs.get(name) {
            None if known.input_names.contains(&name) => None,
            None => missing("the input", known.input_names.to_vec()),
            Some(Source::Many(_)) if !whole => {
                let message = format!("input `{name}` is a list, so `{{in.{name}}}` must be a word by itself");
                faults.push(Diagnostic::new(message).at(place));
                None
            }
            Some(_) => Some(Piece::In(name.to_owned())),
        },
        "{out." => match known.outputs {
            Some(outputs) if !outputs.contains_key(name) => {
                missing("the output", outputs.keys().map(String::as_str).collect())
            }
            _ => Some(Piece::Out(name.to_owned())),
        },
        _ => match known.with.get(name) {
            None => missing("the parameter", known.with.keys().map(String::as_str).collect()),
            Some(value) if write_out(value).is_none() => {
                let message = format!("parameter `{name}` is {}, which cannot stand in a command", what(value));
                faults.push(Diagnostic::new(message).at(place));
                None
            }
            Some(_) => Some(Piece::With(name.to_owned())),
        },
    }
}

//! `run`: the words of a command line, and the placeholders in them.
//!
//! No shell is involved, unless the command is one: then `script` sees to it that its script stays what was written.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value as Json;

use crate::diagnostic::{Diagnostic, Place};
use crate::graph::{Piece, Source};
use crate::pipeline::files::{AllowedRoots, Kind};
use crate::pipeline::interpolate::{Scope, what, write_out};
use crate::pipeline::named::named;
use crate::pipeline::placeholder::{self, Bit, Space};
use crate::pipeline::reading::Faults;
use crate::pipeline::words::{Item, Known};
use crate::pipeline::{limits, script, suggest};
use crate::yaml::{Node, Value};

/// Files of the project that words may name.
pub(crate) struct Files<'a> {
    pub(crate) code: &'a BTreeMap<String, PathBuf>,
    pub(crate) roots: &'a AllowedRoots,
}

/// The words of a command line.
pub(crate) fn words(
    run: &Node,
    scope: &Scope<'_>,
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
        let bits = bits(node, scope, faults);
        let items = items(bits, known, &node.place, faults);
        // The program itself is looked at when the key is made; it needs no mention under `code`.
        if position > 0 {
            check_files(&items, files, known, &node.place, faults);
        } else if items.iter().all(is_blank) {
            let hint = "the first word of `run` is a program: its name in PATH, or its path with a `/`";
            faults.push(Diagnostic::new("the name of the program is empty").at(&node.place).hint(hint));
        }
        words.push((items, &node.place));
    }
    let places: Vec<&Place> = words.iter().map(|(_, place)| *place).collect();
    let words = script::settle(words, known, &files.roots.root, faults);
    limits::command(words.iter().zip(places), (known.inputs, known.with), &files.roots.root, &run.place, faults);
    words
}

/// Whether a part of a word is seen to be nothing.
fn is_blank(item: &Item) -> bool {
    match item {
        Item::Literal(text) | Item::Value { text, .. } => text.trim().is_empty(),
        Item::Place(_) => false,
    }
}

/// The parts of a word. None of them holds a zero byte, which no command can be given.
fn bits(node: &Node, scope: &Scope, faults: &mut Faults) -> Vec<Bit> {
    let bits = match scope.parts(node, faults) {
        Ok(parts) => placeholder::bits(&parts),
        Err(value) => {
            let message = format!("{} cannot be a word of a command", value.value.what());
            faults.push(Diagnostic::new(message).at(&node.place));
            return Vec::new();
        }
    };
    if bits.iter().any(|bit| bit.text().contains('\0')) {
        faults.push(Diagnostic::new("a word of a command must not contain a zero byte").at(&node.place));
        return Vec::new();
    }
    bits
}

/// A word that names a file or a folder of the project must say so, or the key would miss what the command reads.
fn check_files(items: &[Item], files: &Files<'_>, known: &Known<'_>, place: &Place, faults: &mut Faults) {
    let text = items.iter().map(|item| match item {
        Item::Literal(text) | Item::Value { text, .. } => Some(text.clone()),
        Item::Place(Piece::With(name)) => known.with.get(name).and_then(write_out),
        // Where inputs and outputs lie is none of the project's places.
        Item::Place(_) => None,
    });
    let Some(text) = text.collect::<Option<String>>() else { return };
    let Some(found) = named(&text, files.roots) else { return };
    // The value of a parameter may well be called like a folder.
    let is_parameter = matches!(items, [Item::Place(Piece::With(_))]);
    let chance = is_parameter && found.kind == Kind::Folder && !text.contains('/');
    let mut read = Vec::new();
    known.inputs.values().for_each(|source| in_place(source, &mut read));
    if !chance && !found.is_among(read.into_iter().chain(files.code.values()), files.roots) {
        faults.push(found.fault("the command", place, files.roots));
    }
}

/// The files that an input reads in place.
fn in_place<'a>(source: &'a Source, found: &mut Vec<&'a PathBuf>) {
    match source {
        Source::File { path, .. } => found.push(path),
        Source::Many(members) => members.values().for_each(|member| in_place(member, found)),
        Source::Output { .. } | Source::Record { .. } => {}
    }
}

/// The items of a word; placeholders that name nothing are faults, and left out.
fn items(bits: Vec<Bit>, known: &Known<'_>, place: &Place, faults: &mut Faults) -> Vec<Item> {
    let mut items = Vec::with_capacity(bits.len());
    for bit in bits {
        match bit {
            Bit::Literal(text) => items.push(Item::Literal(text)),
            Bit::Value { path, text } => items.push(Item::Value { path, text }),
            Bit::Place(space, name) => items.extend(piece(space, name, known, place, faults).map(Item::Place)),
            Bit::Open(space) => {
                let message = format!("`{}` without a closing `}}`", space.begins());
                let hint = format!("write `{{{}` for the characters themselves", space.begins());
                faults.push(Diagnostic::new(message).at(place).hint(hint));
            }
        }
    }
    items
}

/// What a placeholder names.
fn piece(space: Space, name: String, known: &Known<'_>, place: &Place, faults: &mut Faults) -> Option<Piece> {
    let (what, names): (&str, Vec<&str>) = match space {
        Space::In if known.inputs.contains_key(&name) => return Some(Piece::In(name)),
        // That it is faulty is said already.
        Space::In if known.input_names.contains(&name.as_str()) => return None,
        Space::In => ("the input", known.input_names.to_vec()),
        Space::Out => match known.outputs {
            Some(outputs) if !outputs.contains_key(&name) => {
                ("the output", outputs.keys().map(String::as_str).collect())
            }
            _ => return Some(Piece::Out(name)),
        },
        Space::With => match known.with.get(&name) {
            Some(Json::Array(items)) if items.iter().all(|item| write_out(item).is_some()) => {
                return Some(Piece::With(name));
            }
            Some(value) if value.is_array() || value.is_object() => {
                let message = format!("parameter `{name}` is {}, which cannot stand in a command", what(value));
                faults.push(Diagnostic::new(message).at(place));
                return None;
            }
            Some(_) => return Some(Piece::With(name)),
            None => ("the parameter", known.with.keys().map(String::as_str).collect()),
        },
    };
    let message = format!("the command names {what} `{name}`, which the stage does not have");
    let fault = Diagnostic::new(message).at(place);
    faults.push(match suggest::hint(&name, names.iter().copied()) {
        Some(hint) => fault.hint(hint),
        None => fault.hint(format!("write `{{{}` for the characters themselves", space.begins())),
    });
    None
}

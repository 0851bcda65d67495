//! `run`: the words of a command line, and the placeholders in them.
//!
//! It does not know what the command does. No shell is involved.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;

use serde_json::{Map, Value as Json};

use crate::diagnostic::{Diagnostic, Place};
use crate::graph::{OutputSpec, Piece, Source};
use crate::pipeline::definition::Faults;
use crate::pipeline::files::{Kind, Reach};
use crate::pipeline::interpolate::{Part, Scope, what};
use crate::pipeline::named::named;
use crate::pipeline::suggest;
use crate::yaml::{Node, Value};

/// How placeholders begin.
const SPACES: [&str; 3] = ["{in.", "{out.", "{with."];

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
        let template = match scope.parts(node, faults) {
            Ok(parts) => Template::new(&parts),
            Err(value) => {
                let message = format!("{} cannot be a word of a command", value.value.what());
                faults.push(Diagnostic::new(message).at(&node.place));
                continue;
            }
        };
        if template.text.contains('\0') {
            faults.push(Diagnostic::new("a word of a command must not contain a zero byte").at(&node.place));
            continue;
        }
        let pieces = template.pieces(known, &node.place, faults);
        // The program itself is looked at when the key is made; it needs no mention under `code`.
        if position > 0 {
            check_files(&pieces, files, known, &node.place, faults);
        }
        words.push(pieces);
    }
    words
}

/// A word that names a file or a folder of the project must say so, or the key would miss what the command reads.
fn check_files(pieces: &[Piece], files: &Files<'_>, known: &Known<'_>, place: &Place, faults: &mut Faults) {
    let text = pieces.iter().map(|piece| match piece {
        Piece::Text(text) => Some(text.clone()),
        Piece::With(name) => known.with.get(name).map(|value| match value {
            Json::String(text) => text.clone(),
            value => value.to_string(),
        }),
        // Where inputs and outputs lie is none of the project's places.
        Piece::In(_) | Piece::Out(_) => None,
    });
    let Some(text) = text.collect::<Option<String>>() else { return };
    let Some(found) = named(&text, files.reach) else { return };
    // The value of a parameter may well be called like a folder.
    let chance = matches!(pieces, [Piece::With(_)]) && found.kind == Kind::Folder && !text.contains('/');
    let mut read = Vec::new();
    known.inputs.values().for_each(|source| in_place(source, &mut read));
    if !chance && !found.is_among(read.into_iter().chain(files.code.values()), files.reach) {
        faults.push(found.fault("the command", place, files.reach));
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

/// A word of which some bytes stand in the file and others are values. Placeholders begin and end in the file: a value
/// that looks like one is text.
struct Template {
    text: String,
    /// The bytes that are values, in order.
    values: Vec<Range<usize>>,
}

impl Template {
    fn new(parts: &[Part]) -> Self {
        let (mut text, mut values) = (String::new(), Vec::new());
        for part in parts {
            let start = text.len();
            match part {
                Part::Literal(part) => text.push_str(part),
                Part::Value(part) => {
                    text.push_str(part);
                    values.push(start..text.len());
                }
            }
        }
        Template { text, values }
    }

    /// Whether none of these bytes is of a value.
    fn is_literal(&self, range: &Range<usize>) -> bool {
        let next = self.values.partition_point(|value| value.end <= range.start);
        self.values.get(next).is_none_or(|value| value.start >= range.end)
    }

    /// The first place from `start` on at which a text stands in the file.
    fn find(&self, what: &str, start: usize) -> Option<usize> {
        let places = self.text[start..].match_indices(what).map(|(at, _)| start + at);
        places.into_iter().find(|at| self.is_literal(&(*at..at + what.len())))
    }

    fn pieces(&self, known: &Known<'_>, place: &Place, faults: &mut Faults) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let mut text = String::new();
        let mut rest = 0;
        while let Some((at, space)) = SPACES.iter().filter_map(|space| Some((self.find(space, rest)?, *space))).min() {
            let after = at + space.len();
            // `{{in.` stands for `{in.` itself.
            if at > rest && self.text.as_bytes()[at - 1] == b'{' && self.is_literal(&(at - 1..at)) {
                text.push_str(&self.text[rest..at - 1]);
                text.push_str(space);
                rest = after;
                continue;
            }
            text.push_str(&self.text[rest..at]);
            let Some(end) = self.find("}", after) else {
                let fault = Diagnostic::new(format!("`{space}` without a closing `}}`")).at(place);
                faults.push(fault.hint(format!("write `{{{space}` for the characters themselves")));
                return pieces;
            };
            if !text.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut text)));
            }
            let name = &self.text[after..end];
            rest = end + 1;
            let whole = pieces.is_empty() && at == 0 && rest == self.text.len();
            pieces.extend(placeholder(space, name, whole, known, place, faults));
        }
        text.push_str(&self.text[rest..]);
        if !text.is_empty() {
            pieces.push(Piece::Text(text));
        }
        pieces
    }
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
            None => fault.hint(format!("write `{{{space}` for the characters themselves")),
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
            Some(value) if value.is_array() || value.is_object() => {
                let message = format!("parameter `{name}` is {}, which cannot stand in a command", what(value));
                faults.push(Diagnostic::new(message).at(place));
                None
            }
            Some(_) => Some(Piece::With(name.to_owned())),
        },
    }
}

//! `${params.x}` and `${each.axis}`: values put in place of references.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;

use crate::diagnostic::Diagnostic;
use crate::pipeline::reading::Faults;
use crate::pipeline::{limits, suggest};
use crate::yaml::{Entry, Node, Value};

/// Values that references can reach.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scope<'a> {
    /// The pipeline's parameters; shared by all instances.
    pub(crate) params: Arc<BTreeMap<String, Node>>,
    /// The value of each axis, for the instance at hand.
    pub(crate) each: Vec<(&'a str, &'a Node)>,
}

/// A part of a text in which references are replaced.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// As it stands in the file.
    Literal(String),
    /// What a reference stands for, which is no template whatever is in it.
    Value {
        /// The reference, such as `params.x`.
        path: String,
        /// What it stands for, written out.
        text: String,
    },
}

impl Scope<'_> {
    /// A node as JSON, all references replaced.
    pub(crate) fn resolve(&self, node: &Node, faults: &mut Faults) -> Json {
        match &node.value {
            Value::Text(text) => match self.lone(text, node, faults) {
                Some(value) => value.map_or(Json::Null, Node::to_json),
                None => Json::String(self.text(text, node, faults)),
            },
            Value::List(items) => Json::Array(items.iter().map(|item| self.resolve(item, faults)).collect()),
            Value::Map(entries) => {
                Json::Object(entries.iter().map(|e| (e.key.clone(), self.resolve(&e.value, faults))).collect())
            }
            _ => node.to_json(),
        }
    }

    /// A node with all references replaced; numbers keep how they are written.
    pub(crate) fn value(&self, node: &Node, faults: &mut Faults) -> Node {
        let with = |value: Value| Node { value, place: node.place.clone(), literal: None };
        match &node.value {
            Value::Text(text) => match self.lone(text, node, faults) {
                Some(Some(found)) => Node { place: node.place.clone(), ..found.clone() },
                Some(None) => with(Value::Null),
                None => with(Value::Text(self.text(text, node, faults))),
            },
            Value::List(items) => with(Value::List(items.iter().map(|item| self.value(item, faults)).collect())),
            Value::Map(entries) => {
                let entry = |entry: &Entry| Entry {
                    key: entry.key.clone(),
                    place: entry.place.clone(),
                    value: self.value(&entry.value, faults),
                };
                with(Value::Map(entries.iter().map(entry).collect()))
            }
            _ => node.clone(),
        }
    }

    /// The items of a list, all references replaced; those of one that is only referred to are not copied. None if it
    /// is no list.
    pub(crate) fn list<'s>(&'s self, node: &'s Node, faults: &mut Faults) -> Option<Cow<'s, [Node]>> {
        match &node.value {
            Value::Text(text) => match self.lone(text, node, faults)?.map(|found| &found.value) {
                Some(Value::List(items)) => Some(Cow::Borrowed(items)),
                _ => None,
            },
            Value::List(items) if items.iter().all(is_plain) => Some(Cow::Borrowed(items)),
            Value::List(items) => Some(Cow::Owned(items.iter().map(|item| self.value(item, faults)).collect())),
            _ => None,
        }
    }

    /// A scalar as it is written, references replaced: what a command, a variable or a path gets. A list or a map is
    /// given back as the fault.
    pub(crate) fn written(&self, node: &Node, faults: &mut Faults) -> Result<String, Node> {
        let value = self.value(node, faults);
        match value.written() {
            Some(written) => Ok(written.into_owned()),
            None => Err(value),
        }
    }

    /// The parts of a scalar: what stands in the file, and what references stand for. A list or a map is given back as
    /// the fault.
    pub(crate) fn parts(&self, node: &Node, faults: &mut Faults) -> Result<Vec<Part>, Node> {
        let Value::Text(text) = &node.value else {
            return self.written(node, faults).map(|text| vec![Part::Literal(text)]);
        };
        match self.lone(text, node, faults) {
            Some(Some(found)) => match found.written() {
                Some(written) => Ok(vec![Part::Value { path: text[2..text.len() - 1].into(), text: written.into() }]),
                None => Err(found.clone()),
            },
            Some(None) => Ok(Vec::new()),
            None => Ok(self.mixed(text, node, faults)),
        }
    }

    /// What a text that is only a reference refers to: it takes its type. Nothing within if that is faulty.
    fn lone(&self, text: &str, node: &Node, faults: &mut Faults) -> Option<Option<&Node>> {
        let path = text.strip_prefix("${")?.strip_suffix('}').filter(|path| !path.contains('}'))?;
        Some(match self.look_up(path) {
            Ok(value) => Some(value),
            Err(fault) => {
                faults.push(fault.at(&node.place));
                None
            }
        })
    }

    /// A text with references in it, which are written out.
    fn text(&self, text: &str, node: &Node, faults: &mut Faults) -> String {
        let parts = self.mixed(text, node, faults).into_iter();
        parts
            .map(|part| match part {
                Part::Literal(text) | Part::Value { text, .. } => text,
            })
            .collect()
    }

    /// How large a node is once its references are replaced: bytes of text, and some for each value.
    pub(crate) fn size(&self, node: &Node) -> usize {
        const EACH: usize = 16;
        let sum = |sizes: &mut dyn Iterator<Item = usize>| sizes.fold(EACH, usize::saturating_add);
        match &node.value {
            Value::Text(text) if text.contains("${") => sum(&mut pieces(text).into_iter().map(|piece| match piece {
                Piece::Text(part) => part.len(),
                // What is found has no references any more.
                Piece::Reference(path) => self.look_up(path).map_or(0, |found| Scope::default().size(found)),
                Piece::Open => 0,
            })),
            Value::Text(text) => EACH + text.len(),
            Value::List(items) => sum(&mut items.iter().map(|item| self.size(item))),
            Value::Map(entries) => sum(&mut entries.iter().map(|e| e.key.len() + self.size(&e.value))),
            _ => EACH,
        }
    }

    fn mixed(&self, text: &str, node: &Node, faults: &mut Faults) -> Vec<Part> {
        if text.matches("${").count() > 1 && self.size(node) > limits::VALUE {
            let message = format!("this text grows beyond {} MiB", limits::VALUE >> 20);
            faults.push(Diagnostic::new(message).at(&node.place));
            return Vec::new();
        }
        let mut parts = Vec::new();
        for piece in pieces(text) {
            match piece {
                Piece::Text(part) => parts.push(Part::Literal(part.to_owned())),
                Piece::Open => {
                    let fault = Diagnostic::new("`${` without a closing `}`").at(&node.place);
                    faults.push(fault.hint("write `$${` for the characters themselves"));
                }
                Piece::Reference(path) => match self.look_up(path).map(|value| (value, value.written())) {
                    Ok((_, Some(written))) => {
                        parts.push(Part::Value { path: path.to_owned(), text: written.into_owned() })
                    }
                    Ok((value, None)) => {
                        let what = value.value.what();
                        let message = format!("`${{{path}}}` is {what}, which cannot stand inside text");
                        faults.push(Diagnostic::new(message).at(&node.place));
                    }
                    Err(fault) => faults.push(fault.at(&node.place)),
                },
            }
        }
        parts
    }

    fn look_up(&self, path: &str) -> Result<&Node, Diagnostic> {
        let mut steps = path.split('.');
        let (space, name) = (steps.next().unwrap_or_default(), steps.next());
        let unknown = |message: String, wrong: &str, known: Vec<&str>| {
            let fault = Diagnostic::new(message);
            match suggest::hint(wrong, known.iter().copied()) {
                Some(hint) => fault.hint(hint),
                None => fault,
            }
        };
        let Some(name) = name else {
            let fault = Diagnostic::new(format!("`${{{path}}}` is no reference"));
            let shell = format!("`$${{{path}}}` gives a shell, or another program, the text `${{{path}}}`");
            return Err(fault.hint("references are `${params.NAME}` and `${each.AXIS}`").hint(shell));
        };
        let mut value = match space {
            "params" => self.params.get(name).ok_or_else(|| {
                unknown(
                    format!("there is no parameter `{name}`"),
                    name,
                    self.params.keys().map(String::as_str).collect(),
                )
            })?,
            "each" if self.each.is_empty() => {
                let fault = Diagnostic::new(format!("this stage has no axis `{name}`"));
                return Err(fault.hint(format!("give it one: `each: {{ {name}: [FIRST, SECOND] }}`")));
            }
            "each" => self.each.iter().find(|(axis, _)| *axis == name).map(|(_, value)| *value).ok_or_else(|| {
                unknown(
                    format!("this stage has no axis `{name}`"),
                    name,
                    self.each.iter().map(|(axis, _)| *axis).collect(),
                )
            })?,
            _ => {
                let fault = unknown(format!("`{space}` cannot be referred to"), space, vec!["params", "each"]);
                return Err(
                    fault.hint(format!("`$${{{path}}}` gives a shell, or another program, the text `${{{path}}}`"))
                );
            }
        };
        for step in steps {
            let fields: &[Entry] = if let Value::Map(fields) = &value.value { fields } else { &[] };
            let known = || fields.iter().map(|field| field.key.as_str()).collect();
            value = match fields.iter().find(|field| field.key == step) {
                Some(field) => &field.value,
                None => return Err(unknown(format!("`${{{path}}}`: there is no field `{step}`"), step, known())),
            };
        }
        Ok(value)
    }
}

/// Whether a node stands for itself: it has neither references nor what is written instead of them.
fn is_plain(node: &Node) -> bool {
    match &node.value {
        Value::Text(text) => !text.contains("${"),
        Value::List(items) => items.iter().all(is_plain),
        Value::Map(entries) => entries.iter().all(|entry| is_plain(&entry.value)),
        _ => true,
    }
}

/// What a node refers to, as it is written: `params.x.y`.
pub(crate) fn references(node: &Node) -> Box<dyn Iterator<Item = &str> + '_> {
    match &node.value {
        Value::Text(text) if text.contains("${") => {
            Box::new(pieces(text).into_iter().filter_map(|piece| match piece {
                Piece::Reference(path) => Some(path),
                _ => None,
            }))
        }
        Value::List(items) => Box::new(items.iter().flat_map(references)),
        Value::Map(entries) => Box::new(entries.iter().flat_map(|e| references(&e.value))),
        _ => Box::new(std::iter::empty()),
    }
}

enum Piece<'a> {
    Text(&'a str),
    Reference(&'a str),
    Open,
}

fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        if rest[..at].ends_with('$') {
            pieces.push(Piece::Text(&rest[..at - 1]));
            pieces.push(Piece::Text("${"));
            rest = &rest[at + 2..];
            continue;
        }
        pieces.push(Piece::Text(&rest[..at]));
        let Some(length) = rest[at + 2..].find('}') else {
            pieces.push(Piece::Open);
            return pieces;
        };
        pieces.push(Piece::Reference(&rest[at + 2..at + 2 + length]));
        rest = &rest[at + 3 + length..];
    }
    pieces.push(Piece::Text(rest));
    pieces
}

/// A scalar as a command gets it; none for a list or a map.
pub(crate) fn write_out(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Array(_) | Json::Object(_) => None,
        scalar => Some(scalar.to_string()),
    }
}

/// What a value is, for messages.
pub(crate) fn what(value: &Json) -> &'static str {
    match value {
        Json::Null => "nothing",
        Json::Bool(_) => "true or false",
        Json::Number(n) if n.is_f64() => "a number",
        Json::Number(_) => "a whole number",
        Json::String(_) => "text",
        Json::Array(_) => "a list",
        Json::Object(_) => "a map",
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::diagnostic::Source;
    use crate::pipeline::params;
    use serde_json::json;

    fn node(text: &str) -> Node {
        crate::yaml::parse(Arc::new(Source { name: "t".into(), text: text.into() })).unwrap()
    }

    fn resolve(params: &str, text: &str) -> (Json, Vec<String>) {
        let mut faults = Vec::new();
        let Value::Map(entries) = node(params).value else { panic!() };
        let mut scope = params::own(&entries, BTreeMap::new(), &mut 0, &mut faults);
        let device = node("{name: one, threads: 1}");
        scope.each = vec![("device", &device)];
        let value = scope.resolve(&node(text), &mut faults);
        (value, faults.into_iter().map(|f| f.message).collect())
    }

    #[test]
    fn a_lone_reference_keeps_its_type_and_others_are_written_out() {
        let (value, faults) = resolve(
            "{steps: 100, half: 0.50, same: '${params.half}', list: [1, 2], name: '${params.steps} steps'}",
            "['${params.steps}', '${params.list}', 'a-${params.same}-b', '${params.name}', '${each.device.threads}', '$${x}', 'cost: 5$']",
        );
        assert_eq!(value, json!([100, [1, 2], "a-0.50-b", "100 steps", 1, "${x}", "cost: 5$"]));
        assert!(faults.is_empty(), "{faults:?}");
    }

    #[test]
    fn faults_name_what_is_wrong() {
        let (_, faults) = resolve(
            "{steps: 1, list: [1]}",
            "['${params.stps}', '${each.devise}', '${env.HOME}', 'x ${params.list}', '${params', '${each.device.cores}', '${steps}']",
        );
        assert_eq!(
            faults,
            [
                "there is no parameter `stps`",
                "this stage has no axis `devise`",
                "`env` cannot be referred to",
                "`${params.list}` is a list, which cannot stand inside text",
                "`${` without a closing `}`",
                "`${each.device.cores}`: there is no field `cores`",
                "`${steps}` is no reference",
            ]
        );
    }

    #[test]
    fn parameters_that_refer_in_a_circle_are_faults() {
        let (_, faults) = resolve("{a: '${params.b}', b: 'x${params.a}', c: 1}", "1");
        assert_eq!(faults.len(), 2);
        assert_eq!(faults[0], "parameter `a` refers to itself, directly or by others");
    }
}

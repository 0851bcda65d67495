//! `${params.x}` and `${each.axis}`: values put in place of references.
//!
//! It does not know where the values come from, nor what they are for.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use crate::diagnostic::Diagnostic;
use crate::pipeline::definition::Faults;
use crate::pipeline::suggest;
use crate::yaml::{Node, Value};

/// Values that references can reach.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scope {
    /// The pipeline's parameters.
    pub(crate) params: Map<String, Json>,
    /// The value of each axis, for the instance at hand.
    pub(crate) each: BTreeMap<String, Json>,
}

impl Scope {
    /// A node as JSON, all references replaced.
    pub(crate) fn resolve(&self, node: &Node, faults: &mut Faults) -> Json {
        match &node.value {
            Value::Text(text) => self.text(text, node, faults),
            Value::List(items) => Json::Array(items.iter().map(|item| self.resolve(item, faults)).collect()),
            Value::Map(entries) => {
                Json::Object(entries.iter().map(|e| (e.key.clone(), self.resolve(&e.value, faults))).collect())
            }
            _ => node.to_json(),
        }
    }

    /// A text: one that is only a reference takes the type of what it refers to.
    fn text(&self, text: &str, node: &Node, faults: &mut Faults) -> Json {
        let mut out = String::new();
        for piece in pieces(text) {
            match piece {
                Piece::Text(part) => out.push_str(part),
                Piece::Open => {
                    faults.push(
                        Diagnostic::new("`${` without a closing `}`")
                            .at(&node.place)
                            .hint("write `$${` for the characters themselves"),
                    );
                }
                Piece::Reference(path) => match self.look_up(path) {
                    Ok(value) if text.len() == path.len() + 3 => return value.clone(),
                    Ok(value) => match write_out(value) {
                        Some(written) => out.push_str(&written),
                        None => faults.push(
                            Diagnostic::new(format!(
                                "`${{{path}}}` is {}, which cannot stand inside text",
                                what(value)
                            ))
                            .at(&node.place),
                        ),
                    },
                    Err(mut fault) => {
                        fault.place = Some(node.place.clone());
                        faults.push(*fault);
                    }
                },
            }
        }
        Json::String(out)
    }

    fn look_up(&self, path: &str) -> Result<&Json, Box<Diagnostic>> {
        let mut steps = path.split('.');
        let (space, name) = (steps.next().unwrap_or_default(), steps.next());
        let unknown = |message: String, wrong: &str, known: Vec<&str>| {
            let fault = Diagnostic::new(message);
            Box::new(match suggest::hint(wrong, known.iter().copied()) {
                Some(hint) => fault.hint(hint),
                None => fault,
            })
        };
        let Some(name) = name else {
            let fault = Diagnostic::new(format!("`${{{path}}}` is no reference"));
            return Err(Box::new(fault.hint("references are `${params.NAME}` and `${each.AXIS}`")));
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
                return Err(Box::new(fault.hint(format!("give it one: `each: {{ {name}: [FIRST, SECOND] }}`"))));
            }
            "each" => self.each.get(name).ok_or_else(|| {
                unknown(
                    format!("this stage has no axis `{name}`"),
                    name,
                    self.each.keys().map(String::as_str).collect(),
                )
            })?,
            _ => return Err(unknown(format!("`{space}` cannot be referred to"), space, vec!["params", "each"])),
        };
        for step in steps {
            let known = value.as_object().map(|map| map.keys().map(String::as_str).collect()).unwrap_or_default();
            value = value
                .get(step)
                .ok_or_else(|| unknown(format!("`${{{path}}}`: there is no field `{step}`"), step, known))?;
        }
        Ok(value)
    }
}

/// Resolves the references that parameters make to each other. A circle is a fault.
pub(crate) fn resolve_params(entries: &[crate::yaml::Entry], faults: &mut Faults) -> Map<String, Json> {
    let mut scope = Scope::default();
    let mut waiting: Vec<&crate::yaml::Entry> = entries.iter().collect();
    while !waiting.is_empty() {
        let names: Vec<&str> = waiting.iter().map(|entry| entry.key.as_str()).collect();
        let (ready, blocked): (Vec<&crate::yaml::Entry>, Vec<&crate::yaml::Entry>) =
            waiting.iter().partition(|entry| !references(&entry.value).any(|name| names.contains(&name.as_str())));
        if ready.is_empty() {
            for entry in blocked {
                let message = format!("parameter `{}` refers to itself, directly or by others", entry.key);
                faults.push(Diagnostic::new(message).at(&entry.place));
            }
            break;
        }
        for entry in ready {
            let value = scope.resolve(&entry.value, faults);
            scope.params.insert(entry.key.clone(), value);
        }
        waiting = blocked;
    }
    // In the order of the file, whatever the order of resolution was.
    entries.iter().filter_map(|e| scope.params.remove(&e.key).map(|value| (e.key.clone(), value))).collect()
}

/// Names of the parameters that a node refers to.
fn references(node: &Node) -> Box<dyn Iterator<Item = String> + '_> {
    match &node.value {
        Value::Text(text) => Box::new(pieces(text).into_iter().filter_map(|piece| match piece {
            Piece::Reference(path) => path.strip_prefix("params.").map(|p| p.split('.').next().unwrap_or(p).to_owned()),
            _ => None,
        })),
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

/// A scalar written out as text.
pub(crate) fn write_out(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Null => Some(String::new()),
        Json::Bool(_) | Json::Number(_) => Some(value.to_string()),
        Json::Array(_) | Json::Object(_) => None,
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
    use serde_json::json;
    use std::sync::Arc;

    fn node(text: &str) -> Node {
        crate::yaml::parse(Arc::new(Source { name: "t".into(), text: text.into() })).unwrap()
    }

    fn resolve(params: &str, text: &str) -> (Json, Vec<String>) {
        let mut faults = Vec::new();
        let Value::Map(entries) = node(params).value else { panic!() };
        let params = resolve_params(&entries, &mut faults);
        let scope = Scope { params, each: [("device".to_owned(), json!({"name": "one", "threads": 1}))].into() };
        let value = scope.resolve(&node(text), &mut faults);
        (value, faults.into_iter().map(|f| f.message).collect())
    }

    #[test]
    fn a_lone_reference_keeps_its_type_and_others_are_written_out() {
        let (value, faults) = resolve(
            "{steps: 100, half: 0.5, list: [1, 2], name: '${params.steps} steps'}",
            "['${params.steps}', '${params.list}', 'a-${params.half}-b', '${params.name}', '${each.device.threads}', '$${x}', 'cost: 5$']",
        );
        assert_eq!(value, json!([100, [1, 2], "a-0.5-b", "100 steps", 1, "${x}", "cost: 5$"]));
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

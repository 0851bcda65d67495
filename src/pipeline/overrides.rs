//! `--set params.NAME=VALUE`: parameters of a pipeline that a person sets for one run.

use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Place, Source};
use crate::pipeline::reading::Faults;
use crate::pipeline::space::Space;
use crate::pipeline::suggest;
use crate::shell;
use crate::yaml::{self, Entry, Value};

/// Applies `params.NAME=VALUE`, and `params.NAMESPACE.NAME=VALUE`.
pub(crate) fn apply(spaces: &mut [Space], overrides: &[String], faults: &mut Faults) {
    for text in overrides {
        let source = Arc::new(Source { name: "--set".into(), text: text.clone() });
        let all = Place { source: Arc::clone(&source), start: 0, end: text.len() };
        let Some((path, value)) = text.split_once('=') else {
            faults.push(Diagnostic::new("an override is `params.NAME=VALUE`").at(&all));
            continue;
        };
        let value = match value_of(path, value, &all) {
            Ok(node) => node,
            Err(found) => {
                faults.extend(found);
                continue;
            }
        };
        let mut steps = path.split('.');
        if steps.next() != Some("params") {
            let hint = format!("did you mean `params.{path}`?");
            faults.push(Diagnostic::new("only parameters can be set: `params.NAME=VALUE`").at(&all).hint(hint));
            continue;
        }
        find(spaces, &steps.collect::<Vec<_>>(), value, &all, faults);
    }
}

/// Sets what the steps behind `params` lead to, through namespaces first.
fn find(spaces: &mut [Space], steps: &[&str], value: yaml::Node, place: &Place, faults: &mut Faults) {
    let (mut at, mut steps) = (0, steps);
    while let Some((first, rest)) = steps.split_first()
        && let Some(inner) = spaces[at].inner(first)
    {
        (at, steps) = (inner.space, rest);
    }
    let space = &mut spaces[at];
    let Some((first, rest)) = steps.split_first() else {
        let message = format!("an override names a parameter: `params.{}NAME=VALUE`", space.prefix);
        faults.push(Diagnostic::new(message).at(place));
        return;
    };
    let known = space.params.iter().map(|entry| &entry.key).chain(space.inner.iter().map(|inner| &inner.name));
    let known: Vec<String> = known.map(|name| format!("{}{name}", space.prefix)).collect();
    match space.params.iter_mut().find(|entry| entry.key == *first) {
        Some(entry) => set(entry, rest, value, place, faults),
        None => faults.push(unknown(&format!("{}{first}", space.prefix), &known).at(place)),
    }
}

/// The value of an override. What begins with a bracket, a brace, a quote or a tag is YAML; all else is one word: a number
/// or the like if it has the form of one, and otherwise text, which stands as it was given.
fn value_of(path: &str, text: &str, all: &Place) -> Result<yaml::Node, Vec<Diagnostic>> {
    let source = Arc::new(Source { name: "--set".into(), text: text.to_owned() });
    let hint = || {
        let quoted = format!("{}={}", path, serde_json::Value::from(text));
        format!("to set this very text, quote it twice: `--set {}`", shell::word(&quoted))
    };
    if !text.starts_with(['[', '{', '"', '\'', '!']) {
        let node = yaml::word(text, Place { source: Arc::clone(&source), start: 0, end: text.len() })?;
        // What only looks like text would have been a map or a list in a file.
        return match yaml::parse(source) {
            Ok(tree) if matches!(tree.value, Value::Map(_) | Value::List(_)) => {
                let message = format!("`{text}` is {} in YAML, and text as it stands", tree.value.what());
                let fault = Diagnostic::new(message).at(all);
                Err(vec![fault.hint("write a map as `{ NAME: VALUE }`, a list as `[FIRST, SECOND]`").hint(hint())])
            }
            _ => Ok(node),
        };
    }
    if text.starts_with(['"', '\'']) && text.contains(['\n', '\r']) {
        let fault = Diagnostic::new("YAML would make one line of these").at(all);
        return Err(vec![fault.hint(hint())]);
    }
    let node =
        yaml::parse(source).map_err(|faults| faults.into_iter().map(|fault| fault.hint(hint())).collect::<Vec<_>>())?;
    let rest = &text[node.place.end..];
    if !rest.trim().is_empty() && !text.starts_with('!') {
        let message = format!("after the value stands `{}`, which would be lost", rest.trim());
        return Err(vec![Diagnostic::new(message).at(all).hint(hint())]);
    }
    Ok(node)
}

/// Sets a parameter, or a field of it.
fn set(entry: &mut Entry, steps: &[&str], value: yaml::Node, place: &Place, faults: &mut Faults) {
    let Some((first, rest)) = steps.split_first() else {
        entry.value = value;
        return;
    };
    match &mut entry.value.value {
        Value::Map(fields) => {
            let known: Vec<String> = fields.iter().map(|field| field.key.clone()).collect();
            match fields.iter_mut().find(|field| field.key == *first) {
                Some(field) => set(field, rest, value, place, faults),
                None => faults.push(unknown(first, &known).at(place)),
            }
        }
        other => {
            let message = format!("parameter `{}` is {}, so it has no field `{first}`", entry.key, other.what());
            faults.push(Diagnostic::new(message).at(place));
        }
    }
}

fn unknown(name: &str, known: &[String]) -> Diagnostic {
    let fault = Diagnostic::new(format!("the pipeline has no parameter `{name}`"));
    let hint = suggest::hint(name, known.iter().map(String::as_str));
    fault.hint(hint.unwrap_or_else(|| "declare it under `params` with a default".into()))
}

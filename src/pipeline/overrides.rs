//! `--set params.NAME=VALUE`: parameters of a pipeline that a person sets for one run.

use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Place, Source};
use crate::pipeline::definition::Faults;
use crate::pipeline::suggest;
use crate::shell;
use crate::yaml::{self, Entry, Value};

/// Applies `params.NAME=VALUE`.
pub(crate) fn apply(params: &mut [Entry], overrides: &[String], faults: &mut Faults) {
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
        set(params, &steps.collect::<Vec<_>>(), value, &all, faults);
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

fn set(entries: &mut [Entry], steps: &[&str], value: yaml::Node, place: &Place, faults: &mut Faults) {
    let Some((first, rest)) = steps.split_first() else {
        faults.push(Diagnostic::new("an override names a parameter: `params.NAME=VALUE`").at(place));
        return;
    };
    let known: Vec<String> = entries.iter().map(|entry| entry.key.clone()).collect();
    let Some(entry) = entries.iter_mut().find(|entry| entry.key == *first) else {
        let fault = Diagnostic::new(format!("the pipeline has no parameter `{first}`")).at(place);
        faults.push(match suggest::hint(first, known.iter().map(String::as_str)) {
            Some(hint) => fault.hint(hint),
            None => fault.hint("declare it under `params` with a default"),
        });
        return;
    };
    if rest.is_empty() {
        entry.value = value;
        return;
    }
    match &mut entry.value.value {
        Value::Map(inner) => set(inner, rest, value, place, faults),
        other => {
            let message = format!("parameter `{first}` is {}, so it has no field `{}`", other.what(), rest[0]);
            faults.push(Diagnostic::new(message).at(place));
        }
    }
}

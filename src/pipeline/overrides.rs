//! `--set params.NAME=VALUE`: parameters of a pipeline that a person sets for one run.
//!
//! It does not know what parameters are for.

use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Place, Source};
use crate::pipeline::definition::Faults;
use crate::pipeline::suggest;
use crate::yaml::{self, Entry, Value};

/// Applies `params.NAME=VALUE`; the value is YAML.
pub(crate) fn apply(params: &mut [Entry], overrides: &[String], faults: &mut Faults) {
    for text in overrides {
        let source = Arc::new(Source { name: "--set".into(), text: text.clone() });
        let all = Place { source: Arc::clone(&source), start: 0, end: text.len() };
        let Some((path, value)) = text.split_once('=') else {
            faults.push(Diagnostic::new("an override is `params.NAME=VALUE`").at(&all));
            continue;
        };
        let value = match yaml::parse(Arc::new(Source { name: "--set".into(), text: value.to_owned() })) {
            Ok(node) => node,
            Err(_) if value.trim().is_empty() => yaml::Node { value: Value::Text(String::new()), place: all.clone() },
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

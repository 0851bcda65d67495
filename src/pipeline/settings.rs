//! The smaller parts of a stage: needs, timeout, retries, environment, declared outputs.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value as Json;

use crate::diagnostic::{Diagnostic, Place};
use crate::gpus::VARIABLES;
use crate::graph::{ByName, CpuNeed, Needs, OutputSpec};
use crate::pipeline::check::shown;
use crate::pipeline::interpolate::{Scope, what};
use crate::pipeline::limits;
use crate::pipeline::reading::{Faults, bad_label, is_label, unknown_key};
use crate::yaml::{Entry, Node, Value};

/// A text; a number or the like stands as it is written.
pub(crate) fn text(node: &Node, key: &str, scope: &Scope<'_>, faults: &mut Faults) -> Option<String> {
    let value = scope.value(node, faults);
    match value.written().filter(|_| value.value != Value::Null) {
        Some(text) if !text.contains('\0') => Some(text.into_owned()),
        Some(_) => {
            faults.push(Diagnostic::new(format!("`{key}` must not contain a zero byte")).at(&node.place));
            None
        }
        None => {
            let message = format!("`{key}` is text, but here stands {}", value.value.what());
            faults.push(Diagnostic::new(message).at(&node.place));
            None
        }
    }
}

/// A list of texts.
pub(crate) fn words(nodes: &[Node], key: &str, scope: &Scope<'_>, faults: &mut Faults) -> Vec<String> {
    nodes.iter().filter_map(|node| text(node, key, scope, faults)).collect()
}

/// `true` or `false`.
pub(crate) fn flag(node: &Node, key: &str, scope: &Scope<'_>, faults: &mut Faults) -> Option<bool> {
    let value = scope.resolve(node, faults);
    if let Json::Bool(flag) = value {
        return Some(flag);
    }
    let message = format!("`{key}` is `true` or `false`, but here stands {}", what(&value));
    faults.push(Diagnostic::new(message).at(&node.place));
    None
}

/// A small whole number.
pub(crate) fn count(node: &Node, key: &str, scope: &Scope<'_>, faults: &mut Faults) -> Option<u32> {
    let value = scope.resolve(node, faults);
    let found = value.as_u64().and_then(|n| u32::try_from(n).ok()).filter(|n| *n <= 1_000_000);
    if found.is_none() {
        let message = format!("`{key}` is a whole number from 0 to 1000000, but here stands {}", shown(&value));
        faults.push(Diagnostic::new(message).at(&node.place));
    }
    found
}

/// A duration such as `90s`, `30m`, `2h` or `1.5h`; a bare number is seconds.
pub(crate) fn duration(node: &Node, scope: &Scope<'_>, faults: &mut Faults) -> Option<Duration> {
    let written = scope.written(node, faults).unwrap_or_default();
    let found = parse_duration(&written);
    if found.is_none() {
        let fault = Diagnostic::new(format!("`{written}` is no duration")).at(&node.place);
        faults.push(fault.hint("write it as `90s`, `30m`, `2h` or `1d`"));
    }
    found
}

fn parse_duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let (number, factor) = match text.chars().last()? {
        's' if text.ends_with("ms") => (&text[..text.len() - 2], 0.001),
        's' => (&text[..text.len() - 1], 1.0),
        'm' => (&text[..text.len() - 1], 60.0),
        'h' => (&text[..text.len() - 1], 3600.0),
        'd' => (&text[..text.len() - 1], 86_400.0),
        _ => (text, 1.0),
    };
    let seconds = number.trim().parse::<f64>().ok()? * factor;
    (seconds.is_finite() && seconds > 0.0 && seconds < 1e9).then(|| Duration::from_secs_f64(seconds))
}

/// `needs: { cpus, memory, gpus }`.
pub(crate) fn needs(entries: &[Entry], cpus: CpuNeed, scope: &Scope<'_>, faults: &mut Faults) -> Needs {
    let mut needs = Needs { cpus, memory: 0, gpus: 0 };
    for entry in entries {
        let node = &entry.value;
        match entry.key.as_str() {
            "cpus" if node.text() == Some("all") => needs.cpus = CpuNeed::All,
            "cpus" => match count(node, "cpus", scope, faults) {
                Some(0) => faults.push(Diagnostic::new("a stage needs at least one core").at(&node.place)),
                Some(n) => needs.cpus = CpuNeed::Count(n),
                None => {}
            },
            "gpus" => needs.gpus = count(node, "gpus", scope, faults).unwrap_or(0),
            "memory" => {
                let written = scope.written(node, faults).unwrap_or_default();
                match parse_bytes(&written) {
                    Some(bytes) => needs.memory = bytes,
                    None => faults.push(
                        Diagnostic::new(format!("`{written}` is no amount of memory"))
                            .at(&node.place)
                            .hint("write it as `512MiB` or `4GiB`"),
                    ),
                }
            }
            _ => faults.push(unknown_key(entry, "`needs`", &["cpus", "memory", "gpus"])),
        }
    }
    needs
}

/// Bytes written as `512MiB`, `1.5 GB` or a bare number.
#[must_use]
pub fn parse_bytes(text: &str) -> Option<u64> {
    const UNITS: [(&str, u64); 8] = [
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("TiB", 1 << 40),
        ("kB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("TB", 1_000_000_000_000),
    ];
    let text = text.trim();
    let unit = UNITS.iter().find(|(name, _)| text.ends_with(name));
    let (number, factor) = unit.map_or((text, 1), |(name, factor)| (&text[..text.len() - name.len()], *factor));
    let number = number.trim();
    match number.parse::<u64>() {
        Ok(whole) => whole.checked_mul(factor),
        Err(_) => {
            let bytes = number.parse::<f64>().ok()? * factor as f64;
            (bytes.is_finite() && (0.0..1e18).contains(&bytes) && factor > 1).then_some(bytes as u64)
        }
    }
}

/// `env`: names and values that are set for the stage, and keyed.
pub(crate) fn environment(entries: &[Entry], scope: &Scope<'_>, faults: &mut Faults) -> BTreeMap<String, String> {
    let mut env = BTreeMap::new();
    for entry in entries {
        if entry.key.is_empty() || entry.key.contains(['=', '\0']) {
            faults.push(Diagnostic::new(format!("`{}` is no name of a variable", entry.key)).at(&entry.place));
        }
        faults.extend(reserved(&entry.key, &entry.place));
        match scope.written(&entry.value, faults) {
            Ok(value) if !value.contains('\0') => {
                limits::variable(&entry.key, &value, &entry.value.place, faults);
                env.insert(entry.key.clone(), value);
            }
            _ => faults
                .push(Diagnostic::new(format!("variable `{}` must be plain text", entry.key)).at(&entry.value.place)),
        }
    }
    env
}

/// `pass`: names of variables that are passed through.
pub(crate) fn passed(nodes: &[Node], scope: &Scope<'_>, faults: &mut Faults) -> Vec<String> {
    let names = words(nodes, "pass", scope, faults);
    for node in nodes {
        faults.extend(node.text().and_then(|name| reserved(name, &node.place)));
    }
    names
}

/// Variables by which GPUs are handed out are not for others to set.
fn reserved(name: &str, place: &Place) -> Option<Diagnostic> {
    let fault = || Diagnostic::new(format!("`{name}` is set by nnf, to the GPUs that are the stage's own")).at(place);
    VARIABLES.contains(&name).then(|| fault().hint("ask for some by `needs: { gpus: 1 }`"))
}

/// `out` of a stage with `run`: name → media type, or a map with `media` and `optional`.
pub(crate) fn outputs(entries: &[Entry], faults: &mut Faults) -> ByName<OutputSpec> {
    let mut outputs = BTreeMap::new();
    for entry in entries {
        if !is_label(&entry.key) || entry.key == "record" {
            faults.push(bad_label("output name", &entry.key, &entry.place));
        }
        let mut spec = OutputSpec { media: "application/octet-stream".into(), optional: false };
        match &entry.value.value {
            Value::Null => {}
            Value::Text(media) => spec.media.clone_from(media),
            Value::Map(parts) => {
                for part in parts {
                    match (part.key.as_str(), &part.value.value) {
                        ("media", Value::Text(media)) => spec.media.clone_from(media),
                        ("optional", Value::Bool(optional)) => spec.optional = *optional,
                        ("media" | "optional", other) => {
                            let message = format!("`{}` cannot be {}", part.key, other.what());
                            faults.push(Diagnostic::new(message).at(&part.value.place));
                        }
                        _ => faults.push(unknown_key(part, "an output", &["media", "optional"])),
                    }
                }
            }
            other => {
                let message = format!("output `{}` is a media type, but here stands {}", entry.key, other.what());
                faults.push(Diagnostic::new(message).at(&entry.value.place).hint("for example `text/csv`"));
            }
        }
        outputs.insert(entry.key.clone(), spec);
    }
    outputs.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes() {
        assert_eq!(parse_duration("90s"), Some(Duration::from_secs(90)));
        assert_eq!(parse_duration("1.5h"), Some(Duration::from_secs(5400)));
        assert_eq!(parse_duration("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(parse_duration("20"), Some(Duration::from_secs(20)));
        for wrong in ["", "soon", "-1s", "0", "1e300d", "m"] {
            assert_eq!(parse_duration(wrong), None, "{wrong}");
        }
        assert_eq!(parse_bytes("4GiB"), Some(4 << 30));
        assert_eq!(parse_bytes("1.5 MiB"), Some(3 << 19));
        assert_eq!(parse_bytes("1024"), Some(1024));
        for wrong in ["", "GiB", "4 gigs", "-1GiB", "99999999999999TiB", "1.5"] {
            assert_eq!(parse_bytes(wrong), None, "{wrong}");
        }
    }
}

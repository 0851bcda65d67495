//! The pipeline of a run, as the run noted it: its stages, what they read, and what they promise to write.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Deserialize;
use serde_json::{Map, Value as Json};

use crate::graph::OutputSpec;

/// One instance.
#[derive(Clone, Debug, Default)]
pub(super) struct Planned {
    /// Its name.
    pub(super) name: String,
    /// The stage in the file.
    pub(super) stage: String,
    /// The kind, unless it is a command.
    pub(super) kind: Option<String>,
    /// Parameters.
    pub(super) with: Map<String, Json>,
    /// Inputs by name, as they are written.
    pub(super) inputs: Map<String, Json>,
    /// Outputs by name.
    pub(super) outputs: BTreeMap<String, OutputSpec>,
    /// Positions of the instances that it reads, each once, in order.
    pub(super) reads: Vec<usize>,
}

/// All instances, producers before readers.
#[derive(Debug, Default)]
pub(super) struct Outline {
    pub(super) stages: Vec<Planned>,
    pub(super) source: Source,
}

/// Where an outline is from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Source {
    /// The run noted all.
    #[default]
    Noted,
    /// The run did not note who reads whom, as older programs did not.
    NotedPartly,
    /// The same, so it is the pipeline as it stands now.
    Now,
    /// The run noted nothing that can be read.
    Missing,
}

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    stages: Map<String, Json>,
}

#[derive(Deserialize)]
struct Noted {
    stage: Option<String>,
    #[serde(default, rename = "use")]
    kind: Option<String>,
    #[serde(default)]
    with: Map<String, Json>,
    #[serde(default, rename = "in")]
    inputs: Map<String, Json>,
    #[serde(default, rename = "out")]
    outputs: BTreeMap<String, OutputSpec>,
}

impl Outline {
    /// What a run noted; where it did not note who reads whom, the pipeline as it stands now, if it has the same stages.
    pub(super) fn of(noted: &[u8], now: &dyn Fn() -> Vec<u8>) -> Self {
        let noted = Outline::read(noted);
        if noted.source != Source::NotedPartly {
            return noted;
        }
        let now = Outline::read(&now());
        let names = |outline: &Outline| outline.stages.iter().map(|stage| stage.name.clone()).collect::<BTreeSet<_>>();
        if names(&now) == names(&noted) { Outline { source: Source::Now, ..now } } else { noted }
    }

    /// Reads what a run noted. What is damaged counts as not noted.
    pub(super) fn read(bytes: &[u8]) -> Self {
        let Ok(document) = serde_json::from_slice::<Document>(bytes) else {
            return Outline { source: Source::Missing, ..Outline::default() };
        };
        let mut stages = Vec::with_capacity(document.stages.len());
        let mut is_whole = true;
        for (name, noted) in document.stages {
            let Ok(noted) = serde_json::from_value::<Noted>(noted) else {
                is_whole = false;
                continue;
            };
            is_whole &= noted.stage.is_some();
            let stage = noted.stage.unwrap_or_else(|| name.split('[').next().unwrap_or_default().to_owned());
            let Noted { kind, with, inputs, outputs, .. } = noted;
            stages.push(Planned { name, stage, kind, with, inputs, outputs, reads: Vec::new() });
        }
        let places: HashMap<String, usize> =
            stages.iter().enumerate().map(|(place, stage)| (stage.name.clone(), place)).collect();
        for (place, stage) in stages.iter_mut().enumerate() {
            let mut reads: Vec<usize> = stage
                .inputs
                .values()
                .flat_map(sources)
                .filter_map(|source| producer(source, &places))
                .filter(|from| *from < place)
                .collect();
            reads.sort_unstable();
            reads.dedup();
            stage.reads = reads;
        }
        Outline { stages, source: if is_whole { Source::Noted } else { Source::NotedPartly } }
    }
}

/// The texts of an input: one, or those of a fan-in.
pub(super) fn sources(input: &Json) -> Vec<&str> {
    match input {
        Json::String(text) => vec![text],
        Json::Object(members) => members.values().flat_map(sources).collect(),
        _ => Vec::new(),
    }
}

/// The place of the instance that a text such as `train[net=v1.5].weights` names; none for a file.
fn producer(source: &str, places: &HashMap<String, usize>) -> Option<usize> {
    if source.starts_with("file:") {
        return None;
    }
    let end = source.find(']').map_or(0, |at| at + 1);
    // Names of outputs may have dots, and of stages in namespaces.
    let mut dots = source[end..].rmatch_indices('.');
    dots.find_map(|(dot, _)| places.get(&source[..end + dot]).copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_know_what_they_read() {
        let text = br#"{"stages": {
            "a[n=1.5]": {"stage": "a", "in": {"f": "file:a.b"}, "out": {"x": {"media": "t", "optional": false}}},
            "b": {"stage": "b", "in": {"all": {"n=1.5": "a[n=1.5].x"}, "r": "a[n=1.5].record", "own": "b.x", "f": "file:b.y"}},
            "dev.c": {"stage": "dev.c", "in": {"x": "b.model.onnx"}},
            "d": {"stage": "d", "in": {"x": "dev.c.model.onnx"}}}}"#;
        let outline = Outline::read(text);
        let reads: Vec<_> = outline.stages.iter().map(|stage| (stage.name.as_str(), stage.reads.clone())).collect();
        assert_eq!(
            (reads, outline.source),
            (vec![("a[n=1.5]", vec![]), ("b", vec![0]), ("dev.c", vec![1]), ("d", vec![2])], Source::Noted)
        );
        let old = br#"{"stages": {"a[n=1]": {"with": {}}}}"#;
        let now = |name: &str| format!(r#"{{"stages": {{"{name}": {{"stage": "a"}}}}}}"#).into_bytes();
        assert_eq!(Outline::of(old, &|| now("a[n=1]")).source, Source::Now);
        assert_eq!(Outline::of(old, &|| now("b")).source, Source::NotedPartly, "another pipeline by now");
        assert_eq!(Outline::of(b"{torn", &|| now("b")).source, Source::Missing);
    }
}

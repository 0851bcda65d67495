//! From definitions to instances: axes are expanded, references resolved, parameters and inputs checked.
//!
//! It does not run anything and reads no file; it looks at names and links of files only.

mod around;
mod inputs;
mod maker;
mod producers;
mod stage;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use rayon::prelude::*;
use serde_json::Value as Json;

use crate::diagnostic::Diagnostic;
use crate::graph::{Instance, Piece, Source, Work};
use crate::pipeline::axes;
use crate::pipeline::interpolate::Scope;
use crate::pipeline::limits::{self, Sum};
use crate::pipeline::reading::Faults;
use crate::pipeline::stage::StageDefinition;

pub(crate) use around::Around;
use maker::Maker;
use stage::Stage;

/// Most instances that are made at once, on all cores, and most bytes of their texts.
const AT_ONCE: usize = 128;
const TEXT_AT_ONCE: usize = 16 << 20;

/// All instances; sources refer to positions in the list. Faulty ones are in it too, so that what reads them is checked.
pub(crate) fn instances(stages: &[StageDefinition], around: &Around<'_>, faults: &mut Faults) -> Vec<Instance> {
    let sizes: Vec<_> = stages.iter().map(|stage| (stage, axes::size(stage, around.scope(stage)))).collect();
    if !limits::instances(&sizes, faults) {
        return Vec::new();
    }
    let stages: Vec<Stage<'_>> = stages.iter().map(|stage| Stage::new(stage, around, faults)).collect();
    let mut first = 0;
    let mut index = BTreeMap::new();
    for stage in &stages {
        index.insert(stage.definition.name.as_str(), (first, stage));
        first += stage.axes.count();
    }
    let all: Vec<_> = stages.iter().flat_map(|stage| (0..stage.axes.count()).map(move |at| (stage, at))).collect();
    let mut instances = Vec::with_capacity(first);
    let (mut told, mut sum, mut some, mut rest) = (Told::new(faults), Sum::default(), 1, all.as_slice());
    while let Some((now, later)) = rest.split_at_checked(some.min(rest.len())).filter(|(now, _)| !now.is_empty()) {
        let made: Vec<_> = now.par_iter().map(|(stage, at)| make(stage, *at, around, &index)).collect();
        let mut longest = 1;
        for ((stage, _), (instance, mut found)) in now.iter().zip(made) {
            let text = text(&instance);
            longest = longest.max(text);
            found.extend(sum.add(stage.definition, inputs(&instance), text));
            instances.push(instance);
            told.add(found, faults);
            if faults.len() > limits::FAULTS || sum.is_exceeded() {
                // Some that others refer to are missing.
                return Vec::new();
            }
        }
        // Few enough at once that the limits are met before the memory is used up.
        some = (2 * some).min(AT_ONCE).min((TEXT_AT_ONCE / longest).max(1));
        rest = later;
    }
    if around.roots.folds_case() {
        limits::cases(&instances, faults);
    }
    instances
}

/// An instance of a stage, and what is wrong with it.
fn make<'a>(
    stage: &Stage<'a>,
    at: usize,
    around: &Around<'a>,
    index: &BTreeMap<&'a str, (usize, &Stage<'a>)>,
) -> (Instance, Faults) {
    let positions = stage.axes.positions(at);
    let params = Arc::clone(&around.scope(stage.definition).params);
    let scope = Scope { params, each: stage.axes.values(&positions) };
    let mut faults = Vec::new();
    let maker = Maker { stage, positions: &positions, scope, around, index, faults: &mut faults };
    (maker.make(), faults)
}

/// The faults that were told: the instances of a stage share most of theirs.
struct Told(HashSet<(String, usize, usize)>);

impl Told {
    fn new(faults: &[Diagnostic]) -> Self {
        Told(faults.iter().map(Self::of).collect())
    }

    fn add(&mut self, found: Faults, faults: &mut Faults) {
        faults.extend(found.into_iter().filter(|fault| self.0.insert(Self::of(fault))));
    }

    fn of(fault: &Diagnostic) -> (String, usize, usize) {
        let place = fault.place.as_ref();
        let (source, start) = place.map_or((0, 0), |place| (Arc::as_ptr(&place.source).addr(), place.start));
        (fault.message.clone(), source, start)
    }
}

/// How many inputs an instance has; each member of a fan-in counts.
fn inputs(instance: &Instance) -> usize {
    let members = |source: &Source| if let Source::Many(members) = source { members.len() } else { 1 };
    instance.inputs.values().map(members).sum()
}

/// Bytes of text in an instance.
fn text(instance: &Instance) -> usize {
    let pieces = |words: &Vec<Vec<Piece>>| {
        let texts = words.iter().flatten().map(|piece| if let Piece::Text(text) = piece { text.len() } else { 0 });
        texts.sum::<usize>()
    };
    let words = if let Work::Argv { words } = &instance.work { pieces(words) } else { 0 };
    let env: usize = instance.env.iter().map(|(name, value)| name.len() + value.len()).sum();
    words + env + instance.with.iter().map(|(name, value)| name.len() + json(value)).sum::<usize>()
}

fn json(value: &Json) -> usize {
    match value {
        Json::String(text) => text.len(),
        Json::Array(items) => items.iter().map(json).sum(),
        Json::Object(fields) => fields.iter().map(|(name, value)| name.len() + json(value)).sum(),
        _ => 8,
    }
}

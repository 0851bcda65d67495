//! From definitions to instances: axes are expanded, references resolved, parameters and inputs checked.
//!
//! It does not run anything and reads no file; it looks at names and links of files only.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use nnf_contract::{Kind, ParameterType};

use crate::diagnostic::{Diagnostic, Place};
use crate::graph::{Instance, InstanceId, Needs, OutputSpec, Source, Strict, Work};
use crate::pipeline::axes::{self, Cell};
use crate::pipeline::check;
use crate::pipeline::command;
use crate::pipeline::definition::{Definition, Faults, StageDefinition, bad_label, is_label};
use crate::pipeline::files::Reach;
use crate::pipeline::interpolate::{Scope, what, write_out};
use crate::pipeline::reference::{self, Reference, Which};
use crate::pipeline::settings;
use crate::pipeline::suggest;
use crate::programs::{Catalogue, Offered};
use crate::yaml::{Entry, Value};

/// What expansion needs to know besides the definition.
pub(crate) struct Around<'a> {
    pub(crate) scope: &'a Scope,
    pub(crate) catalogue: &'a Catalogue,
    pub(crate) reach: &'a Reach,
    /// Whether stages that say nothing are strict, and what strict ones may read besides.
    pub(crate) strict: bool,
    pub(crate) tools: &'a [PathBuf],
}

/// All instances; sources refer to positions in the list. Faulty ones are in it too, so that what reads them is checked.
pub(crate) fn instances(definition: &Definition, around: &Around<'_>, faults: &mut Faults) -> Vec<Instance> {
    let stages: Vec<Stage<'_>> = definition.stages.iter().map(|stage| Stage::new(stage, around, faults)).collect();
    let mut first = 0;
    let mut index = HashMap::new();
    for stage in &stages {
        index.insert(stage.definition.name.as_str(), (first, stage));
        first += stage.cells.len();
    }
    let mut instances = Vec::with_capacity(first);
    for stage in &stages {
        for cell in &stage.cells {
            let mut found = Vec::new();
            let scope = Scope { params: around.scope.params.clone(), each: cell.values.clone() };
            let maker = Maker { stage, cell, scope, around, index: &index, faults: &mut found };
            instances.push(maker.make());
            // The instances of a stage share most of their faults.
            found.retain(|fault| !faults.contains(fault));
            faults.extend(found);
        }
    }
    instances
}

/// A stage with its cells and what is known of its outputs.
struct Stage<'a> {
    definition: &'a StageDefinition,
    cells: Vec<Cell>,
    /// The kind, for a stage with `use`.
    offered: Option<(&'a Offered, &'a Kind)>,
    /// Outputs by name; none if they cannot be known because of another fault.
    outputs: Option<BTreeMap<String, OutputSpec>>,
}

impl<'a> Stage<'a> {
    fn new(definition: &'a StageDefinition, around: &Around<'a>, faults: &mut Faults) -> Self {
        let cells = axes::cells(definition, around.scope, faults).unwrap_or_default();
        let mut stage = Stage { definition, cells, offered: None, outputs: None };
        if let Some(node) = &definition.kind {
            let name = write_out(&around.scope.resolve(node, faults)).unwrap_or_default();
            stage.offered = around.catalogue.find(&name);
            if stage.offered.is_none() && around.catalogue.is_whole() {
                let known: Vec<&str> = around.catalogue.kinds().collect();
                let fault = Diagnostic::new(format!("no program offers the kind `{name}`")).at(&node.place);
                faults.push(match suggest::hint(&name, known.iter().copied()) {
                    Some(hint) => fault.hint(hint),
                    None => fault,
                });
            }
            let outputs = |kind: &Kind| {
                let spec = |o: &nnf_contract::Output| OutputSpec { media: o.media.clone(), optional: o.optional };
                kind.outputs.iter().map(|output| (output.name.clone(), spec(output))).collect()
            };
            stage.outputs = stage.offered.map(|(_, kind)| outputs(kind));
            if let Some((place, _)) = &definition.outputs {
                let fault = Diagnostic::new("`out` is for stages with `run`; a kind declares its own outputs");
                faults.push(fault.at(place));
            }
        } else if definition.run.is_some() {
            let entries = definition.outputs.as_ref().map_or(&[] as &[Entry], |(_, entries)| entries);
            stage.outputs = Some(settings::outputs(entries, faults));
        }
        stage
    }
}

/// Makes one instance.
struct Maker<'a, 'b> {
    stage: &'b Stage<'a>,
    cell: &'b Cell,
    scope: Scope,
    around: &'b Around<'a>,
    index: &'b HashMap<&'a str, (usize, &'b Stage<'a>)>,
    faults: &'b mut Faults,
}

impl Maker<'_, '_> {
    fn make(mut self) -> Instance {
        let definition = self.stage.definition;
        let inputs = self.inputs();
        let (with, unkeyed) = self.parameters();
        let code = self.code();
        let kind = self.stage.offered.map(|(_, kind)| kind);
        let work = match self.stage.offered {
            Some((offered, kind)) => Work::Kind {
                program: offered.argv.clone(),
                kind: kind.name.clone(),
                fingerprint: offered.fingerprint(kind),
                versions: offered.versions(),
            },
            None => {
                let names: Vec<&str> = definition.inputs.iter().map(|entry| entry.key.as_str()).collect();
                let outputs = self.stage.outputs.as_ref();
                let known = command::Known { inputs: &inputs, input_names: &names, outputs, with: &with };
                let files = command::Files { code: &code, reach: self.around.reach };
                let words = definition
                    .run
                    .as_ref()
                    .map_or_else(Vec::new, |run| command::words(run, &self.scope, &known, &files, self.faults));
                Work::Argv { words }
            }
        };
        let default_cpus = kind.map_or(nnf_contract::Cpus::One, |kind| kind.cpus);
        let needs: Needs = settings::needs(&definition.needs, default_cpus.into(), &self.scope, self.faults);
        let resumes =
            definition.resumes.as_ref().and_then(|node| settings::flag(node, "resumes", &self.scope, self.faults));
        Instance {
            name: self.cell.name.clone(),
            stage: definition.name.clone(),
            labels: self.cell.labels.clone(),
            work,
            with,
            unkeyed,
            inputs,
            outputs: self.stage.outputs.clone().unwrap_or_default(),
            code,
            env: settings::environment(&definition.env, &self.scope, self.faults),
            pass: settings::passed(&definition.pass, &self.scope, self.faults),
            needs,
            timeout: definition.timeout.as_ref().and_then(|n| settings::duration(n, &self.scope, self.faults)),
            retries: definition
                .retries
                .as_ref()
                .and_then(|n| settings::count(n, "retries", &self.scope, self.faults))
                .unwrap_or(0),
            measures: kind.is_some_and(|kind| kind.measures),
            resumes: resumes.unwrap_or_else(|| kind.is_some_and(|kind| kind.resumes)),
            strict: self.strict(),
            place: definition.place.clone(),
        }
    }

    fn parameters(&mut self) -> (serde_json::Map<String, serde_json::Value>, Vec<String>) {
        let definition = self.stage.definition;
        match self.stage.offered {
            Some((_, kind)) => {
                let stage = (definition.name.as_str(), &definition.place);
                let with = check::parameters(kind, &definition.with, &self.scope, stage, self.faults);
                (with, kind.parameters.iter().filter(|p| !p.keyed).map(|p| p.name.clone()).collect())
            }
            None => {
                let resolved =
                    definition.with.iter().map(|e| (e.key.clone(), self.scope.resolve(&e.value, self.faults)));
                (resolved.collect(), Vec::new())
            }
        }
    }

    fn strict(&mut self) -> Option<Strict> {
        let said = self.stage.definition.strict.as_ref();
        let strict = said.and_then(|node| settings::flag(node, "strict", &self.scope, self.faults));
        strict.unwrap_or(self.around.strict).then(|| {
            let files = self.stage.offered.map_or(&[] as &[PathBuf], |(offered, _)| &offered.files);
            Strict { tools: self.around.tools.iter().chain(files).cloned().collect() }
        })
    }

    fn code(&mut self) -> BTreeMap<String, PathBuf> {
        let mut code = BTreeMap::new();
        for node in &self.stage.definition.code {
            let Some(written) = settings::text(node, "code", &self.scope, self.faults) else { continue };
            match self.around.reach.resolve(&written, &node.place) {
                Ok(path) => {
                    let name = path.strip_prefix(&self.around.reach.root).unwrap_or(&path);
                    code.insert(name.to_string_lossy().into_owned(), path);
                }
                Err(fault) => self.faults.push(*fault),
            }
        }
        code
    }

    fn inputs(&mut self) -> BTreeMap<String, Source> {
        let definition = self.stage.definition;
        let mut inputs = BTreeMap::new();
        for entry in &definition.inputs {
            let declared = match self.stage.offered {
                Some((_, kind)) => match kind.inputs.iter().find(|input| input.name == entry.key) {
                    Some(input) => Some(input),
                    None => {
                        self.unknown_input(entry, kind);
                        continue;
                    }
                },
                None => None,
            };
            if !is_label(&entry.key) {
                // It becomes the name of a file that the stage reads.
                self.faults.push(bad_label("input name", &entry.key, &entry.place));
            }
            let Some(source) = self.source(entry) else { continue };
            if matches!(source, Source::Many(_)) && declared.is_some_and(|input| !input.many) {
                let message =
                    format!("input `{}` of stage `{}` takes one file, not a list", entry.key, definition.name);
                self.faults.push(Diagnostic::new(message).at(&entry.value.place));
            }
            inputs.insert(entry.key.clone(), source);
        }
        let Some((_, kind)) = self.stage.offered else { return inputs };
        for input in kind.inputs.iter().filter(|input| !input.optional) {
            if !definition.inputs.iter().any(|entry| entry.key == input.name) {
                let message = format!("stage `{}` lacks input `{}`: {}", definition.name, input.name, input.doc);
                let hint = format!("add `{}: STAGE.OUTPUT` under `in`", input.name);
                self.faults.push(Diagnostic::new(message).at(&definition.place).hint(hint));
            }
        }
        inputs
    }

    fn unknown_input(&mut self, entry: &Entry, kind: &Kind) {
        let fault = Diagnostic::new(format!("kind `{}` has no input `{}`", kind.name, entry.key)).at(&entry.place);
        let known: Vec<&str> = kind.inputs.iter().map(|input| input.name.as_str()).collect();
        let as_parameter =
            kind.parameters.iter().any(|p| p.name == entry.key && !matches!(p.kind, ParameterType::Bool));
        self.faults.push(if as_parameter {
            fault.hint(format!("`{}` is a parameter: write it under `with`", entry.key))
        } else {
            match suggest::hint(&entry.key, known.iter().copied()) {
                Some(hint) => fault.hint(hint),
                None => fault,
            }
        });
    }

    /// The source of one input: a text, or a map from label to text for a fan-in over different stages.
    fn source(&mut self, entry: &Entry) -> Option<Source> {
        if let Value::Map(members) = &entry.value.value {
            let mut many = BTreeMap::new();
            for member in members {
                if !is_label(&member.key) {
                    self.faults.push(bad_label("label", &member.key, &member.place));
                }
                if !matches!(member.value.value, Value::Text(_)) {
                    let message =
                        format!("member `{}` is text, but here stands {}", member.key, member.value.value.what());
                    self.faults.push(Diagnostic::new(message).at(&member.value.place));
                } else if let Some(source) = self.source(member) {
                    many.insert(member.key.clone(), source);
                }
            }
            return Some(Source::Many(many));
        }
        let place = &entry.value.place;
        let value = self.scope.resolve(&entry.value, self.faults);
        let Some(text) = value.as_str() else {
            let message = format!("input `{}` is text, but here stands {}", entry.key, what(&value));
            self.faults
                .push(Diagnostic::new(message).at(place).hint("for example `train.weights` or `file:data/x.csv`"));
            return None;
        };
        match reference::parse(text) {
            Err(message) => {
                self.faults.push(Diagnostic::new(message).at(place));
                None
            }
            Ok(Reference::File(written)) => match self.around.reach.resolve(&written, place) {
                Ok(path) => Some(Source::File { path, written }),
                Err(fault) => {
                    self.faults.push(*fault);
                    None
                }
            },
            Ok(Reference::Stage { stage, which, output }) => self.stage_source(text, &stage, &which, &output, place),
        }
    }

    fn stage_source(&mut self, text: &str, stage: &str, which: &Which, output: &str, place: &Place) -> Option<Source> {
        let Some((first, producer)) = self.index.get(stage).copied() else {
            let fault = Diagnostic::new(format!(
                "stage `{}` needs `{text}`, which nothing produces",
                self.stage.definition.name
            ))
            .at(place);
            self.faults.push(match suggest::nearest(stage, self.index.keys().copied()) {
                Some(near) => fault.hint(format!("did you mean `{}`?", text.replacen(stage, near, 1))),
                None => fault.hint("inputs are written `stage.output` or `file:path`"),
            });
            return None;
        };
        if let Some(outputs) = &producer.outputs
            && output != "record"
            && !outputs.contains_key(output)
        {
            let fault = Diagnostic::new(format!("stage `{stage}` has no output `{output}`")).at(place);
            let known = outputs.keys().map(String::as_str).chain(["record"]).collect::<Vec<_>>();
            self.faults.push(match suggest::hint(output, known.iter().copied()) {
                Some(hint) => fault.hint(hint),
                None => fault,
            });
            return None;
        }
        if producer.cells.is_empty() {
            return None; // its axes are faulty, which is said already
        }
        let at = |position: usize| -> Source {
            let from = InstanceId(u32::try_from(first + position).unwrap_or(u32::MAX));
            if output == "record" {
                Source::Record { from }
            } else {
                Source::Output { from, output: output.to_owned() }
            }
        };
        match which {
            Which::One(given) => self.one(producer, given, place).map(at),
            Which::All => self
                .all(producer, place)
                .map(|found| Source::Many(found.into_iter().map(|(label, position)| (label, at(position))).collect())),
        }
    }

    /// The position of the one instance with the reader's own labels and the given ones.
    fn one(&mut self, producer: &Stage<'_>, given: &[(String, String)], place: &Place) -> Option<usize> {
        let stage = &producer.definition.name;
        let axes: Vec<&str> = producer.definition.each.iter().map(|entry| entry.key.as_str()).collect();
        for (axis, label) in given {
            if !axes.contains(&axis.as_str()) {
                let fault = Diagnostic::new(format!("stage `{stage}` has no axis `{axis}`")).at(place);
                self.faults.push(match suggest::hint(axis, axes.iter().copied()) {
                    Some(hint) => fault.hint(hint),
                    None => fault.hint("it has no axes at all"),
                });
                return None;
            }
            if !producer.cells.iter().any(|cell| cell.labels.get(axis) == Some(label)) {
                self.no_label(stage, axis, label, place);
                return None;
            }
        }
        let mut wanted = BTreeMap::new();
        for axis in axes {
            let by_hand = given.iter().find(|(name, _)| name == axis).map(|(_, label)| label);
            let Some(label) = by_hand.or_else(|| self.cell.labels.get(axis)) else {
                let message = format!("stage `{stage}` has an instance for each `{axis}`; which one is meant?");
                let hint = format!("`{stage}[{axis}=LABEL].…` names one, `{stage}[*].…` gathers all");
                self.faults.push(Diagnostic::new(message).at(place).hint(hint));
                return None;
            };
            wanted.insert(axis.to_owned(), label.clone());
        }
        let found = producer.cells.iter().position(|cell| cell.labels == wanted);
        if found.is_none() {
            let missing =
                wanted.iter().find(|(a, l)| !producer.cells.iter().any(|cell| cell.labels.get(*a) == Some(l)));
            if let Some((axis, label)) = missing {
                self.no_label(stage, axis, label, place);
            }
        }
        found
    }

    fn no_label(&mut self, stage: &str, axis: &str, label: &str, place: &Place) {
        let message = format!("stage `{stage}` has no instance with `{axis}={label}`");
        self.faults
            .push(Diagnostic::new(message).at(place).hint(format!("give both stages the same values of `{axis}`")));
    }

    /// Labels and positions of all instances that agree with the reader's own labels.
    fn all(&mut self, producer: &Stage<'_>, place: &Place) -> Option<Vec<(String, usize)>> {
        let own = &self.cell.labels;
        let agrees =
            |cell: &&(usize, &Cell)| cell.1.labels.iter().all(|(axis, label)| own.get(axis).is_none_or(|o| o == label));
        let cells: Vec<(usize, &Cell)> = producer.cells.iter().enumerate().collect();
        let label = |cell: &Cell| {
            let lacking = cell.labels.iter().filter(|(axis, _)| !own.contains_key(*axis));
            lacking.map(|(axis, label)| format!("{axis}={label}")).collect::<Vec<_>>().join(",")
        };
        let found: Vec<(String, usize)> = cells.iter().filter(agrees).map(|(i, cell)| (label(cell), *i)).collect();
        let stage = &producer.definition.name;
        if found.is_empty() {
            self.faults
                .push(Diagnostic::new(format!("no instance of stage `{stage}` has the labels of this one")).at(place));
            return None;
        }
        if found.len() == 1 && found[0].0.is_empty() {
            let message = format!("stage `{stage}` has no axis to gather over here");
            self.faults.push(Diagnostic::new(message).at(place).hint("leave `[*]` out"));
            return None;
        }
        Some(found)
    }
}

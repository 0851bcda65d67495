//! Makes one instance: what it runs, with what, and what it takes.
//!
//! Its inputs are found by `inputs` and `producers`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Map, Value};

use crate::diagnostic::Place;
use crate::graph::{ByName, Instance, Needs, SlurmOptions, Source, Strict, Work};
use crate::pipeline::expand::around::Around;
use crate::pipeline::expand::stage::Stage;
use crate::pipeline::interpolate::Scope;
use crate::pipeline::reading::Faults;
use crate::pipeline::{check, command, executor, settings, words};
use crate::yaml::{self, Node};

/// Makes one instance.
pub(super) struct Maker<'a, 'b> {
    pub(super) stage: &'b Stage<'a>,
    /// Of each axis of the stage, the position of the value that the instance has.
    pub(super) positions: &'b [usize],
    pub(super) scope: Scope<'b>,
    pub(super) around: &'b Around<'a>,
    pub(super) index: &'b BTreeMap<&'a str, (usize, &'b Stage<'a>)>,
    pub(super) faults: &'b mut Faults,
}

impl Maker<'_, '_> {
    pub(super) fn make(mut self) -> Instance {
        let definition = self.stage.definition;
        let inputs = self.inputs();
        let (with, unkeyed) = self.parameters();
        let code = self.code();
        let work = self.work(&inputs, &with, &code);
        let kind = self.stage.offered.map(|(_, kind)| kind);
        let default_cpus = kind.map_or(nnf_contract::Cpus::One, |kind| kind.cpus);
        let needs: Needs = settings::needs(&definition.needs, default_cpus.into(), &self.scope, self.faults);
        let resumes =
            definition.resumes.as_ref().and_then(|node| settings::flag(node, "resumes", &self.scope, self.faults));
        Instance {
            name: self.stage.axes.name(&definition.name, self.positions),
            stage: definition.name.clone(),
            labels: self.stage.axes.labels(self.positions),
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
            executor: executor::name(definition.executor.as_deref(), &self.scope, self.faults),
            slurm: self.slurm(),
            place: self.place(),
        }
    }

    /// Where the program of its command stands, or its kind.
    fn place(&self) -> Place {
        let definition = self.stage.definition;
        let program = definition.run.as_ref().map(|run| match &run.value {
            yaml::Value::List(words) => words.first().unwrap_or(run),
            _ => run,
        });
        program.or(definition.kind.as_deref()).map_or(&definition.place, |node| &node.place).clone()
    }

    fn work(&mut self, inputs: &ByName<Source>, with: &Map<String, Value>, code: &BTreeMap<String, PathBuf>) -> Work {
        if let Some((offered, kind)) = self.stage.offered {
            return Work::Kind {
                program: offered.argv.clone(),
                kind: kind.name.clone(),
                fingerprint: offered.fingerprint(kind),
                files: offered.files.clone(),
                versions: offered.versions(),
            };
        }
        let definition = self.stage.definition;
        let names: Vec<&str> = definition.inputs.iter().map(|entry| entry.key.as_str()).collect();
        let known = words::Known { inputs, input_names: &names, outputs: self.stage.outputs.as_ref(), with };
        let files = command::Files { code, roots: self.around.roots };
        let words = |run| command::words(run, &self.scope, &known, &files, self.faults);
        let mut words = definition.run.as_ref().map_or_else(Vec::new, words);
        words.iter_mut().for_each(Vec::shrink_to_fit);
        Work::Argv { words }
    }

    fn parameters(&mut self) -> (Map<String, Value>, Vec<String>) {
        let definition = self.stage.definition;
        match self.stage.offered {
            Some((_, kind)) => {
                let stage = (definition.name.as_str(), &definition.place);
                let with = check::parameters(kind, &definition.with, &self.scope, stage, self.faults);
                (with, kind.parameters.iter().filter(|p| !p.keyed).map(|p| p.name.clone()).collect())
            }
            None => {
                // A command gets a number as it is written, so how it is written is what counts.
                let resolved = definition.with.iter().map(|entry| {
                    let node = self.scope.value(&entry.value, self.faults);
                    (entry.key.clone(), as_command_sees(&node, &entry.key, definition.run.as_ref()))
                });
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

    /// What the stage says stands in place of what the pipeline says, key by key.
    fn slurm(&mut self) -> Option<Box<SlurmOptions>> {
        let entries = &self.stage.definition.slurm;
        if entries.is_empty() {
            return self.around.slurm.clone();
        }
        let common = self.around.slurm.as_deref().cloned().unwrap_or_default();
        Some(Box::new(executor::slurm(entries, common, &self.scope, self.faults)))
    }

    fn code(&mut self) -> BTreeMap<String, PathBuf> {
        let mut code = BTreeMap::new();
        for node in &self.stage.definition.code {
            let Some(written) = settings::text(node, "code", &self.scope, self.faults) else { continue };
            match self.around.roots.resolve(&written, &node.place) {
                Ok(path) => {
                    let name = path.strip_prefix(&self.around.roots.root).unwrap_or(&path);
                    code.insert(name.to_string_lossy().into_owned(), path);
                }
                Err(fault) => self.faults.push(*fault),
            }
        }
        code
    }
}

/// A parameter of a command: a number is the text that stands in the file. In a list only where the command takes the
/// list apart, since the key holds lists as they are.
fn as_command_sees(node: &Node, name: &str, run: Option<&Node>) -> Value {
    let scalar = |node: &Node| match (&node.value, node.literal.as_deref()) {
        // However nothing is written, the key holds it as nothing.
        (yaml::Value::Null, _) | (_, None) => node.to_json(),
        (_, Some(literal)) => Value::from(literal),
    };
    let placeholder = format!("{{with.{name}}}");
    let takes_apart = |word: &Node| word.text().is_some_and(|text| text.contains(&placeholder));
    match (&node.value, run.map(|run| &run.value)) {
        (yaml::Value::List(items), Some(yaml::Value::List(words))) if words.iter().any(takes_apart) => {
            items.iter().map(scalar).collect()
        }
        _ => scalar(node),
    }
}

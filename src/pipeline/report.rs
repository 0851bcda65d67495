//! `report`: what the page of a run shows first, in the order of the file.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use crate::diagnostic::{Diagnostic, Place};
use crate::graph::{Graph, Instance};
use crate::pipeline::interpolate::Scope;
use crate::pipeline::reading::{Faults, unknown_key};
use crate::pipeline::reference::{self, Reference, Which};
use crate::pipeline::sources::Pipeline;
use crate::pipeline::space::is_path;
use crate::pipeline::{settings, suggest};
use crate::yaml::{Entry, Node, Value};

/// One entry of a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportEntry {
    /// A heading.
    Heading(String),
    /// Text in Markdown.
    Text(String),
    /// An output, of one instance of a stage or of several.
    Output {
        /// What stands above it.
        title: Option<String>,
        /// The outputs, in the order of the graph.
        of: Vec<Shown>,
    },
}

/// An output that a report shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// Name of the instance.
    pub instance: String,
    /// Name of the output.
    pub output: String,
}

const KEYS: [&str; 4] = ["heading", "text", "output", "title"];
const FORMS: &str = "entries are written `heading: TEXT`, `text: MARKDOWN` or `output: STAGE.OUTPUT`";

/// The entries of a pipeline. What is faulty is left out, and named in `faults`.
pub(crate) fn entries(pipeline: &Pipeline, scope: &Scope<'_>, graph: &Graph, faults: &mut Faults) -> Vec<ReportEntry> {
    let mut of_stage: HashMap<&str, Vec<&Instance>> = HashMap::new();
    if !pipeline.own.report.is_empty() {
        for instance in graph.instances() {
            of_stage.entry(&instance.stage).or_default().push(instance);
        }
    }
    let mut reader = Reader { scope, of_stage, by_labels: HashMap::new(), pipeline, faults };
    pipeline.own.report.iter().filter_map(|node| reader.entry(node)).collect()
}

struct Reader<'a> {
    scope: &'a Scope<'a>,
    /// The instances of each stage, in the order of the graph.
    of_stage: HashMap<&'a str, Vec<&'a Instance>>,
    /// Those of the stages that were asked for by label.
    by_labels: HashMap<&'a str, HashMap<&'a BTreeMap<String, String>, &'a Instance>>,
    pipeline: &'a Pipeline,
    faults: &'a mut Faults,
}

impl<'a> Reader<'a> {
    fn entry(&mut self, node: &Node) -> Option<ReportEntry> {
        let Value::Map(parts) = &node.value else {
            let message = format!("an entry of `report` is a map, but here stands {}", node.value.what());
            self.faults.push(Diagnostic::new(message).at(&node.place).hint(FORMS));
            return None;
        };
        for part in parts.iter().filter(|part| !KEYS.contains(&part.key.as_str())) {
            self.faults.push(unknown_key(part, "an entry of `report`", &KEYS));
        }
        let forms: Vec<&Entry> = parts.iter().filter(|part| KEYS[..3].contains(&part.key.as_str())).collect();
        let [form] = forms.as_slice() else {
            self.no_form(node, parts, &forms);
            return None;
        };
        let title = parts.iter().find(|part| part.key == "title");
        let text = settings::text(&form.value, &form.key, self.scope, self.faults)?;
        match form.key.as_str() {
            "output" => {
                let title = title.and_then(|part| settings::text(&part.value, "title", self.scope, self.faults));
                let of = self.outputs(&text, &form.value.place)?;
                Some(ReportEntry::Output { title, of })
            }
            _ if title.is_some() => {
                let place = title.map_or(&node.place, |part| &part.place);
                self.faults.push(Diagnostic::new("only an output has a `title`").at(place));
                None
            }
            "heading" => Some(ReportEntry::Heading(text)),
            _ => Some(ReportEntry::Text(text)),
        }
    }

    /// None of the forms, or more than one.
    fn no_form(&mut self, node: &Node, parts: &[Entry], forms: &[&Entry]) {
        // A misspelt form was named already.
        if let [_, second, ..] = forms {
            let message =
                format!("an entry of `report` is one thing, but here stand `{}` and `{}`", forms[0].key, second.key);
            self.faults.push(Diagnostic::new(message).at(&second.place).hint("write each as an entry of its own"));
        } else if parts.iter().all(|part| part.key == "title") {
            self.faults.push(Diagnostic::new("an entry of `report` shows nothing").at(&node.place).hint(FORMS));
        }
    }

    fn outputs(&mut self, text: &str, place: &Place) -> Option<Vec<Shown>> {
        let spaces = &self.pipeline.spaces;
        let (stage, which, output) = match reference::parse(text, &|path| is_path(spaces, 0, path)) {
            Ok(Reference::Stage { stage, which, output }) => (stage, which, output),
            Ok(Reference::File(_)) => {
                let fault = Diagnostic::new("a report shows outputs of stages, not files").at(place);
                self.faults.push(fault.hint("a stage that copies the file has it as an output"));
                return None;
            }
            Err(_) => {
                let fault = Diagnostic::new(format!("`{text}` is no output")).at(place);
                self.faults.push(
                    fault.hint("outputs are written `stage.output`, `stage[axis=label].output` or `stage[*].output`"),
                );
                return None;
            }
        };
        let stages = || self.pipeline.stages.iter().map(|stage| stage.name.as_str());
        if !self.of_stage.contains_key(stage.as_str()) && !stages().any(|name| name == stage) {
            let fault = Diagnostic::new(format!("the report shows `{text}`, which nothing produces")).at(place);
            self.faults.push(match suggest::nearest(&stage, stages()) {
                Some(near) => fault.hint(format!("did you mean `{}`?", text.replacen(&stage, near, 1))),
                None => fault.hint(format!("known: {}", stages().take(24).collect::<Vec<_>>().join(", "))),
            });
            return None;
        }
        // None if its axes are faulty or it is in a circle, which is said already.
        let (name, first) =
            self.of_stage.get_key_value(stage.as_str()).and_then(|(name, of)| Some((*name, *of.first()?)))?;
        if !first.outputs.contains_key(&output) {
            self.no_output(&stage, first, &output, place);
            return None;
        }
        let found = self.choose(name, first, &which, place)?;
        Some(
            found
                .into_iter()
                .map(|instance| Shown { instance: instance.name.clone(), output: output.clone() })
                .collect(),
        )
    }

    fn no_output(&mut self, stage: &str, instance: &Instance, output: &str, place: &Place) {
        // A stage with another fault may have no outputs for that reason alone.
        if instance.outputs.is_empty() && !self.faults.is_empty() {
            return;
        }
        let fault = Diagnostic::new(format!("stage `{stage}` has no output `{output}`")).at(place);
        self.faults.push(match suggest::hint(output, instance.outputs.keys().map(String::as_str)) {
            Some(hint) => fault.hint(hint),
            None => fault.hint("it has no outputs at all"),
        });
    }

    /// The instances that are meant: all, or the one with these labels.
    fn choose(
        &mut self,
        stage: &'a str,
        first: &'a Instance,
        which: &Which,
        place: &Place,
    ) -> Option<Vec<&'a Instance>> {
        let axes: Vec<&str> = first.labels.keys().map(String::as_str).collect();
        let given = match which {
            Which::All if axes.is_empty() => {
                let fault = Diagnostic::new(format!("stage `{stage}` has no axis to gather over")).at(place);
                self.faults.push(fault.hint("leave `[*]` out"));
                return None;
            }
            Which::All => return self.of_stage.get(stage).cloned(),
            Which::One(given) => given,
        };
        if let Some((axis, _)) = given.iter().find(|(axis, _)| !axes.contains(&axis.as_str())) {
            let fault = Diagnostic::new(format!("stage `{stage}` has no axis `{axis}`")).at(place);
            let hint = suggest::hint(axis, axes).unwrap_or_else(|| "it has no axes at all".into());
            self.faults.push(fault.hint(hint));
            return None;
        }
        if let Some(axis) = axes.iter().find(|axis| !given.iter().any(|(name, _)| name == *axis)) {
            let message = format!("stage `{stage}` has an instance for each `{axis}`; which one is meant?");
            let hint = format!("`{stage}[{axis}=LABEL].…` names one, `{stage}[*].…` shows all");
            self.faults.push(Diagnostic::new(message).at(place).hint(hint));
            return None;
        }
        let of = self.of_stage.get(stage).map_or(&[] as &[&Instance], Vec::as_slice);
        let by_labels = || of.iter().map(|instance| (&instance.labels, *instance)).collect();
        let known = self.by_labels.entry(stage).or_insert_with(by_labels);
        let wanted: BTreeMap<String, String> = given.iter().cloned().collect();
        if let Some(found) = known.get(&wanted).filter(|_| wanted.len() == given.len()) {
            return Some(vec![*found]);
        }
        let labels: Vec<String> = given.iter().map(|(axis, label)| format!("{axis}={label}")).collect();
        let fault = Diagnostic::new(format!("stage `{stage}` has no instance with `{}`", labels.join(","))).at(place);
        let names: Vec<&str> = of.iter().take(24).map(|instance| instance.name.as_str()).collect();
        self.faults.push(fault.hint(format!("it has: {}", names.join(", "))));
        None
    }
}

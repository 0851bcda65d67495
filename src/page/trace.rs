//! What went into a stage, and the commands that trace it.

use serde_json::Value as Json;

use crate::key::{KeyDocument, KeyInput};
use crate::page::facts::{MOST_LETTERS, list};
use crate::page::html::Html;
use crate::page::outline::sources;
use crate::page::section::Section;
use crate::page::words::{count, shortened};
use crate::record::{Form, Produced, Record};
use crate::shell;

/// Most outputs with a command of their own.
const MOST_COMMANDS: usize = 8;

impl Section<'_> {
    pub(super) fn parameters(&self, document: Option<&KeyDocument>, html: &mut Html) {
        let with = &self.stage.planned.with;
        let rows: Vec<Vec<String>> = match document {
            // What the run noted has those too that are not keyed.
            Some(document) if with.is_empty() => {
                document.with.iter().map(|(name, value)| vec![name.clone(), json(value)]).collect()
            }
            _ => with.iter().map(|(name, value)| vec![name.clone(), json(value)]).collect(),
        };
        list("Parameters", &["parameter", "value"], rows, html);
    }

    pub(super) fn inputs(&self, document: Option<&KeyDocument>, html: &mut Html) {
        let from = |name: &str, label: Option<&str>| -> String {
            let source = self.stage.planned.inputs.get(name);
            let source = match label {
                Some(label) => source.and_then(|members| members.get(label)),
                None => source,
            };
            source.map(|source| sources(source).join(", ")).unwrap_or_default()
        };
        let mut rows = Vec::new();
        for (name, input) in document.iter().flat_map(|document| &document.inputs) {
            match input {
                KeyInput::Many(members) => {
                    rows.extend(members.iter().map(|(label, member)| {
                        vec![format!("{name}[{label}]"), from(name, Some(label)), digest(member)]
                    }))
                }
                single => rows.push(vec![name.clone(), from(name, None), digest(single)]),
            }
        }
        if document.is_none() {
            for (name, source) in &self.stage.planned.inputs {
                rows.extend(sources(source).into_iter().map(|source| vec![name.clone(), source.to_owned()]));
            }
            return list("Inputs", &["input", "from"], rows, html);
        }
        list("Inputs", &["input", "from", "digest"], rows, html);
    }

    pub(super) fn commands(&self, record: Option<&Record>, html: &mut Html) {
        let name = &self.stage.planned.name;
        let before = if self.pipeline.is_empty() { String::new() } else { format!("{} ", shell::word(self.pipeline)) };
        html.raw("<h4>To trace it</h4>\n<pre class=\"commands\" tabindex=\"0\">");
        html.text(&format!("nnf why {before}{}\n", shell::word(name)));
        let outputs = record.map_or(0, |record| record.outputs.len());
        for (output, produced) in record.iter().flat_map(|record| &record.outputs).take(MOST_COMMANDS) {
            if let Produced::Artifact(artifact) = produced {
                let to = if artifact.form == Form::Folder || artifact.size > 1 << 20 { " -o PATH" } else { "" };
                html.text(&format!("nnf get {before}{}{to}\n", shell::word(&format!("{name}.{output}"))));
            }
        }
        html.text(&format!("nnf log {before}{} --run {}\n", shell::word(name), self.run.summary.id));
        html.raw("</pre>\n");
        html.remark("`why` and `get` answer for the pipeline as it stands when they are asked, with the same `--set`.");
        if outputs > MOST_COMMANDS {
            html.remark(&format!("{} are brought likewise.", count(outputs - MOST_COMMANDS, "more output")));
        }
    }
}

fn digest(input: &KeyInput) -> String {
    match input {
        KeyInput::Content { digest, form: Form::Folder } => format!("{digest} (folder)"),
        KeyInput::Content { digest, .. } => digest.to_string(),
        KeyInput::Absent => "absent".into(),
        KeyInput::Many(_) => String::new(),
    }
}

fn json(value: &Json) -> String {
    match value {
        Json::String(text) => shortened(text, MOST_LETTERS),
        other => shortened(&other.to_string(), MOST_LETTERS),
    }
}

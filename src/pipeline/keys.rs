//! The keys at the top of a file: one table, from which the reader, the schema and the page of the format come.

use serde_json::{Value as Json, json};

use crate::diagnostic::{Diagnostic, Place};
use crate::pipeline::definition::Definition;
use crate::pipeline::reading::{Faults, list, map, unknown_key};
use crate::pipeline::{limits, shapes, stage};
use crate::yaml::{Entry, Node, Value};

/// Version of the format.
const FORMAT_VERSION: i64 = 1;

/// A key at the top of a file.
pub(crate) struct TopKey {
    pub(crate) name: &'static str,
    /// Whether a file that another one includes may have it.
    pub(crate) shared: bool,
    /// What it is, in Markdown.
    doc: &'static str,
    /// An example, in Markdown.
    #[cfg_attr(not(test), expect(dead_code, reason = "the page of the format shows it, and a test compares"))]
    example: &'static str,
    read: fn(&mut Definition, Entry, &mut Faults),
    /// The schema of its value.
    shape: fn() -> Json,
}

/// All keys, in the order in which people read of them.
pub(crate) const TOP_KEYS: [TopKey; 14] = [
    TopKey {
        name: "version",
        shared: true,
        doc: "version of the format",
        example: "`version: 1`",
        read: |_, entry, faults| check_version(&entry.value, faults),
        shape: || json!({ "const": FORMAT_VERSION }),
    },
    TopKey {
        name: "name",
        shared: false,
        doc: "names the pipeline's [results](#names) under `artifacts/latest/`; the file's name if left out",
        example: "`name: numvqa`",
        read: |file, entry, _| file.name = Some(entry.value),
        shape: shapes::text,
    },
    TopKey {
        name: "root",
        shared: false,
        doc: "folder that relative paths start from, and where `artifacts/` lies; the file's own folder if left out",
        example: "`root: ..`",
        read: |file, entry, _| file.root = Some(entry.value),
        shape: shapes::text,
    },
    TopKey {
        name: "store",
        shared: false,
        doc: "a remote tier behind the local store",
        example: "`store: s3://bucket/prefix`",
        read: |file, entry, _| file.store = Some(entry.value),
        shape: shapes::text,
    },
    TopKey {
        name: "include",
        shared: true,
        doc: "files that bring [params, programs and stages](#several-files)",
        example: "`include: [common.yaml, { file: devices.yaml, as: dev }]`",
        read: |file, entry, faults| file.include = list(entry, faults),
        shape: shapes::include,
    },
    TopKey {
        name: "params",
        shared: true,
        doc: "values of your own, used as `${params.x}`, set by `--set params.x=VALUE`",
        example: "`params: { seed: 1 }`",
        read: |file, entry, faults| file.params = map(entry, faults),
        shape: || json!({ "type": "object" }),
    },
    TopKey {
        name: "programs",
        shared: true,
        doc: "programs that offer kinds, in place of the default `nnf-stages` and `nnf-data-prep`: list these too if you use them",
        example: "`programs: { mine: { run: [python3, kinds.py], code: [kinds.py] } }`",
        read: |file, entry, faults| {
            // Where it is no map, the usual programs stand in, so that the stages are checked all the same.
            let is_map = matches!(entry.value.value, Value::Map(_));
            file.programs = Some(map(entry, faults)).filter(|_| is_map);
        },
        shape: shapes::programs,
    },
    TopKey {
        name: "allow",
        shared: false,
        doc: "folders outside the root that inputs may lie in",
        example: "`allow: [/data]`",
        read: |file, entry, faults| file.allow = list(entry, faults),
        shape: shapes::texts,
    },
    TopKey {
        name: "strict",
        shared: false,
        doc: "whether stages see nothing but what they declare (below); a stage may say otherwise",
        example: "`strict: true`",
        read: |file, entry, _| file.strict = Some(entry.value),
        shape: shapes::flag,
    },
    TopKey {
        name: "tools",
        shared: false,
        doc: "folders of programs and libraries that strict stages may read; not in the key",
        example: "`tools: [/home/me/miniconda3]`",
        read: |file, entry, faults| file.tools = list(entry, faults),
        shape: shapes::texts,
    },
    TopKey {
        name: "executor",
        shared: false,
        doc: "where stages run: `local` (this machine, the default) or `slurm`; not in any key",
        example: "`executor: slurm`",
        read: |file, entry, _| file.executor = Some(entry.value),
        shape: shapes::executor,
    },
    TopKey {
        name: "slurm",
        shared: false,
        doc: "what [Slurm](#slurm) is told of all stages; not in any key",
        example: "`slurm: { partition: long }`",
        read: |file, entry, faults| file.slurm = map(entry, faults),
        shape: shapes::slurm,
    },
    TopKey {
        name: "stages",
        shared: true,
        doc: "the stages by name",
        example: "below",
        read: stages,
        shape: || json!({ "type": "object", "additionalProperties": { "$ref": "#/$defs/stage" } }),
    },
    TopKey {
        name: "report",
        shared: false,
        doc: "what the page of a run shows first; not in any key",
        example: "[below](#the-page-of-a-run)",
        read: |file, entry, faults| file.report = list(entry, faults),
        shape: shapes::report,
    },
];

impl TopKey {
    /// The schema of its value, with what it is.
    pub(crate) fn schema(&self) -> Json {
        shapes::described((self.shape)(), &without_links(self.doc))
    }
}

/// Markdown, of whose links the text alone is left.
fn without_links(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((link, behind)) = rest.split_once("](") {
        let (before, shown) = link.rsplit_once('[').unwrap_or((link, ""));
        plain.push_str(before);
        plain.push_str(shown);
        rest = behind.split_once(')').map_or("", |(_, behind)| behind);
    }
    plain + rest
}

/// Whose file is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The pipeline itself.
    Pipeline,
    /// One that it includes, directly or by others.
    Included,
}

impl Role {
    fn words(self) -> &'static str {
        match self {
            Role::Pipeline => "a pipeline",
            Role::Included => "an included file",
        }
    }
}

/// Takes the tree of a file apart. What is faulty is left out, and named in `faults`.
pub(crate) fn read(root: Node, role: Role, faults: &mut Faults) -> Definition {
    let mut file = Definition::default();
    let Value::Map(entries) = root.value else {
        let message = format!("{} is a map, but here stands {}", role.words(), root.value.what());
        let hint = match role {
            Role::Pipeline => "begin with `stages:`",
            Role::Included => "begin with what it brings: `params:`, `programs:` or `stages:`",
        };
        faults.push(Diagnostic::new(message).at(&root.place).hint(hint));
        return file;
    };
    let start = Place { end: root.place.start, ..root.place };
    file.no_stage = Some(Diagnostic::new("a pipeline needs `stages`").at(&start));
    let known = names(role);
    for entry in entries {
        if faults.len() > limits::FAULTS {
            break;
        }
        match TOP_KEYS.iter().find(|key| key.name == entry.key) {
            Some(key) if role == Role::Pipeline || key.shared => (key.read)(&mut file, entry, faults),
            Some(_) => {
                let message = format!("an included file has no `{}`; only the pipeline itself has", entry.key);
                faults.push(Diagnostic::new(message).at(&entry.place).hint(format!("it may have {}", shared())));
            }
            None => faults.push(unknown_key(&entry, role.words(), &known)),
        }
    }
    file
}

/// The keys that a file may have.
fn names(role: Role) -> Vec<&'static str> {
    TOP_KEYS.iter().filter(|key| role == Role::Pipeline || key.shared).map(|key| key.name).collect()
}

/// The keys that an included file may have, in words.
pub(crate) fn shared() -> String {
    let names: Vec<String> = names(Role::Included).iter().map(|name| format!("`{name}`")).collect();
    names.split_last().map_or_else(String::new, |(last, others)| format!("{} and {last}", others.join(", ")))
}

fn check_version(node: &Node, faults: &mut Faults) {
    if node.value != Value::Int(FORMAT_VERSION) {
        let fault =
            Diagnostic::new(format!("this program reads version {FORMAT_VERSION} of the format")).at(&node.place);
        faults.push(fault.hint("use a newer `nnf` for a newer format"));
    }
}

fn stages(file: &mut Definition, entry: Entry, faults: &mut Faults) {
    let nothing = matches!(entry.value.value, Value::Map(_) | Value::Null);
    file.no_stage = nothing.then(|| Diagnostic::new("a pipeline needs at least one stage").at(&entry.place));
    let entries = map(entry, faults);
    file.stages = entries.into_iter().map(|entry| stage::stage(entry, faults)).collect();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_the_format_lists_all_keys() {
        let page = include_str!("../../pipelines/README.md");
        let rows = TOP_KEYS.map(|key| format!("| `{}` | {} | {} |\n", key.name, key.doc, key.example)).concat();
        assert!(page.contains(&rows), "pipelines/README.md has other rows than these:\n{rows}");
    }

    #[test]
    fn links_leave_their_text() {
        assert_eq!(without_links("[a] of [Slurm](#slurm), [x](y)."), "[a] of Slurm, x.");
    }
}

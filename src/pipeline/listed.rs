//! What a pipeline lists besides stages: its programs, and the tools that strict stages may read.
//!
//! It does not ask the programs anything.

use std::path::PathBuf;

use crate::diagnostic::Diagnostic;
use crate::pipeline::definition::Definition;
use crate::pipeline::files::{AllowedRoots, plain};
use crate::pipeline::interpolate::Scope;
use crate::pipeline::named::{Named, named};
use crate::pipeline::reading;
use crate::pipeline::reading::Faults;
use crate::pipeline::settings;
use crate::programs::{DEFAULT_PROGRAMS, Listed};
use crate::yaml::{Entry, Node, Value};

/// The programs that a namespace lists, or the ones that come with the engine.
pub(crate) fn programs(
    programs: Option<&[Entry]>,
    scope: &Scope<'_>,
    roots: &AllowedRoots,
    faults: &mut Faults,
) -> Vec<Listed> {
    let Some(entries) = programs else {
        return DEFAULT_PROGRAMS.iter().map(|name| Listed::shipped(name, &roots.root)).collect();
    };
    let mut listed = Vec::new();
    for entry in entries {
        let mut program = Listed::named(&entry.key, &roots.root, &entry.place);
        read(entry, &mut program, scope, roots, faults);
        if program.words.is_empty() {
            let fault = Diagnostic::new(format!("program `{}` needs a command", entry.key)).at(&entry.place);
            faults.push(fault.hint("`NAME: PROGRAM`, `NAME: [PROGRAM, ARGUMENT…]` or `NAME: { run: […], code: […] }`"));
            continue;
        }
        unknown_code(entry, &program, roots, faults);
        listed.push(program);
    }
    listed
}

/// Its command and its code, as far as they are said.
fn read(entry: &Entry, program: &mut Listed, scope: &Scope<'_>, roots: &AllowedRoots, faults: &mut Faults) {
    let run = match &entry.value.value {
        Value::Map(parts) => {
            for part in parts {
                match (part.key.as_str(), &part.value.value) {
                    ("run", _) => {}
                    ("code", Value::List(nodes)) => program.code = code(nodes, scope, roots, faults),
                    ("code", _) => faults.push(Diagnostic::new("`code` is a list").at(&part.value.place)),
                    _ => faults.push(reading::unknown_key(part, "a program", &["run", "code"])),
                }
            }
            parts.iter().find(|part| part.key == "run").map(|part| &part.value)
        }
        _ => Some(&entry.value),
    };
    program.words = match run.map(|node| (node, &node.value)) {
        Some((_, Value::List(nodes))) => settings::words(nodes, "run", scope, faults),
        Some((node, Value::Text(_))) => settings::text(node, "run", scope, faults).into_iter().collect(),
        _ => Vec::new(),
    };
}

/// Files and folders of the command that no `code` lists: a change of them would go unnoticed.
fn unknown_code(entry: &Entry, program: &Listed, roots: &AllowedRoots, faults: &mut Faults) {
    let unlisted = |named: &Named| !named.is_among(&program.code, roots);
    for found in program.words.iter().skip(1).filter_map(|word| named(word, roots)).filter(unlisted) {
        let (kind, written) = (found.kind.word(), &found.written);
        let message = format!("program `{}` is made of the {kind} `{written}`, which no key would know", entry.key);
        let hint = format!("write `{}: {{ run: […], code: [{written}] }}`", entry.key);
        faults.push(Diagnostic::new(message).at(&entry.value.place).hint(hint));
    }
}

/// Folders of programs and libraries that strict stages may read.
pub(crate) fn tools(
    definition: &Definition,
    scope: &Scope<'_>,
    roots: &AllowedRoots,
    faults: &mut Faults,
) -> Vec<PathBuf> {
    let mut tools = Vec::new();
    for node in &definition.tools {
        let Some(written) = settings::text(node, "tools", scope, faults) else { continue };
        match roots.facts.real(&plain(&roots.root.join(&written))) {
            Ok(path) => tools.push(path),
            Err(error) => {
                let fault = Diagnostic::new(format!("`{written}` is none of the tools: {error}")).at(&node.place);
                faults.push(fault.hint("`tools` are folders of programs and libraries that are there"));
            }
        }
    }
    tools
}

fn code(nodes: &[Node], scope: &Scope<'_>, roots: &AllowedRoots, faults: &mut Faults) -> Vec<PathBuf> {
    let mut code = Vec::new();
    for node in nodes {
        let Some(written) = settings::text(node, "code", scope, faults) else { continue };
        match roots.resolve(&written, &node.place) {
            Ok(path) => code.push(path),
            Err(fault) => faults.push(*fault),
        }
    }
    code
}

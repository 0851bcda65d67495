//! Programs of commands that are not there: found before anything runs, of all stages at once.
//!
//! A stage whose result is there needs no program, and one in the project may still be made by a stage before it.

use std::collections::BTreeSet;
use std::path::Path;

use nnf::diagnostic::Diagnostic;
use nnf::graph::InstanceId;
use nnf::plan::Status;
use nnf::programs::not_found;

use crate::cli::context::Context;
use crate::cli::failure::Failure;

/// Refuses to run what is needed and not fresh, or forced, while programs of it are missing.
pub(crate) fn refuse_missing(context: &Context, needed: &[bool], forced: &BTreeSet<InstanceId>) -> Result<(), Failure> {
    let without = context.key_context().without_program(&context.loaded.graph, needed);
    if without.is_empty() {
        return Ok(());
    }
    let forced = |id| forced.contains(&id);
    let plan = context.key_context().plan(&context.loaded.graph, needed, &forced, &Default::default())?;
    refuse(context, without, &plan)
}

/// Refuses a plan while programs of what would run are missing.
pub(crate) fn refuse_plan(context: &Context, needed: &[bool], plan: &[Option<Status>]) -> Result<(), Failure> {
    refuse(context, context.key_context().without_program(&context.loaded.graph, needed), plan)
}

fn refuse(context: &Context, without: Vec<(InstanceId, &str)>, plan: &[Option<Status>]) -> Result<(), Failure> {
    let graph = &context.loaded.graph;
    let mut told = BTreeSet::new();
    let mut faults = Vec::new();
    for (id, word) in without {
        let instance = graph.get(id);
        let fresh = matches!(plan[id.index()], Some(Status::Fresh(_)));
        if fresh || !told.insert((word, instance.stage.as_str())) {
            continue;
        }
        let root = &context.loaded.root;
        let hint = match word.contains('/') {
            true if root.join(word).symlink_metadata().is_ok() => None,
            true if Path::new(word).is_absolute() => Some("a stage runs on the machine that `nnf` runs on".into()),
            true => Some(format!("relative paths begin at the pipeline's root, {}", root.display())),
            false => Some(format!("install it, or name its path: `./{word}` is one in the pipeline's root")),
        };
        let fault = Diagnostic::new(not_found(word, root, &context.path)).at(&instance.place);
        faults.push(hint.into_iter().fold(fault, Diagnostic::hint));
    }
    if faults.is_empty() { Ok(()) } else { Err(Failure::Wrong(faults)) }
}

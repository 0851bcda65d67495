//! `nnf log`.

use std::io::Write;
use std::path::PathBuf;

use nnf::executor::copy;
use nnf::plan::Status;

use crate::cli::Failure;
use crate::cli::args::{Common, LogCommand, split};
use crate::cli::context::Context;

pub(crate) fn run(command: &LogCommand, common: &Common) -> Result<(), Failure> {
    let (pipeline, words) = split(&command.words);
    let [stage] = words else {
        return Err(Failure::wrong_with_hint("`nnf log` needs one stage", "`nnf log PIPELINE STAGE`"));
    };
    let context = Context::open(&pipeline, common)?;
    let id = context.instance(stage)?;
    let name = &context.loaded.graph.get(id).name;
    let bytes = match live(&context, name, command)? {
        Some(path) => {
            return copy(&path, &mut std::io::stdout()).map_err(|error| Failure::Store(error.to_string()));
        }
        None => stored(&context, id)?.ok_or_else(|| {
            let what = command.run.as_ref().map_or(String::new(), |run| format!(" in run {run}"));
            Failure::wrong_with_hint(format!("there is no log of `{name}`{what}"), "`nnf runs` lists the runs")
        })?,
    };
    std::io::stdout().write_all(&bytes).map_err(|error| Failure::Store(error.to_string()))
}

/// The log in the folder of the newest run that has one.
fn live(context: &Context, name: &str, command: &LogCommand) -> Result<Option<PathBuf>, Failure> {
    for run in context.store.runs()? {
        let asked = command.run.as_ref().is_none_or(|asked| run.id.starts_with(asked.as_str()));
        if run.pipeline != context.loaded.name || !asked {
            continue;
        }
        let logs = context.store.root().join("runs/v1").join(&run.id).join("logs");
        let mut attempts: Vec<(u32, PathBuf)> = fs_err::read_dir(logs)
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| {
                let file = entry.file_name().to_string_lossy().into_owned();
                let number = file.strip_prefix(name)?.strip_prefix('.')?.strip_suffix(".log")?.parse().ok()?;
                Some((number, entry.path()))
            })
            .filter(|(number, _)| command.attempt.is_none_or(|asked| asked == *number))
            .collect();
        attempts.sort();
        if let Some((_, path)) = attempts.pop() {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// The log in the record, when the run's folder is gone or was on another machine.
fn stored(context: &Context, id: nnf::graph::InstanceId) -> Result<Option<Vec<u8>>, Failure> {
    let graph = &context.loaded.graph;
    let plan = context.around().plan(graph, &graph.needed_for(&[id]), &|_| false, &Default::default());
    let state = plan.map_err(Failure::from)?.remove(id.index());
    let Some(Status::Fresh(known)) = state else { return Ok(None) };
    let log = context.store.record(&known.key)?.and_then(|record| record.log);
    Ok(log.map(|log| context.store.read(&log)).transpose()?)
}

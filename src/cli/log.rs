//! `nnf log`.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use nnf::executor::copy;
use nnf::graph::InstanceId;
use nnf::plan::Status;
use nnf::record::Record;

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
    let stored = match live(&context, name, command)? {
        Some(mut attempts) => {
            let last = || attempts.keys().next_back().copied();
            let path = command.attempt.or_else(last).and_then(|attempt| attempts.remove(&attempt));
            if let Some(path) = path {
                return copy(&path, &mut std::io::stdout()).map_err(|error| Failure::Store(error.to_string()));
            }
            None
        }
        None => stored(&context, id, command)?,
    };
    let bytes = stored.ok_or_else(|| {
        let attempt = command.attempt.map_or(String::new(), |attempt| format!("attempt {attempt} of "));
        let run = command.run.as_ref().map_or(String::new(), |run| format!(" in run {run}"));
        Failure::wrong_with_hint(format!("there is no log of {attempt}`{name}`{run}"), "`nnf runs` lists the runs")
    })?;
    std::io::stdout().write_all(&bytes).map_err(|error| Failure::Store(error.to_string()))
}

/// The logs of all attempts in the folder of the newest run that has any.
fn live(context: &Context, name: &str, command: &LogCommand) -> Result<Option<BTreeMap<u32, PathBuf>>, Failure> {
    for run in context.store.runs()? {
        let asked = command.run.as_ref().is_none_or(|asked| run.id.starts_with(asked.as_str()));
        if run.pipeline != context.loaded.name || !asked {
            continue;
        }
        let logs = context.store.root().join("runs/v1").join(&run.id).join("logs");
        let attempts: BTreeMap<u32, PathBuf> = fs_err::read_dir(logs)
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| {
                let file = entry.file_name().to_string_lossy().into_owned();
                let number = file.strip_prefix(name)?.strip_prefix('.')?.strip_suffix(".log")?.parse().ok()?;
                Some((number, entry.path()))
            })
            .collect();
        if !attempts.is_empty() {
            return Ok(Some(attempts));
        }
    }
    Ok(None)
}

/// The log in the record, when the run's folder is gone or was on another machine. The record tells by its attempts and
/// its nonce whether it is the one that was asked for.
fn stored(context: &Context, id: InstanceId, command: &LogCommand) -> Result<Option<Vec<u8>>, Failure> {
    let graph = &context.loaded.graph;
    let plan = context.around().plan(graph, &graph.needed_for(&[id]), &|_| false, &Default::default());
    let state = plan.map_err(Failure::from)?.remove(id.index());
    let Some(Status::Fresh(known)) = state else { return Ok(None) };
    let asked = |record: &Record| {
        command.attempt.is_none_or(|attempt| record.attempts == attempt)
            && command.run.as_ref().is_none_or(|run| record.nonce.starts_with(run.as_str()))
    };
    let log = context.store.record(&known.key)?.filter(asked).and_then(|record| record.log);
    Ok(log.map(|log| context.store.read(&log)).transpose()?)
}

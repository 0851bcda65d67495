//! `nnf log`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use nnf::executor::copy;
use nnf::graph::InstanceId;
use nnf::plan::Status;
use nnf::record::Record;

use crate::cli::common::{Common, named, split};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::render;

#[derive(Debug, Args)]
pub(crate) struct LogCommand {
    /// The pipeline (a .yaml file; default pipeline.yaml), then the stage
    #[arg(value_name = "PIPELINE|STAGE", required = true)]
    words: Vec<String>,
    /// The attempt; default the last one
    #[arg(long, value_name = "N")]
    attempt: Option<u32>,
    /// The run, as `nnf runs` names it; default the last one that ran the stage
    #[arg(long, value_name = "ID")]
    run: Option<String>,
}

pub(crate) fn run(command: &LogCommand, common: &Common) -> Result<(), Failure> {
    let (pipeline, words) = split(&command.words);
    let [stage] = words else {
        return Err(Failure::wrong_with_hint("`nnf log` needs one stage", "`nnf log PIPELINE STAGE`"));
    };
    let context = Context::open(&pipeline, common)?;
    let id = context.instance(stage)?;
    let name = &context.loaded.graph.get(id).name;
    let live = live(&context, name, command)?;
    let record = recorded(&context, id, command);
    match (live, record) {
        // What a stage that is fresh wrote last is not what an earlier attempt left.
        (Some(live), Ok(Some(record))) if (live.run.as_str(), live.attempt) < made_by(&record, name) => {
            print(&context, &pipeline, name, &record)
        }
        (Some(live), _) => render::gone_or_done(copy(&live.path, &mut std::io::stdout())),
        (None, record) => match record? {
            Some(record) => print(&context, &pipeline, name, &record),
            None => {
                let attempt = command.attempt.map_or(String::new(), |attempt| format!("attempt {attempt} of "));
                let run = command.run.as_ref().map_or(String::new(), |run| format!(" in run {run}"));
                let message = format!("there is no log of {attempt}`{name}`{run}");
                Err(Failure::wrong_with_hint(message, "`nnf runs` lists the runs"))
            }
        },
    }
}

/// An attempt's log in the folder of its run.
struct Live {
    run: String,
    attempt: u32,
    path: PathBuf,
}

/// The run and the attempt that a record is of.
fn made_by<'a>(record: &'a Record, name: &str) -> (&'a str, u32) {
    let run = record.nonce.strip_suffix(name).and_then(|run| run.strip_suffix('-')).unwrap_or(&record.nonce);
    (run, record.attempts)
}

/// Writes the log that a record names. Most kinds write none: they report to the run.
fn print(context: &Context, pipeline: &Path, name: &str, record: &Record) -> Result<(), Failure> {
    let Some(log) = &record.log else {
        let pipeline = named(pipeline);
        render::note(&format!(
            "`{name}` wrote nothing; its metrics are in its record: `nnf get {pipeline}{name}.record`"
        ));
        return Ok(());
    };
    render::bytes(&context.store.read(log)?)
}

/// The asked or last attempt that has a log in the folder of the newest run with any.
fn live(context: &Context, name: &str, command: &LogCommand) -> Result<Option<Live>, Failure> {
    for run in context.store.runs()? {
        let asked = command.run.as_ref().is_none_or(|asked| run.id.starts_with(asked.as_str()));
        if run.pipeline != context.loaded.name || !asked {
            continue;
        }
        let logs = context.store.root().join("runs/v1").join(&run.id).join("logs");
        let mut attempts: BTreeMap<u32, PathBuf> = fs_err::read_dir(logs)
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| {
                let file = entry.file_name().to_string_lossy().into_owned();
                let number = file.strip_prefix(name)?.strip_prefix('.')?.strip_suffix(".log")?.parse().ok()?;
                Some((number, entry.path()))
            })
            .collect();
        let last = attempts.keys().next_back().copied();
        if last.is_some() {
            let found = command.attempt.or(last).and_then(|attempt| attempts.remove_entry(&attempt));
            return Ok(found.map(|(attempt, path)| Live { run: run.id, attempt, path }));
        }
    }
    Ok(None)
}

/// The record of a stage that is fresh, if it is of what was asked for; its log outlives the run's folder.
fn recorded(context: &Context, id: InstanceId, command: &LogCommand) -> Result<Option<Record>, Failure> {
    let graph = &context.loaded.graph;
    let plan = context.around().plan(graph, &graph.needed_for(&[id]), &|_| false, &Default::default());
    let state = plan.map_err(Failure::from)?.remove(id.index());
    let Some(Status::Fresh(known)) = state else { return Ok(None) };
    let asked = |record: &Record| {
        command.attempt.is_none_or(|attempt| record.attempts == attempt)
            && command.run.as_ref().is_none_or(|run| record.nonce.starts_with(run.as_str()))
    };
    Ok(context.store.record(&known.key)?.filter(asked))
}

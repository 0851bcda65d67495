//! `nnf log`: what a stage wrote, in the attempt that is of its present key.

use std::io::{BufRead, IsTerminal};
use std::path::{Path, PathBuf};

use clap::Args;
use nnf::digest::Key;
use nnf::executor::copy;
use nnf::graph::InstanceId;
use nnf::plan::Status;
use nnf::record::Record;
use nnf::run::RunEvent;
use nnf::shell;
use nnf::store::PastRun;

use crate::cli::common::{Common, named, split};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::render;
use crate::cli::stdout::Stdout;

#[derive(Debug, Args)]
pub(crate) struct LogCommand {
    /// The pipeline (a .yaml file; default pipeline.yaml), then the stage
    #[arg(value_name = "PIPELINE|STAGE", required = true)]
    words: Vec<String>,
    /// The attempt; default the last one
    #[arg(long, value_name = "N")]
    attempt: Option<u32>,
    /// The run, as `nnf runs` names it; default the last one that ran the stage as the pipeline now stands
    #[arg(long, value_name = "ID")]
    run: Option<String>,
    /// Print the bytes as they are, on a terminal too
    #[arg(long)]
    raw: bool,
}

pub(crate) fn run(command: &LogCommand, common: &Common) -> Result<(), Failure> {
    let (pipeline, words) = split(&command.words);
    let [stage] = words else {
        return Err(Failure::wrong_with_hint("`nnf log` needs one stage", "`nnf log PIPELINE STAGE`"));
    };
    let context = Context::open(&pipeline, common)?;
    let id = context.instance(stage)?;
    let asked = Asked { context: &context, command, name: &context.loaded.graph.get(id).name, pipeline: &pipeline };
    let key = asked.key(id);
    // A run that is named is shown whatever it ran the stage with.
    let live = match (&command.run, &key) {
        (None, Ok(Some((key, _)))) => asked.live(Some(key))?,
        (None, _) => None,
        (Some(_), _) => asked.live(None)?,
    };
    let record = match &key {
        Ok(Some((key, true))) => context.store.records().get(key)?.filter(|record| asked.is_of(record)),
        _ => None,
    };
    match (live, record) {
        // What a stage that is fresh wrote last is not what an earlier attempt left.
        (Some(live), Some(record)) if (live.run.as_str(), live.attempt) < made_by(&record, asked.name) => {
            asked.print(&record)
        }
        (Some(live), _) => show(&live.path, command.raw),
        (None, Some(record)) => asked.print(&record),
        (None, None) => Err(asked.none(key)?),
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

/// Whose log is wanted.
struct Asked<'a> {
    context: &'a Context,
    command: &'a LogCommand,
    name: &'a str,
    pipeline: &'a Path,
}

impl Asked<'_> {
    /// The key of the stage as the pipeline stands, and whether there is a record under it; none if what the stage reads
    /// is still to be made.
    fn key(&self, id: InstanceId) -> Result<Option<(Key, bool)>, Failure> {
        let graph = &self.context.loaded.graph;
        let plan = self.context.key_context().plan(graph, &graph.needed_for(&[id]), &|_| false, &Default::default());
        Ok(match plan.map_err(Failure::from)?.remove(id.index()) {
            Some(Status::Fresh(known)) => Some((known.key, true)),
            Some(Status::Stale { key, .. }) => Some((key, false)),
            _ => None,
        })
    }

    /// Whether a record is of the attempt and the run that were named.
    fn is_of(&self, record: &Record) -> bool {
        self.command.attempt.is_none_or(|attempt| record.attempts == attempt)
            && self.command.run.as_ref().is_none_or(|run| record.nonce.starts_with(run.as_str()))
    }

    /// Writes the log that a record names. Most kinds write none: they report to the run.
    fn print(&self, record: &Record) -> Result<(), Failure> {
        let Some(log) = &record.log else {
            let (name, pipeline) = (self.name, named(self.pipeline));
            render::note(&format!(
                "`{name}` wrote nothing; its metrics are in its record: `nnf get {pipeline}{}`",
                shell::word(&format!("{name}.record"))
            ));
            return Ok(());
        };
        render::bytes(&self.context.store.content().read(log)?, self.command.raw);
        Ok(())
    }

    /// The asked or last attempt that has a log in the folder of the newest run with any, under a key if one is given.
    fn live(&self, key: Option<&Key>) -> Result<Option<Live>, Failure> {
        for run in self.context.store.runs().list()? {
            let asked = self.command.run.as_ref().is_none_or(|asked| run.id.starts_with(asked.as_str()));
            if run.pipeline != self.context.loaded.name || !asked {
                continue;
            }
            let past = self.context.store.runs().past(&run);
            let mut attempts = past.logs(self.name);
            let last = attempts.keys().next_back().copied();
            if last.is_none() || key.is_some_and(|key| ran_under(&past, self.name) != Some(*key)) {
                continue;
            }
            let found = self.command.attempt.or(last).and_then(|attempt| attempts.remove_entry(&attempt));
            return Ok(found.map(|(attempt, path)| Live { run: run.id, attempt, path }));
        }
        Ok(None)
    }

    /// Why there is none, and whose log there is.
    fn none(&self, key: Result<Option<(Key, bool)>, Failure>) -> Result<Failure, Failure> {
        let (command, name) = (self.command, self.name);
        let attempt = command.attempt.map_or(String::new(), |attempt| format!("attempt {attempt} of "));
        let run = command.run.as_ref().map_or(String::new(), |run| format!(" in run {run}"));
        let other = if command.run.is_none() { self.live(None)? } else { None };
        let Some(other) = other else {
            let message = format!("there is no log of {attempt}`{name}`{run}");
            return Ok(Failure::wrong_with_hint(message, "`nnf runs` lists the runs"));
        };
        let message = match key {
            Ok(Some(_)) => format!("there is no log of {attempt}`{name}` as the pipeline stands"),
            Ok(None) => format!("`{name}` has not run as the pipeline stands: what it reads is to be made first"),
            // Whatever is wrong with the inputs now, the log of what was is there.
            Err(error) => return Ok(error),
        };
        let show = format!("`nnf log {}{} --run {}`", named(self.pipeline), shell::word(name), other.run);
        Ok(Failure::wrong_with_hint(
            message,
            format!("{show} shows that of attempt {}, which was of other work", other.attempt),
        ))
    }
}

/// The key under which a run started a stage last.
fn ran_under(run: &PastRun, name: &str) -> Option<Key> {
    let mut key = None;
    let mut line = Vec::new();
    let mut events = run.events()?;
    while events.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        if let Ok(RunEvent::Started { stage, key: started, .. }) = serde_json::from_slice(&line)
            && stage == name
        {
            key = Some(started);
        }
        line.clear();
    }
    key
}

/// Writes a log of a run's folder, which may be long; on a terminal what can be shown of it.
fn show(path: &Path, raw: bool) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::Store(error.to_string());
    if raw || !std::io::stdout().is_terminal() {
        return copy(path, &mut Stdout).map_err(failed);
    }
    let mut bytes = Vec::new();
    copy(path, &mut bytes).map_err(failed)?;
    render::bytes(&bytes, raw);
    Ok(())
}

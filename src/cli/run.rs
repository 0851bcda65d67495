//! `nnf run`.

use std::collections::BTreeSet;
use std::path::Path;

use clap::Args;
use nnf::diagnostic::Diagnostic;
use nnf::digest::Digest;
use nnf::executor::{Ended, ExecutorError};
use nnf::graph::{Graph, InstanceId};
use nnf::machine;
use nnf::pipeline::Recalled;
use nnf::reporter::{JsonLines, Plain, Terminal, duration};
use nnf::run::{Cause, Reporter, Run, RunEvent, RunOptions, Summary, up_to_date};
use nnf::shell;
use nnf::store::{Store, StoreOptions};

use crate::cli::amounts::{Size, size};
use crate::cli::bound::{bound_of, keep_within};
use crate::cli::common::{Common, Place, Places, named, split};
use crate::cli::context::{Context, recalled, search_path, url};
use crate::cli::failure::Failure;
use crate::cli::moving::tell_what_is_left;
use crate::cli::programs::refuse_missing;
use crate::cli::stdout::Stdout;
use crate::cli::{render, signals};

#[derive(Debug, Args)]
pub(crate) struct RunCommand {
    /// The pipeline (a .yaml file; default pipeline.yaml), then stages; all stages if none is named
    #[arg(value_name = "PIPELINE|STAGE")]
    words: Vec<String>,
    #[command(flatten)]
    places: Places,
    /// When a stage fails, go on with what does not depend on it
    #[arg(long, short)]
    keep_going: bool,
    /// Run a stage even if it is fresh
    #[arg(long, value_name = "STAGE")]
    force: Vec<String>,
    /// Ignore checkpoints
    #[arg(long)]
    no_resume: bool,
    /// Largest size of the local store, such as 20GiB, or none; default $NNF_MAX_SIZE, else half of the disk
    #[arg(long, value_name = "SIZE", value_parser = size)]
    max_size: Option<Size>,
}

pub(crate) fn run(command: &RunCommand, common: &Common) -> Result<(), Failure> {
    let (pipeline, stages) = split(&command.words);
    let recalled = recalled(&pipeline, common);
    if let Some(recalled) = &recalled
        && stages.is_empty()
        && command.force.is_empty()
        && command.max_size.is_none()
        && !common.offline
        // The note tells nothing of a machine that only the command line names.
        && (command.places.place.executor.is_none() || !recalled.measures)
        && nothing_to_do(recalled, common)?
    {
        return Ok(());
    }
    let mut context = Context::open_recalled(recalled, &pipeline, common)?;
    let targets = context.instances(stages)?;
    let forced: BTreeSet<_> = context.instances(&command.force)?.into_iter().collect();
    let most = bound_of(command.max_size, &context.store)?;
    let targets = if targets.is_empty() { targets } else { targets.into_iter().chain(forced.clone()).collect() };
    refuse_missing(&context, &context.needed_for(&targets), &forced)?;
    let options = RunOptions {
        targets,
        forced,
        keep_going: command.keep_going,
        resume: !command.no_resume,
        environment: context.environment.clone(),
        remote: url_digest(common, context.loaded.store.as_ref()),
    };
    let summary = carry_out(&mut context, &pipeline, &command.places, options, common.json)?;
    if common.offline {
        tell_what_is_left(&context);
    }
    keep_within(most, &context, &summary.run, common.json);
    verdict(&summary)
}

/// Makes the result of a stage again, of which content is missing or damaged, for a command that needs it. What it tells
/// goes where a person looks, and not among the results.
pub(crate) fn make_again(
    context: &mut Context,
    pipeline: &Path,
    target: InstanceId,
    common: &Common,
) -> Result<(), Failure> {
    let most = bound_of(None, &context.store)?;
    let options = RunOptions {
        targets: vec![target],
        forced: BTreeSet::new(),
        keep_going: false,
        resume: true,
        environment: context.environment.clone(),
        remote: url_digest(common, context.loaded.store.as_ref()),
    };
    let places = Places { place: Place::default(), jobs: None };
    let summary = carry_out(context, pipeline, &places, options, false)?;
    keep_within(most, context, &summary.run, false);
    verdict(&summary)
}

/// Carries out a run, tells how it goes, and explains what failed.
fn carry_out(
    context: &mut Context,
    pipeline: &Path,
    places: &Places,
    options: RunOptions,
    json: bool,
) -> Result<Summary, Failure> {
    context.claim_name()?;
    let executor = context.executor(places);
    let run = Run::new(&context.loaded, &context.store, &executor, options);
    signals::listen(run.interrupter(), executor.pauser())?;
    let mut reporter = Failures { inner: reporter(json), failed: Vec::new() };
    let summary = run.go(&mut reporter)?;
    if !json {
        let graph = &context.loaded.graph;
        let explain = |event| explain(event, &summary, pipeline, graph);
        let faults: Vec<Diagnostic> = reporter.failed.iter().map(explain).collect();
        if !faults.is_empty() {
            render::failures(&faults);
        }
    }
    Ok(summary)
}

fn verdict(summary: &Summary) -> Result<(), Failure> {
    match summary {
        s if s.interrupted => Err(Failure::Interrupted),
        s if s.store_failed => Err(Failure::Store("the store failed; what was finished is kept".into())),
        s if !s.failed.is_empty() => Err(Failure::Stage),
        _ => Ok(()),
    }
}

/// Whether an earlier run left a note that nothing is left to do, and it still holds; then this run is over.
fn nothing_to_do(recalled: &Recalled, common: &Common) -> Result<bool, Failure> {
    let store = Store::open(&StoreOptions { local: recalled.root.join("artifacts"), remote: None })?;
    // Only one that knows the remote tier can tell what may go.
    if bound_of(None, &store)?.is_some_and(|most| !store.maintenance().is_within(most)) {
        return Ok(false);
    }
    let around = (search_path(), url_digest(common, recalled.store.as_ref()));
    let mut reporter = reporter(common.json);
    let summary = up_to_date(&store, recalled, (&around.0, around.1), &machine::this_machine, &mut *reporter)?;
    Ok(summary.is_some())
}

/// A URL may hold what is secret, and a note is no place for that.
fn url_digest(common: &Common, pipeline: Option<&String>) -> Option<String> {
    url(common, pipeline).map(|url| match common.offline {
        true => "offline".into(),
        false => Digest::of(url.as_bytes()).to_string(),
    })
}

fn reporter(json: bool) -> Box<dyn Reporter> {
    if json {
        Box::new(JsonLines(Stdout))
    } else if render::can_draw() {
        let terminal = Terminal::new(Box::new(std::io::stderr()), render::size);
        render::write_above(&terminal);
        Box::new(terminal)
    } else {
        Box::new(Plain::new(std::io::stderr()))
    }
}

/// Keeps failures, to be explained once the run is over.
struct Failures {
    inner: Box<dyn Reporter>,
    failed: Vec<RunEvent>,
}

impl Reporter for Failures {
    fn event(&mut self, event: &RunEvent) {
        if matches!(event, RunEvent::Failed { .. }) {
            self.failed.push(event.clone());
        }
        self.inner.event(event);
    }
}

fn explain(event: &RunEvent, summary: &Summary, pipeline: &Path, graph: &Graph) -> Diagnostic {
    let RunEvent::Failed { stage, key, error, cause, seconds, log_end, .. } = event else { return Diagnostic::new("") };
    let mut message = format!("stage `{stage}` failed with {error} after {}", duration(*seconds));
    if !ended_by_itself(cause.as_ref()) {
        message = format!("stage `{stage}` failed: {error}");
    }
    let mut fault = Diagnostic::new(message);
    if let Some(key) = key {
        fault = fault.detail(format!("  key   {} (this run stored nothing under it)", key.short()));
    }
    let shown = named(pipeline);
    if !log_end.is_empty() {
        fault = fault.detail(format!("  log   nnf log {shown}{}; it ends:", shell::word(stage))).detail("");
        fault = log_end.iter().fold(fault, |fault, line| fault.detail(format!("        {line}"))).detail("");
    }
    if let Some(hint) = hint_for_strict(stage, cause.as_ref(), graph) {
        fault = fault.hint(hint);
    }
    let kept = summary.ran.len() + summary.fresh;
    if !summary.not_started.is_empty() {
        let stages = counted(summary.not_started.len(), "stage was", "stages were");
        let kept = counted(kept, "finished stage is", "finished stages are");
        fault = fault.hint(format!("{stages} not started; {kept} kept"));
    }
    fault.hint(format!("`nnf why {shown}{}` shows what went into the key", shell::word(stage)))
}

fn ended_by_itself(cause: Option<&Cause>) -> bool {
    matches!(cause, Some(Cause::Command(Ended::Exit { .. } | Ended::Signal { .. })))
}

/// A stage that saw only what it declares may have wanted more.
fn hint_for_strict(stage: &str, cause: Option<&Cause>, graph: &Graph) -> Option<&'static str> {
    let strict = graph.find(stage).first().is_some_and(|id| graph.get(*id).strict.is_some());
    match cause {
        _ if !strict => None,
        cause if ended_by_itself(cause) => Some(
            "it runs with `strict: true`; files that it reads are to be listed under `in` or `code`, folders of \
             libraries under `tools`",
        ),
        Some(Cause::Executor(ExecutorError::Sandbox { .. })) => {
            Some("without `strict: true` it runs with all of your rights")
        }
        _ => None,
    }
}

fn counted(count: usize, one: &str, several: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { several })
}

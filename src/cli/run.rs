//! `nnf run`.

use std::collections::BTreeSet;
use std::io::IsTerminal;

use nnf::diagnostic::Diagnostic;
use nnf::executor::Local;
use nnf::machine;
use nnf::reporter::{JsonLines, Plain, Terminal, duration};
use nnf::run::{Interrupter, Reporter, Run, RunEvent, RunOptions, Summary};
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::cli::args::{Common, RunCommand, split};
use crate::cli::context::Context;
use crate::cli::moving::tell_what_is_left;
use crate::cli::{Failure, render};

pub(crate) fn run(command: &RunCommand, common: &Common) -> Result<(), Failure> {
    let (pipeline, stages) = split(&command.words);
    let context = Context::open(&pipeline, common)?;
    let targets = context.instances(stages)?;
    let forced: BTreeSet<_> = context.instances(&command.force)?.into_iter().collect();
    let cores = command.jobs.unwrap_or_else(|| u32::try_from(machine::cores()).unwrap_or(1));
    let options = RunOptions {
        targets: if targets.is_empty() { Vec::new() } else { targets.into_iter().chain(forced.clone()).collect() },
        forced,
        cores,
        memory: machine::memory_bytes(),
        keep_going: command.keep_going,
        resume: !command.no_resume,
        environment: context.environment.clone(),
        measure_lock: std::env::temp_dir().join("nnf-measuring.lock"),
    };
    let executor = Local::default();
    let run = Run::new(&context.loaded, &context.store, &executor, options);
    listen(run.interrupter())?;
    let mut reporter = Failures { inner: reporter(common.json), failed: Vec::new() };
    let summary = run.go(&context.machine, &mut reporter)?;
    if common.offline {
        tell_what_is_left(&context);
    }
    if !common.json {
        let faults: Vec<Diagnostic> = reporter.failed.iter().map(|event| explain(event, &summary, &pipeline)).collect();
        if !faults.is_empty() {
            render::failures(&faults);
        }
    }
    match &summary {
        s if s.interrupted => Err(Failure::Interrupted),
        s if s.store_failed => Err(Failure::Store("the store failed; what was finished is kept".into())),
        s if !s.failed.is_empty() => Err(Failure::Stage),
        _ => Ok(()),
    }
}

fn reporter(json: bool) -> Box<dyn Reporter> {
    if json {
        Box::new(JsonLines(std::io::stdout()))
    } else if std::io::stderr().is_terminal() {
        Box::new(Terminal::default())
    } else {
        Box::new(Plain::new(std::io::stderr()))
    }
}

/// Ctrl-C, and the signal by which services are stopped, interrupt the run.
fn listen(interrupter: Interrupter) -> Result<(), Failure> {
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM])
        .map_err(|error| Failure::Store(format!("cannot listen for signals: {error}")))?;
    std::thread::spawn(move || {
        for count in signals.forever().scan(0, |count, _| {
            *count += 1;
            Some(*count)
        }) {
            // Nothing runs any more then; what goes on is sending results, which `nnf push` can do later.
            if count > 2 {
                std::process::exit(i32::from(Failure::Interrupted.exit_code()));
            }
            interrupter.interrupt();
        }
    });
    Ok(())
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

fn explain(event: &RunEvent, summary: &Summary, pipeline: &std::path::Path) -> Diagnostic {
    let RunEvent::Failed { stage, key, error, seconds, log_end, .. } = event else { return Diagnostic::new("") };
    let mut message = format!("stage `{stage}` failed with {error} after {}", duration(*seconds));
    if !error.starts_with("exit status") && !error.starts_with("signal") {
        message = format!("stage `{stage}` failed: {error}");
    }
    if let Some(key) = key {
        message += &format!("\n  key   {} (nothing was stored under it)", key.short());
    }
    let shown = if pipeline == std::path::Path::new("pipeline.yaml") {
        String::new()
    } else {
        format!("{} ", pipeline.display())
    };
    if !log_end.is_empty() {
        message += &format!("\n  log   nnf log {shown}{stage}; it ends:\n");
        for line in log_end {
            message += &format!("\n        {line}");
        }
        message += "\n";
    }
    let mut fault = Diagnostic::new(message);
    let kept = summary.ran.len() + summary.fresh;
    if !summary.not_started.is_empty() {
        let stages = counted(summary.not_started.len(), "stage was", "stages were");
        let kept = counted(kept, "finished stage is", "finished stages are");
        fault = fault.hint(format!("{stages} not started; {kept} kept"));
    }
    fault.hint(format!("`nnf why {shown}{stage}` shows what went into the key"))
}

fn counted(count: usize, one: &str, several: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { several })
}

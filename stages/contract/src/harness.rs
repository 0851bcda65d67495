//! The harness that every stage program shares: arguments, describe, events, cancellation, errors to exit codes.
//!
//! A new stage is one function and one description:
//!
//! ```no_run
//! use nnf_contract::{Kind, Offer, Output, Stage, StageError, run_main};
//!
//! fn hello(stage: &Stage) -> Result<(), StageError> {
//! std::fs::write(stage.output("greeting")?, "hello\n").map_err(StageError::failed)
//! }
//!
//! fn main() -> std::process::ExitCode {
//! let kind = Kind::new("hello", "Writes a greeting").outputs([Output::new("greeting", "text/plain", "A greeting")]);
//! run_main("hello", "1.0.0", &[], vec![Offer { kind, run: hello }])
//! }
//! ```

use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{CONTRACT_VERSION, Event, Kind, Labelled, Machine, Program, Task, TaskInput};

/// Why a stage could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// The work failed; the text says what, where and what to do.
    #[error("{0}")]
    Failed(String),
    /// The engine asked the stage to stop, and it did, after saving a checkpoint if it keeps any.
    #[error("stopped on request")]
    Cancelled,
    /// The task is not one that this kind understands; a bug in whoever wrote it.
    #[error("bad task: {0}")]
    BadTask(String),
}

impl StageError {
    /// Makes a failure of anything that can be shown.
    pub fn failed(error: impl Display) -> Self {
        StageError::Failed(error.to_string())
    }

    /// Exit code of a stage program that ends with this error.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            StageError::Failed(_) => 1,
            StageError::BadTask(_) => 2,
            StageError::Cancelled => 75, // EX_TEMPFAIL: try again
        }
    }
}

/// A kind, and the function that does its work.
pub struct Offer {
    /// What the program says of it.
    pub kind: Kind,
    /// What it does.
    pub run: fn(&Stage) -> Result<(), StageError>,
}

/// One attempt of one stage, as its code sees it.
pub struct Stage {
    task: Task,
    events: Mutex<File>,
    last_progress: Mutex<Option<Instant>>,
}

impl Stage {
    /// Opens the events file of a task.
    ///
    /// # Errors
    /// When the events file cannot be opened.
    pub fn new(task: Task) -> Result<Self, StageError> {
        let events = File::options()
            .create(true)
            .append(true)
            .open(&task.events)
            .map_err(|e| StageError::BadTask(format!("events file {}: {e}", task.events.display())))?;
        Ok(Stage { task, events: Mutex::new(events), last_progress: Mutex::new(None) })
    }

    /// The whole task.
    pub fn task(&self) -> &Task {
        &self.task
    }

    /// The parameters as a type of the stage's own.
    ///
    /// # Errors
    /// When they are not of that type, which the engine's check should have found.
    pub fn parameters<T: DeserializeOwned>(&self) -> Result<T, StageError> {
        serde_json::from_value(Value::Object(self.task.with.clone()))
            .map_err(|e| StageError::BadTask(format!("parameters: {e}")))
    }

    /// The path of a required input.
    ///
    /// # Errors
    /// When the task does not have it.
    pub fn input(&self, name: &str) -> Result<&Path, StageError> {
        self.optional_input(name)?.ok_or_else(|| StageError::BadTask(format!("input `{name}` is missing")))
    }

    /// The path of an optional input.
    ///
    /// # Errors
    /// When it is a list.
    pub fn optional_input(&self, name: &str) -> Result<Option<&Path>, StageError> {
        match self.task.inputs.get(name) {
            None => Ok(None),
            Some(TaskInput::One(path)) => Ok(Some(path)),
            Some(TaskInput::Many(_)) => Err(StageError::BadTask(format!("input `{name}` is a list"))),
        }
    }

    /// The members of a fan-in, sorted by label. A single input is a list of one without a label.
    pub fn inputs(&self, name: &str) -> Vec<Labelled> {
        match self.task.inputs.get(name) {
            None => Vec::new(),
            Some(TaskInput::One(path)) => vec![Labelled { label: String::new(), path: path.clone() }],
            Some(TaskInput::Many(list)) => list.clone(),
        }
    }

    /// Where to write an output.
    ///
    /// # Errors
    /// When the task does not have it.
    pub fn output(&self, name: &str) -> Result<&Path, StageError> {
        self.task
            .outputs
            .get(name)
            .map(PathBuf::as_path)
            .ok_or_else(|| StageError::BadTask(format!("output `{name}` is missing")))
    }

    /// An empty folder for temporary files, which goes when the attempt ends.
    pub fn scratch(&self) -> &Path {
        &self.task.scratch
    }

    /// The folder that survives this attempt, for kinds that resume.
    pub fn checkpoint(&self) -> Option<&Path> {
        self.task.checkpoint.as_deref()
    }

    /// The machine, for kinds that measure.
    ///
    /// # Errors
    /// When the task does not have it.
    pub fn machine(&self) -> Result<&Machine, StageError> {
        self.task.machine.as_ref().ok_or_else(|| StageError::BadTask("the machine is missing".into()))
    }

    /// Says how far the work is; at most ten times a second are written, and the last always.
    pub fn progress(&self, done: u64, total: u64, unit: &str) {
        if let Ok(mut last) = self.last_progress.lock() {
            let soon = last.is_some_and(|at| at.elapsed() < Duration::from_millis(100));
            if soon && done < total {
                return;
            }
            *last = Some(Instant::now());
        }
        self.emit(&Event::Progress { done, total: Some(total), unit: unit.into() });
    }

    /// Reports numbers worth watching; the last of each name is kept in the record. Numbers that are not finite are left out.
    pub fn metrics(&self, step: Option<u64>, values: &[(&str, f64)]) {
        let values: BTreeMap<String, f64> =
            values.iter().filter(|(_, v)| v.is_finite()).map(|(n, v)| ((*n).to_owned(), *v)).collect();
        self.emit(&Event::Metrics { step, values });
    }

    /// Says a sentence to the person who watches.
    pub fn note(&self, text: impl Into<String>) {
        self.emit(&Event::Note { text: text.into() });
    }

    /// Whether the engine asked the stage to stop. Save a checkpoint, then return [`StageError::Cancelled`].
    pub fn cancelled(&self) -> bool {
        self.task.cancel.as_deref().is_some_and(Path::exists)
    }

    /// Fails with [`StageError::Cancelled`] once the engine asked the stage to stop.
    ///
    /// # Errors
    /// When cancelled.
    pub fn go_on(&self) -> Result<(), StageError> {
        if self.cancelled() { Err(StageError::Cancelled) } else { Ok(()) }
    }

    fn emit(&self, event: &Event) {
        // Losing an event must not fail the work, and a whole line at a time keeps readers simple.
        let Ok(mut line) = serde_json::to_vec(event) else { return };
        line.push(b'\n');
        if let Ok(mut file) = self.events.lock()
            && let Err(error) = file.write_all(&line)
        {
            tracing::warn!("an event was lost: {error}");
        }
    }
}

/// Runs a stage program: `describe`, or `run KIND --task FILE`.
///
/// `libraries` are names and versions that a person wants to see beside a result. The exit code is 0 when the work is
/// done, 1 when it failed, 2 when the call or the task was wrong, 75 when the stage stopped on request.
pub fn run_main(program: &str, version: &str, libraries: &[(&str, &str)], offers: Vec<Offer>) -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["describe"] => describe(program, version, libraries, &offers),
        ["run", kind, "--task", file] => run(kind, Path::new(file), &offers),
        _ => Err(StageError::BadTask(format!("usage: {program} describe | {program} run KIND --task FILE"))),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The error is the last line of the log, which is what the engine shows.
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

fn describe(program: &str, version: &str, libraries: &[(&str, &str)], offers: &[Offer]) -> Result<(), StageError> {
    let document = Program {
        contract: CONTRACT_VERSION,
        program: program.into(),
        version: version.into(),
        libraries: libraries.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
        kinds: offers.iter().map(|offer| offer.kind.clone()).collect(),
    };
    let text = serde_json::to_string_pretty(&document).map_err(StageError::failed)?;
    writeln!(std::io::stdout(), "{text}").map_err(StageError::failed)
}

fn run(kind: &str, file: &Path, offers: &[Offer]) -> Result<(), StageError> {
    let offer = offers.iter().find(|offer| offer.kind.name == kind).ok_or_else(|| {
        let known: Vec<&str> = offers.iter().map(|offer| offer.kind.name.as_str()).collect();
        StageError::BadTask(format!("no kind `{kind}`; there are: {}", known.join(", ")))
    })?;
    let text = std::fs::read(file).map_err(|e| StageError::BadTask(format!("{}: {e}", file.display())))?;
    let task: Task =
        serde_json::from_slice(&text).map_err(|e| StageError::BadTask(format!("{}: {e}", file.display())))?;
    if task.version > CONTRACT_VERSION {
        return Err(StageError::BadTask(format!(
            "{} has version {}, this program knows {CONTRACT_VERSION}: build it again beside the engine",
            file.display(),
            task.version
        )));
    }
    (offer.run)(&Stage::new(task)?)
}

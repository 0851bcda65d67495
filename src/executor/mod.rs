//! How one attempt of a stage is carried out: a command line, watched until it ends.
//!
//! It does not know stages, keys or the store.

mod budget;
mod confine;
#[cfg(test)]
mod conformance;
mod events;
mod local;
mod logs;
mod wait;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use nnf_contract::Event;

pub use budget::{Budget, Share};
pub use confine::{Bounds, ConfineError, can_confine, confine};
pub use local::Local;
pub use logs::{capped, copy, tail};

/// One command to carry out.
#[derive(Debug)]
pub struct Job {
    /// The program by its absolute path, and its arguments.
    pub argv: Vec<OsString>,
    /// Its whole environment.
    pub env: BTreeMap<OsString, OsString>,
    /// Folder to start in.
    pub folder: PathBuf,
    /// Where its standard output and standard error go.
    pub log: File,
    /// The file to which it appends events.
    pub events: PathBuf,
    /// A file whose appearance asks it to stop; for stages that keep checkpoints.
    pub cancel: Option<PathBuf>,
    /// Longest time that it may take.
    pub timeout: Option<Duration>,
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With exit status 0.
    Success,
    /// With another exit status, or by a signal; in words.
    Failure(String),
    /// It took longer than it may, and was ended.
    TimedOut,
    /// It was stopped because the run was.
    Stopped,
}

/// How urgently running commands are to end. Shared by all of a run; it only ever rises.
#[derive(Debug, Default)]
pub struct Stop(AtomicU8);

impl Stop {
    /// Asks commands to end: first by their cancel file, then by signals.
    pub fn ask(&self) {
        self.0.fetch_max(1, Ordering::SeqCst);
    }

    /// Kills commands.
    pub fn kill(&self) {
        self.0.fetch_max(2, Ordering::SeqCst);
    }

    /// Whether commands are to end.
    #[must_use]
    pub fn asked(&self) -> bool {
        self.0.load(Ordering::SeqCst) > 0
    }

    /// Whether commands are to be killed.
    #[must_use]
    pub fn killing(&self) -> bool {
        self.0.load(Ordering::SeqCst) > 1
    }
}

/// What an attempt tells while it runs.
pub trait Watcher {
    /// The process group has begun; its id.
    fn began(&mut self, id: u32);
    /// The stage said something.
    fn said(&mut self, event: Event);
}

/// Something that carries out commands.
pub trait Executor: Send + Sync {
    /// Carries out a command and returns when it, and all that it started, has ended. Events are passed on in order, all
    /// of them before this returns.
    ///
    /// # Errors
    /// When the command could not be started; in words.
    fn execute(&self, job: Job, stop: &Stop, watcher: &mut dyn Watcher) -> Result<Ended, String>;
}

//! A run: one loop that owns all state. Workers do the work on threads of their own and only send messages.
//!
//! It does not know the terminal; what happens goes to a reporter.

mod audit;
mod bounds;
mod cause;
mod command;
mod end;
mod event;
mod listener;
mod numbers;
mod outcome;
mod programs;
mod result;
mod settle;
mod settled;
mod start;
mod states;
mod verdict;
mod words;
mod worker;
mod workers;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Instant;

use crate::digest::Key;
use crate::executor::{Executor, Stop};
use crate::graph::{Graph, InstanceId};
use crate::pipeline::{Identity, Loaded};
use crate::plan::Surroundings;
use crate::store::{FileInput, Store, StoreError};
use crate::why::Reason;

pub use audit::{Audit, AuditError, AuditOptions};
pub use cause::{Cause, Fault};
pub use event::{Ran, Reporter, RunEvent, Summary};
use programs::Programs;
pub use settled::settled;
use states::{Stage, States};
pub use verdict::{Audited, OutputDifference, Verdict};
use worker::{Context, Message};
use workers::Workers;

/// How to run.
pub struct RunOptions {
    /// Names of stages or instances; all if empty. What they need is run too.
    pub targets: Vec<InstanceId>,
    /// Instances that run even if they are fresh.
    pub forced: BTreeSet<InstanceId>,
    /// Go on with what does not depend on a stage that failed.
    pub keep_going: bool,
    /// Heed checkpoints.
    pub resume: bool,
    /// The engine's environment.
    pub environment: BTreeMap<OsString, OsString>,
    /// The remote tier, for the note that nothing is left to do.
    pub remote: Option<String>,
}

/// Lets another thread stop a run.
#[derive(Clone)]
pub struct Interrupter(Sender<Message>);

impl Interrupter {
    /// The first call stops the run cleanly, the second one kills what runs.
    pub fn interrupt(&self) {
        // A run that is over has nothing to interrupt.
        let _ = self.0.send(Message::Interrupt);
    }
}

/// A run that is about to begin.
pub struct Run<'a> {
    loaded: &'a Loaded,
    store: &'a Store,
    executor: &'a dyn Executor,
    options: RunOptions,
    send: Sender<Message>,
    receive: Receiver<Message>,
}

impl<'a> Run<'a> {
    /// Prepares a run.
    #[must_use]
    pub fn new(loaded: &'a Loaded, store: &'a Store, executor: &'a dyn Executor, options: RunOptions) -> Self {
        let (send, receive) = channel();
        Run { loaded, store, executor, options, send, receive }
    }

    /// What stops it from another thread.
    #[must_use]
    pub fn interrupter(&self) -> Interrupter {
        Interrupter(self.send.clone())
    }

    /// Runs everything that is needed and not fresh.
    ///
    /// # Errors
    /// When the store fails before anything has begun. Later failures are in the summary.
    pub fn go(self, reporter: &mut dyn Reporter) -> Result<Summary, StoreError> {
        let programs = Programs::new(&self.loaded.graph, &self.loaded.root);
        self.store.clear_leftovers()?;
        let folder = self.store.new_run(&self.loaded.name)?;
        folder.write("pipeline.json", &serde_json::to_vec_pretty(&self.loaded.resolved()).unwrap_or_default())?;
        let path = self.options.environment.get(std::ffi::OsStr::new("PATH")).cloned().unwrap_or_default();
        let around = Surroundings::new(self.store, &self.loaded.root, self.executor, &path);
        let stop = Stop::default();
        let context = Context {
            store: self.store,
            around: &around,
            programs: &programs,
            executor: self.executor,
            run: &folder,
            stop: &stop,
            environment: &self.options.environment,
            resume: self.options.resume,
        };
        let mut state = State::new(self.loaded, &self.options, &context, reporter);
        std::thread::scope(|scope| {
            let workers = Workers::new(scope);
            state.begin();
            loop {
                state.settle();
                for work in state.start(&self.send) {
                    workers.give(work);
                }
                if state.is_over() {
                    break;
                }
                // What has just been refused may have set others free.
                if state.states.running() == 0 {
                    continue;
                }
                match self.receive.recv() {
                    Ok(message) => state.take(message),
                    Err(_) => break,
                }
            }
        });
        Ok(state.end())
    }
}

struct State<'a> {
    graph: &'a Graph,
    name: &'a str,
    options: &'a RunOptions,
    context: &'a Context<'a>,
    reporter: &'a mut dyn Reporter,
    states: States,
    /// Instances whose record is to be made again, forced or because content is gone.
    again: BTreeMap<InstanceId, Reason>,
    /// How often each was made again because its content was gone.
    remade: BTreeMap<InstanceId, u32>,
    /// Counts results that were made, which tells what came first of a result and of a start.
    results: u64,
    /// The count at which the result of a key was made in this run.
    made: BTreeMap<Key, u64>,
    /// The count at which each instance that runs was started.
    started: BTreeMap<InstanceId, u64>,
    heads: BTreeMap<String, Key>,
    /// All files that instances read in place.
    files: BTreeMap<PathBuf, FileInput>,
    identity: Option<&'a Identity>,
    summary: Summary,
    /// No new stage is started any more.
    closing: bool,
    began: Instant,
}

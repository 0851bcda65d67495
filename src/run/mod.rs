//! A run: one loop that owns all state. Workers do the work on threads of their own and only send messages.
//!
//! It does not know the terminal; what happens goes to a reporter.

mod end;
mod event;
mod job;
mod outcome;
mod result;
mod settle;
mod start;
mod worker;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Instant;

use nnf_contract::Machine;

use crate::digest::Key;
use crate::executor::{Budget, Executor, Share, Stop};
use crate::graph::{Graph, InstanceId};
use crate::pipeline::Loaded;
use crate::plan::{Looked, Surroundings};
use crate::store::{Known, Store, StoreError};
use crate::why::Reason;

pub use event::{Ran, Reporter, RunEvent, Summary};
use worker::{Context, Message};

/// How to run.
pub struct RunOptions {
    /// Names of stages or instances; all if empty. What they need is run too.
    pub targets: Vec<InstanceId>,
    /// Instances that run even if they are fresh.
    pub forced: BTreeSet<InstanceId>,
    /// Cores for all stages together.
    pub cores: u32,
    /// Bytes of memory for all stages together.
    pub memory: u64,
    /// Go on with what does not depend on a stage that failed.
    pub keep_going: bool,
    /// Heed checkpoints.
    pub resume: bool,
    /// The engine's environment.
    pub environment: BTreeMap<OsString, OsString>,
    /// The lock that measuring stages of this machine take.
    pub measure_lock: PathBuf,
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
    pub fn go(self, machine: &Machine, reporter: &mut dyn Reporter) -> Result<Summary, StoreError> {
        self.store.clear_leftovers()?;
        self.store.expect(&self.loaded.name);
        let folder = self.store.new_run(&self.loaded.name)?;
        folder.write("pipeline.json", &serde_json::to_vec_pretty(&self.loaded.resolved).unwrap_or_default())?;
        let path = self.options.environment.get(std::ffi::OsStr::new("PATH")).cloned().unwrap_or_default();
        let around = Surroundings { store: self.store, root: &self.loaded.root, machine, path: &path };
        let stop = Stop::default();
        let context = Context {
            store: self.store,
            around: &around,
            executor: self.executor,
            run: &folder,
            stop: &stop,
            machine,
            environment: &self.options.environment,
            measure_lock: &self.options.measure_lock,
            resume: self.options.resume,
        };
        let gpus = u32::try_from(machine.gpus.len()).unwrap_or(0);
        let mut state = State::new(self.loaded, &self.options, &context, gpus, reporter);
        std::thread::scope(|scope| {
            state.begin();
            loop {
                state.settle();
                for work in state.start(&self.send) {
                    scope.spawn(move || work.run());
                }
                if state.running == 0 {
                    break;
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

/// Where an instance stands.
enum Stage {
    /// Not needed for the targets.
    Idle,
    /// Waits for so many producers.
    Waiting(usize),
    /// Its producers are done; its key is to be computed.
    Ready,
    /// It must run, as soon as there is room.
    Queued(Box<Looked>, Reason),
    /// It runs.
    Running(Share, Key, String),
    /// The same work runs as another instance.
    Twin(Key),
    Done(Known),
    Failed,
}

struct State<'a> {
    graph: &'a Graph,
    name: &'a str,
    options: &'a RunOptions,
    context: &'a Context<'a>,
    reporter: &'a mut dyn Reporter,
    stages: Vec<Stage>,
    /// Instances whose record is to be made again, forced or because content is gone.
    again: BTreeMap<InstanceId, Reason>,
    /// Keys that run now, and who runs them.
    working: BTreeMap<Key, InstanceId>,
    ready: BTreeSet<InstanceId>,
    queued: BTreeSet<InstanceId>,
    budget: Budget,
    running: usize,
    heads: BTreeMap<String, Key>,
    summary: Summary,
    /// No new stage is started any more.
    closing: bool,
    began: Instant,
}

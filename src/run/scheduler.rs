//! The loop that owns all state of a run. Workers do the work on threads of their own and only send messages.

use std::sync::mpsc::{Receiver, Sender, channel};

use crate::executor::{Executor, Stop};
use crate::pipeline::Loaded;
use crate::plan::Surroundings;
use crate::store::{Store, StoreError};

use super::assignment::Context;
use super::event::{Reporter, Summary};
use super::message::{Interrupter, Message};
use super::programs::Programs;
use super::recovery;
use super::state::{RunOptions, State};
use super::workers::Workers;

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
        let left = recovery::at_the_beginning(self.store, self.executor)?;
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
            state.settle();
            state.look_at_asked();
            loop {
                state.settle();
                for work in state.start(&self.send) {
                    workers.give(work);
                }
                if state.is_over() && !state.look_at_asked() && !state.adopt() {
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
        let summary = state.end();
        if left.stay > 0 && !summary.interrupted {
            recovery::at_the_end(self.store, self.executor)?;
        }
        Ok(summary)
    }
}

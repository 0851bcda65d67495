//! An ordinary run: everything that is asked for, needed and not fresh is run.

use std::sync::mpsc::Sender;

use crate::executor::{Executor, Stop};
use crate::pipeline::Loaded;
use crate::plan::KeyContext;
use crate::store::{Store, StoreError};

use super::attempts::Context;
use super::event::{Reporter, Summary};
use super::message::{Interrupter, Mailbox, Message};
use super::programs::Programs;
use super::recovery;
use super::scheduler::{Policy, carry_out};
use super::state::{RunOptions, State};
use super::states::States;
use super::work::Work;

/// A run that is about to begin.
pub struct Run<'a> {
    loaded: &'a Loaded,
    store: &'a Store,
    executor: &'a dyn Executor,
    options: RunOptions,
    mailbox: Mailbox,
}

impl<'a> Run<'a> {
    /// Prepares a run.
    #[must_use]
    pub fn new(loaded: &'a Loaded, store: &'a Store, executor: &'a dyn Executor, options: RunOptions) -> Self {
        Run { loaded, store, executor, options, mailbox: Mailbox::default() }
    }

    /// What stops it from another thread.
    #[must_use]
    pub fn interrupter(&self) -> Interrupter {
        self.mailbox.interrupter()
    }

    /// Runs everything that is needed and not fresh.
    ///
    /// # Errors
    /// When the store fails before anything has begun. Later failures are in the summary.
    pub fn go(self, reporter: &mut dyn Reporter) -> Result<Summary, StoreError> {
        let programs = Programs::new(&self.loaded.graph, &self.loaded.root);
        let left = recovery::at_the_beginning(self.store, self.executor)?;
        let folder = self.store.runs().begin(&self.loaded.name)?;
        folder.write("pipeline.json", &serde_json::to_vec_pretty(&self.loaded.resolved()).unwrap_or_default())?;
        let path = self.options.environment.get(std::ffi::OsStr::new("PATH")).cloned().unwrap_or_default();
        let key_context = KeyContext::new(self.store, &self.loaded.root, self.executor, &path);
        let stop = Stop::default();
        let context = Context {
            store: self.store,
            key_context: &key_context,
            programs: &programs,
            executor: self.executor,
            run: &folder,
            stop: &stop,
            environment: &self.options.environment,
            resume: self.options.resume,
        };
        let mut state = State::new(self.loaded, &self.options, &context, reporter);
        state.begin();
        state.resolve_ready();
        state.look_at_asked();
        state.refuse_early();
        carry_out(&mut state, &self.mailbox);
        let summary = state.end();
        if left.stay > 0 && !summary.interrupted {
            recovery::at_the_end(self.store, self.executor)?;
        }
        Ok(summary)
    }
}

impl<'a> Policy<'a> for State<'a> {
    fn states(&self) -> &States {
        &self.states
    }

    fn start(&mut self, messages: &Sender<Message>) -> Vec<Work<'a>> {
        self.resolve_ready();
        let mut works = self.questions(messages);
        works.extend(self.start_queued(messages).into_iter().map(|work| Work::Stage(Box::new(work))));
        works
    }

    fn take(&mut self, message: Message) {
        self.hear(message);
    }

    fn is_over(&mut self) -> bool {
        (self.closing || self.states.next_ready().is_none()) && !self.look_at_asked() && !self.adopt()
    }
}

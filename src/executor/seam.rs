//! The seam between a run and where its stages run: what every executor does, and what it tells meanwhile.

use std::path::Path;

use nnf_contract::{Event, Machine};

use crate::executor::{
    Capacity, Command, Execution, ExecutorError, Handle, Offer, Recovered, Refusal, Request, Reservation, Stop,
};

/// What an attempt tells while it runs.
pub trait Watcher {
    /// The command was started, or handed to whoever will start it. Nothing of it may run before this was said, except
    /// for the moment that it takes to say it.
    fn began(&mut self, handle: &Handle);
    /// It waits for something other than room, such as a lock of the machine or a place in a queue; in words.
    fn waits(&mut self, what: &str);
    /// It does not wait any more.
    fn waited(&mut self);
    /// The stage said something.
    fn said(&mut self, event: Event);
}

/// Where stages run.
pub trait Executor: Send + Sync {
    /// Its name in records, events and `--executor`.
    fn name(&self) -> &str;

    /// What may run at once.
    fn capacity(&self) -> Capacity;

    /// The machine on which such a command will run, for the key of what measures; none as long as nobody has asked. It asks
    /// nobody itself.
    ///
    /// # Errors
    /// When it cannot be found out.
    fn machine(&self, request: &Request<'_>) -> Result<Option<Machine>, ExecutorError>;

    /// Has that machine asked what it is, after which it is known. That may take as long as a command waits for room.
    ///
    /// # Errors
    /// When it cannot be asked, or this is to stop.
    fn ask_machine(&self, _: &Request<'_>, _: &Stop) -> Result<(), ExecutorError> {
        Ok(())
    }

    /// Whether such a command runs on the machine that asks, in every run of the pipeline.
    fn is_here(&self, _: &Request<'_>) -> bool {
        true
    }

    /// Whether there could ever be room for a command, as far as can be told before anything runs.
    ///
    /// # Errors
    /// What there is too little of.
    fn could_hold(&self, request: &Request<'_>) -> Result<(), Refusal>;

    /// Takes room for a command, if there is some now. It does not wait.
    ///
    /// # Errors
    /// When there never will be.
    fn reserve(&self, request: &Request<'_>) -> Result<Offer, Refusal>;

    /// Carries out a command and returns when it, and all that it started, has ended. Events are passed on in order, all
    /// of them before this returns.
    ///
    /// # Errors
    /// When the command could not be started, or not be watched to its end.
    fn execute(
        &self,
        command: &Command,
        reservation: &Reservation,
        stop: &Stop,
        watcher: &mut dyn Watcher,
    ) -> Result<Execution, ExecutorError>;

    /// What became of a command of an engine that was killed. Where it cannot be watched any more it is ended: when this
    /// says that it is gone, nothing of it runs.
    ///
    /// # Errors
    /// When it cannot be found out. Then its folder stays.
    fn recover(&self, handle: &Handle) -> Result<Recovered, ExecutorError>;

    /// Goes on with a command that was found alive, as if it had been started here. Events are passed on from the first, out
    /// of the file to which it appends them.
    ///
    /// # Errors
    /// As of [`Executor::execute`].
    fn resume(
        &self,
        handle: &Handle,
        events: &Path,
        reservation: &Reservation,
        stop: &Stop,
        watcher: &mut dyn Watcher,
    ) -> Result<Execution, ExecutorError>;

    /// Ends a command that was found alive, since nobody is to go on with it. Nothing of it runs when this returns.
    ///
    /// # Errors
    /// When that is not known for sure. Then its folder stays.
    fn abandon(&self, handle: &Handle) -> Result<(), ExecutorError>;
}

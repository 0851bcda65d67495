//! An executor that starts no process: a script says what comes of each command. It keeps a budget of cores, so that the
//! run loop can be tested in milliseconds.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use nnf_contract::Machine;

use crate::executor::budget::Budget;
use crate::executor::events::Tail;
use crate::executor::part::Part;
use crate::executor::{
    Capacity, Command, Ended, Execution, Executor, ExecutorError, Handle, Offer, Recovered, Refusal, Request,
    Reservation, Share, Stop, Watcher,
};
use crate::machine::this_machine;
use crate::mutex::lock;

/// What comes of a command; it may write the outputs.
type Script = Box<dyn Fn(&Command) -> Result<Ended, ExecutorError> + Send + Sync>;

/// What comes of a command that a killed engine left, by its handle; none if nothing is known of it.
type Left = Box<dyn Fn(&Handle) -> Option<Ended> + Send + Sync>;

/// Whether the machine can be asked what it is, for a stage.
type Answers = Box<dyn Fn(&str) -> Result<(), ExecutorError> + Send + Sync>;

/// See the module.
pub(crate) struct Scripted {
    capacity: Capacity,
    budget: Arc<Mutex<Budget>>,
    machine: Machine,
    is_known: AtomicBool,
    answers: Answers,
    script: Script,
    left: Left,
    abandoned: Mutex<Vec<String>>,
}

/// What a command has said.
fn pass_on(events: &Path, watcher: &mut dyn Watcher) {
    let mut tail = Tail::new(events);
    let said = tail.read().0.into_iter().chain(tail.finish());
    said.for_each(|event| watcher.said(event));
}

impl Scripted {
    pub(crate) fn new(
        cores: u32,
        script: impl Fn(&Command) -> Result<Ended, ExecutorError> + Send + Sync + 'static,
    ) -> Self {
        Scripted {
            capacity: Capacity { cores, memory: 1 << 30, gpus: 0 },
            budget: Arc::new(Mutex::new(Budget::new(cores, 1 << 30, 0))),
            machine: this_machine(),
            script: Box::new(script),
            is_known: AtomicBool::new(true),
            answers: Box::new(|_| Ok(())),
            left: Box::new(|_| None),
            abandoned: Mutex::default(),
        }
    }

    /// The same, with a machine that has to be asked, for a stage, what it is.
    pub(crate) fn with_unknown_machine(
        self,
        answers: impl Fn(&str) -> Result<(), ExecutorError> + Send + Sync + 'static,
    ) -> Self {
        Scripted { is_known: AtomicBool::new(false), answers: Box::new(answers), ..self }
    }

    /// The same, with commands that another engine left. They are asked about more than once.
    pub(crate) fn with_left(self, left: impl Fn(&Handle) -> Option<Ended> + Send + Sync + 'static) -> Self {
        Scripted { left: Box::new(left), ..self }
    }

    /// Which of those were ended, since nobody wanted them.
    pub(crate) fn abandoned(&self) -> Vec<String> {
        lock(&self.abandoned).clone()
    }
}

impl Executor for Scripted {
    fn name(&self) -> &str {
        "scripted"
    }

    fn capacity(&self) -> Capacity {
        self.capacity
    }

    fn machine(&self, _: &Request<'_>) -> Result<Option<Machine>, ExecutorError> {
        Ok(self.is_known.load(Ordering::SeqCst).then(|| self.machine.clone()))
    }

    fn ask_machine(&self, request: &Request<'_>, _: &Stop) -> Result<(), ExecutorError> {
        (self.answers)(request.stage)?;
        self.is_known.store(true, Ordering::SeqCst);
        Ok(())
    }

    fn could_hold(&self, request: &Request<'_>) -> Result<(), Refusal> {
        self.capacity.fits(request.needs, "the script")
    }

    fn reserve(&self, request: &Request<'_>) -> Result<Offer, Refusal> {
        self.could_hold(request)?;
        let Some(taken) = lock(&self.budget).take(request.needs, request.alone) else { return Ok(Offer::NotNow) };
        let share = Share { cores: taken.cores, memory: taken.memory, ..Share::default() };
        let part = Part::new(&self.budget, taken, request.alone);
        Ok(Offer::Room(Reservation::new(share, Box::new(part))))
    }

    fn execute(
        &self,
        command: &Command,
        _: &Reservation,
        _: &Stop,
        watcher: &mut dyn Watcher,
    ) -> Result<Execution, ExecutorError> {
        watcher.began(&Handle { executor: "scripted".into(), id: command.name.clone() });
        let began = Timestamp::now();
        let ended = (self.script)(command)?;
        pass_on(&command.events, watcher);
        Ok(Execution { ended, began, seconds: 0.0, machine: self.machine.clone() })
    }

    fn recover(&self, handle: &Handle) -> Result<Recovered, ExecutorError> {
        Ok(if (self.left)(handle).is_some() { Recovered::Alive } else { Recovered::Gone })
    }

    fn resume(
        &self,
        handle: &Handle,
        events: &Path,
        _: &Reservation,
        _: &Stop,
        watcher: &mut dyn Watcher,
    ) -> Result<Execution, ExecutorError> {
        let ended = (self.left)(handle).ok_or_else(|| ExecutorError::Lost { why: "it is not known".into() })?;
        pass_on(events, watcher);
        Ok(Execution { ended, began: Timestamp::now(), seconds: 0.0, machine: self.machine.clone() })
    }

    fn abandon(&self, handle: &Handle) -> Result<(), ExecutorError> {
        lock(&self.abandoned).push(handle.id.clone());
        Ok(())
    }
}

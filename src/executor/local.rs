//! Carries out commands as processes of this machine, one session each.
//!
//! All that is this machine's own lies behind it: the budget, the GPUs, the locks between engines, the sandbox.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use nnf_contract::Machine;
use rustix::process::{Pid, Signal};

use crate::executor::budget::Budget;
use crate::executor::ending::Ending;
use crate::executor::events::Tail;
use crate::executor::logs::Trim;
use crate::executor::machine_locks::MachineLocks;
use crate::executor::part::Part;
use crate::executor::pause;
use crate::executor::sandbox::{SandboxError, can_sandbox};
use crate::executor::wait::Waiter;
use crate::executor::{
    Capacity, Command, Ended, Execution, Executor, ExecutorError, Handle, Offer, Pauser, Recovered, Refusal, Request,
    Reservation, Share, Stop, Watcher,
};
use crate::gpus::Gpus;
use crate::machine::this_machine;
use crate::mutex::lock;
use crate::processes::spawn::spawn;
use crate::processes::{culprit, identity, orphans};

/// How often events, timeouts and stops are looked at.
const TICK: Duration = Duration::from_millis(50);

/// Its name.
const NAME: &str = "local";

/// What of this machine a run may use.
#[derive(Clone, Debug)]
pub struct LocalOptions {
    /// Cores for all stages together.
    pub cores: u32,
    /// Bytes of memory for all stages together.
    pub memory: u64,
    /// The GPUs that stages may be given.
    pub gpus: Gpus,
    /// The folder of locks that all programs of this machine share: of measuring, and of GPUs.
    pub locks: PathBuf,
    /// The command that confines itself to the bounds in a file, its next argument, and becomes what then follows.
    pub sandbox: Vec<OsString>,
}

/// Processes of this machine.
#[derive(Debug)]
pub struct Local {
    /// How long a stage may take to heed its cancel file.
    pub cancel_grace: Duration,
    /// How long a stage may take to heed the signal to end, before it is killed.
    pub signal_grace: Duration,
    capacity: Capacity,
    gpus: Gpus,
    locks: MachineLocks,
    sandbox: Vec<OsString>,
    pauser: Pauser,
    budget: Arc<Mutex<Budget>>,
    machine: OnceLock<Machine>,
}

impl Local {
    /// This machine, as far as a run may use it.
    #[must_use]
    pub fn new(options: LocalOptions) -> Self {
        let LocalOptions { cores, memory, gpus, locks, sandbox } = options;
        let capacity = Capacity { cores: cores.max(1), memory, gpus: gpus.count() };
        Local {
            cancel_grace: Duration::from_secs(15),
            signal_grace: Duration::from_secs(5),
            capacity,
            budget: Arc::new(Mutex::new(Budget::new(capacity.cores, memory, capacity.gpus))),
            gpus,
            locks: MachineLocks::new(locks),
            sandbox,
            pauser: Pauser::default(),
            machine: OnceLock::new(),
        }
    }

    /// What stops all of its commands for a while.
    #[must_use]
    pub fn pauser(&self) -> Pauser {
        self.pauser.clone()
    }

    /// Takes what no other engine of this machine may have at the same time, for all attempts; false if it is to stop.
    fn take_locks(&self, part: &Part, stop: &Stop, watcher: &mut dyn Watcher) -> Result<bool, ExecutorError> {
        let mut locks = lock(&part.locks);
        if locks.is_none() {
            let own = lock(&part.taken).gpus.clone();
            *locks = self.locks.take((&self.gpus, &own), part.alone, stop, watcher)?;
        }
        Ok(locks.is_some())
    }

    /// The words that start a command: those of a strict one first give up everything but what it may reach.
    fn words(&self, command: &Command, gpus: bool) -> Result<Vec<OsString>, ExecutorError> {
        let Some(bounds) = &command.bounds else { return Ok(command.argv.clone()) };
        let fault = |error: SandboxError| ExecutorError::Sandbox { why: error.to_string() };
        can_sandbox().map_err(fault)?;
        let bounds = bounds.clone().with_system(&command.folder, gpus).map_err(fault)?;
        let file = command.attempt.join("bounds.json");
        let written = serde_json::to_vec(&bounds).map_err(io::Error::from).and_then(|text| fs_err::write(&file, text));
        // It may write to this file, but not make others beside it.
        written.and_then(|()| File::create(&command.events).map(drop)).map_err(|error| ExecutorError::Sandbox {
            why: format!("what it may reach cannot be written down: {error}"),
        })?;
        Ok(self.sandbox.iter().cloned().chain([file.into_os_string()]).chain(command.argv.iter().cloned()).collect())
    }

    fn start(&self, command: &Command, share: &Share) -> Result<Started, ExecutorError> {
        let program = command.argv.first().ok_or(ExecutorError::Empty)?;
        let file = |error: io::Error| ExecutorError::File { file: "its log".into(), why: error.to_string() };
        let log = File::options().append(true).open(&command.log).map_err(file)?;
        let words = self.words(command, !share.gpus.is_empty())?;
        let mut env = command.env.clone();
        env.extend(share.variables.iter().map(|(name, value)| (name.into(), value.clone())));
        let starting = self.pauser.starting();
        let started = spawn(&words, &env, &command.folder, &log).map_err(|error| ExecutorError::NotStarted {
            program: program.to_string_lossy().into_owned(),
            why: culprit::of_start(&command.argv, &command.folder, &error),
        });
        let group = started?;
        let session = self.pauser.watch(group);
        drop(starting);
        Ok(Started { group, log, session })
    }

    fn watch(
        &self,
        command: &Command,
        Started { group, log, session }: &Started,
        alone: bool,
        stop: &Stop,
        watcher: &mut dyn Watcher,
    ) -> Watched {
        let mut tail = Tail::new(&command.events);
        let (began, started) = (Timestamp::now(), Instant::now());
        let mut trim = Trim::default();
        let mut waiter = Waiter::new(*group);
        let mut ending = Ending::new(command, *group, session, (self.cancel_grace, self.signal_grace));
        // One that can be watched no more is ended as well: it must not outlive its stage.
        let watched = loop {
            match waiter.has_ended_within(TICK) {
                Ok(false) => {}
                ended => break ended,
            }
            ending.tick(stop);
            tail.read().0.into_iter().for_each(|event| watcher.said(event));
            trim.look(log);
        };
        let paused = session.paused();
        let seconds = started.elapsed().saturating_sub(paused).as_secs_f64();
        trim.look(log);
        // What the stage left running has no business beyond it.
        ending.signal(Signal::KILL);
        let status = waiter.status();
        orphans::end_children(number(*group), command.env.get(OsStr::new(orphans::MARK)).map(Path::new));
        loop {
            let (events, more) = tail.read();
            events.into_iter().for_each(|event| watcher.said(event));
            if !more {
                break;
            }
        }
        tail.finish().into_iter().for_each(|event| watcher.said(event));
        let ended = watched.map(|_| match ending.verdict(status, stop) {
            // What it measured is not what it would have been.
            ended if alone && ended.well() && !paused.is_zero() => Ended::Paused,
            ended => ended,
        });
        (ended.map_err(|error| ExecutorError::Lost { why: error.to_string() }), began, seconds)
    }
}

/// A command that was started.
struct Started {
    group: Pid,
    log: File,
    session: pause::Watched,
}

type Watched = (Result<Ended, ExecutorError>, Timestamp, f64);

impl Executor for Local {
    fn name(&self) -> &str {
        NAME
    }

    fn capacity(&self) -> Capacity {
        self.capacity
    }

    fn machine(&self, _: &Request<'_>) -> Result<Option<Machine>, ExecutorError> {
        Ok(Some(self.machine.get_or_init(this_machine).clone()))
    }

    fn could_hold(&self, request: &Request<'_>) -> Result<(), Refusal> {
        self.capacity.fits(request.needs, "this machine")
    }

    fn reserve(&self, request: &Request<'_>) -> Result<Offer, Refusal> {
        self.could_hold(request)?;
        let mut budget = lock(&self.budget);
        if budget.is_used_up() {
            return Ok(Offer::Full);
        }
        if request.needs.gpus > 0 {
            budget.prefer_gpus(&|gpu| self.locks.is_free(&self.gpus, gpu));
        }
        let Some(taken) = budget.take(request.needs, request.alone) else { return Ok(Offer::NotNow) };
        drop(budget);
        let variables = self.gpus.variables(&taken.gpus).into_iter();
        let share = Share {
            cores: taken.cores,
            memory: taken.memory,
            gpus: self.gpus.indices(&taken.gpus),
            variables: variables.map(|(name, value)| (name.to_owned(), value)).collect(),
        };
        let part = Part::new(&self.budget, taken, request.alone);
        Ok(Offer::Room(Reservation::new(share, Box::new(part))))
    }

    fn execute(
        &self,
        command: &Command,
        reservation: &Reservation,
        stop: &Stop,
        watcher: &mut dyn Watcher,
    ) -> Result<Execution, ExecutorError> {
        let part = reservation.held::<Part>();
        if let Some(part) = part
            && !self.take_locks(part, stop, watcher)?
        {
            let machine = self.machine.get_or_init(this_machine).clone();
            return Ok(Execution { ended: Ended::Stopped, began: Timestamp::now(), seconds: 0.0, machine });
        }
        orphans::adopt();
        let started = self.start(command, &reservation.share)?;
        watcher.began(&Handle { executor: NAME.into(), id: identity::noted(number(started.group)) });
        let alone = part.is_some_and(|part| part.alone);
        let (ended, began, seconds) = self.watch(command, &started, alone, stop, watcher);
        // To look takes a while, and only what measures rests on it.
        let machine = if alone { this_machine() } else { self.machine.get_or_init(this_machine).clone() };
        Ok(Execution { ended: ended?, began, seconds, machine })
    }

    fn recover(&self, handle: &Handle) -> Result<Recovered, ExecutorError> {
        identity::end_noted(&handle.id);
        Ok(Recovered::Gone)
    }

    fn abandon(&self, handle: &Handle) -> Result<(), ExecutorError> {
        self.recover(handle).map(drop)
    }

    fn resume(
        &self,
        _: &Handle,
        _: &Path,
        _: &Reservation,
        _: &Stop,
        _: &mut dyn Watcher,
    ) -> Result<Execution, ExecutorError> {
        Err(ExecutorError::Lost { why: "a process of another engine cannot be watched".into() })
    }
}

fn number(group: Pid) -> u32 {
    group.as_raw_nonzero().get().unsigned_abs()
}

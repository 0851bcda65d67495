//! Follows one stage from its place in a lane to its end: by what its node writes, and, where that fails to come, by what
//! Slurm says of its job.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use nnf_contract::Machine;

use crate::executor::events::Tail;
use crate::executor::slurm::desk::Waiting;
use crate::executor::slurm::fleet::Fate;
use crate::executor::slurm::journal::Line;
use crate::executor::slurm::keeper::Keeper;
use crate::executor::slurm::lane::{Lines, Order};
use crate::executor::slurm::spool::Ticket;
use crate::executor::slurm::state::{JobEnd, JobId};
use crate::executor::{Ended, Execution, ExecutorError, Stop, Watcher};

/// Of a stage that told nothing of where it ran.
fn unknown_machine() -> Machine {
    let unknown = || "unknown".to_owned();
    Machine { cpu: unknown(), cores: 0, memory_gib: 0, gpus: Vec::new(), platform: unknown() }
}

/// How long stages may take to end when they are told to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grace {
    /// From the word to stop until the job is cancelled.
    pub(crate) stop: Duration,
    /// The same for the word to kill.
    pub(crate) kill: Duration,
    /// For the last word of a job that has ended to be seen from here.
    pub(crate) word: Duration,
    /// For Slurm to say why a stage was ended that ended by no fault of its own.
    pub(crate) reason: Duration,
}

impl Default for Grace {
    fn default() -> Self {
        Grace {
            stop: Duration::from_secs(30),
            kill: Duration::from_secs(2),
            word: Duration::from_secs(10),
            reason: Duration::from_secs(30),
        }
    }
}

/// Shortest and longest pause between two looks at a stage.
const TICK: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));
/// How much longer the pauses are for each stage that is followed, so that many cost no more than few.
const TICK_OF_EACH: Duration = Duration::from_millis(2);

/// One stage that is followed.
pub(crate) struct Following<'a> {
    pub(crate) keeper: &'a Keeper,
    pub(crate) ticket: &'a Ticket,
    pub(crate) stop: &'a Stop,
    pub(crate) grace: Grace,
    /// How many are followed.
    pub(crate) many: &'a AtomicUsize,
    pub(crate) lines: Lines,
    pub(crate) events: Tail,
    pub(crate) taken: Option<Taken>,
    /// Whether it was told that it waits.
    pub(crate) waits: bool,
    /// What its job was told, and when.
    pub(crate) told: Option<(Order, Instant)>,
    /// Whether its job was cancelled since it did not heed that.
    pub(crate) cancelled: bool,
    /// Since when Slurm says that its job is over.
    pub(crate) over_since: Option<Instant>,
}

/// The job that has a stage.
#[derive(Clone, Debug)]
pub(crate) struct Taken {
    job: JobId,
    node: String,
    first: bool,
    at: (Timestamp, Instant),
}

impl Following<'_> {
    /// Until it is over.
    pub(crate) fn follow(&mut self, watcher: &mut dyn Watcher) -> Result<Execution, ExecutorError> {
        self.many.fetch_add(1, Ordering::SeqCst);
        let result = loop {
            if let Some(result) = self.look(watcher) {
                break result;
            }
            let each = TICK_OF_EACH.saturating_mul(u32::try_from(self.many.load(Ordering::SeqCst)).unwrap_or(u32::MAX));
            std::thread::sleep(each.clamp(TICK.0, TICK.1));
        };
        self.many.fetch_sub(1, Ordering::SeqCst);
        result
    }

    /// The node that it ran on.
    pub(crate) fn node(&self) -> Option<String> {
        self.taken.as_ref().map(|taken| taken.node.clone())
    }

    /// The job that has it, or had it.
    pub(crate) fn job(&self) -> Option<JobId> {
        self.taken.as_ref().map(|taken| taken.job.clone())
    }

    fn look(&mut self, watcher: &mut dyn Watcher) -> Option<Result<Execution, ExecutorError>> {
        let journal = fs_err::File::open(self.ticket.lane.journal(&self.ticket.stage));
        let lines: Vec<Line> = journal.map(|file| self.lines.read(file.into_file())).unwrap_or_default();
        for line in lines {
            if let Some(result) = self.line(line, watcher) {
                return Some(result);
            }
        }
        self.events.read().0.into_iter().for_each(|event| watcher.said(event));
        match (self.stop.asked(), self.taken.clone()) {
            (true, None) if self.withdraw() => Some(self.never_began(Ended::Stopped)),
            (stopping, Some(taken)) => {
                if stopping {
                    self.end(&taken);
                }
                self.fate(&taken)
            }
            (true, None) => None,
            (false, None) => self.wait(watcher),
        }
    }

    fn line(&mut self, line: Line, watcher: &mut dyn Watcher) -> Option<Result<Execution, ExecutorError>> {
        match line {
            Line::Taken { job, node, first } => {
                self.keeper.tell(&self.ticket.jobs, |fleet| fleet.taken(&self.ticket.stage, &job));
                if std::mem::take(&mut self.waits) {
                    watcher.waited();
                }
                self.taken = Some(Taken { job, node, first, at: (Timestamp::now(), Instant::now()) });
                None
            }
            Line::Over { ended, began, seconds, machine } => {
                self.done();
                loop {
                    let (events, more) = self.events.read();
                    events.into_iter().for_each(|event| watcher.said(event));
                    if !more {
                        break;
                    }
                }
                self.events.finish().into_iter().for_each(|event| watcher.said(event));
                let ended = self.explained(ended);
                Some(Ok(Execution { ended, began, seconds, machine }))
            }
            Line::Failed { error } => {
                self.done();
                Some(Err(error))
            }
        }
    }

    fn done(&self) {
        if let Some(taken) = &self.taken {
            self.keeper.tell(&self.ticket.jobs, |fleet| fleet.over(&self.ticket.stage, &taken.job));
        }
    }

    /// What waits for a job is told why.
    fn wait(&mut self, watcher: &mut dyn Watcher) -> Option<Result<Execution, ExecutorError>> {
        match self.keeper.waiting(&self.ticket.jobs) {
            Waiting::Quiet => None,
            Waiting::For(what) => {
                self.waits = true;
                watcher.waits(&what);
                None
            }
            Waiting::Never(why) => {
                let service = "Slurm".to_owned();
                self.withdraw().then_some(Err(ExecutorError::Service { service, why }))
            }
            // Had a job taken it meanwhile, another one would have to end for the one that was cancelled.
            Waiting::Cancelled(_) => self.withdraw().then(|| self.never_began(Ended::Cancelled)),
        }
    }

    /// Takes the stage back, if no job has it.
    fn withdraw(&self) -> bool {
        let withdrawn = self.ticket.lane.withdraw(&self.ticket.stage);
        if withdrawn {
            self.keeper.tell(&self.ticket.jobs, |fleet| fleet.withdraw(&self.ticket.stage));
        }
        withdrawn
    }

    /// Tells the job to end its stage, and has it cancelled where it does not.
    fn end(&mut self, taken: &Taken) {
        let order = if self.stop.killing() { Order::Kill } else { Order::Stop };
        if self.ticket.lane.ordered(&self.ticket.stage) < order
            && let Err(error) = self.ticket.lane.order(&self.ticket.stage, order)
        {
            tracing::warn!("jobs cannot be told to stop: {error}");
        }
        let since = match self.told {
            Some((told, since)) if told == order => since,
            _ => self.told.insert((order, Instant::now())).1,
        };
        let grace = if order == Order::Kill { self.grace.kill } else { self.grace.stop };
        if !self.cancelled && since.elapsed() > grace {
            self.cancelled = true;
            self.keeper.cancel(&self.ticket.jobs, &taken.job);
        }
    }

    /// What Slurm says of the job, once that is the last word.
    fn fate(&mut self, taken: &Taken) -> Option<Result<Execution, ExecutorError>> {
        let fate = self.keeper.fate(&self.ticket.jobs, &taken.job)?;
        // What the job wrote last may be seen from here a little later.
        let since = *self.over_since.get_or_insert_with(Instant::now);
        if since.elapsed() < self.grace.word && !self.stop.asked() {
            return None;
        }
        // Should it still run where nobody can see it, it is to end: the same work begins anew elsewhere.
        self.ticket.lane.give_up(&self.ticket.stage, &taken.job);
        self.done();
        let ended = match fate {
            _ if self.stop.asked() => Ended::Stopped,
            Fate::Forgotten => Ended::NodeFailed,
            Fate::Ended(JobEnd::Completed | JobEnd::Failed) => {
                Ended::Unknown { why: format!("job {} on {} ended without a word of it", taken.job, taken.node) }
            }
            Fate::Ended(end) => self.meaning(end, taken),
        };
        Some(Ok(Execution {
            ended,
            began: taken.at.0,
            seconds: taken.at.1.elapsed().as_secs_f64(),
            machine: unknown_machine(),
        }))
    }

    fn never_began(&self, ended: Ended) -> Result<Execution, ExecutorError> {
        Ok(Execution { ended, began: Timestamp::now(), seconds: 0.0, machine: unknown_machine() })
    }

    fn meaning(&self, end: JobEnd, taken: &Taken) -> Ended {
        match end {
            // Another one had used up the time of the job before.
            JobEnd::TimedOut if !taken.first => Ended::Preempted,
            JobEnd::TimedOut => Ended::TimedOut { limit: None },
            JobEnd::OutOfMemory => Ended::OutOfMemory,
            JobEnd::NodeFailed => Ended::NodeFailed,
            JobEnd::Preempted => Ended::Preempted,
            JobEnd::Cancelled => Ended::Cancelled,
            JobEnd::Completed | JobEnd::Failed => Ended::Unknown { why: "its job ended".into() },
        }
    }

    /// How a stage ended, where its node cannot tell why: it was killed, or its job was told to end.
    fn explained(&self, ended: Ended) -> Ended {
        let by_slurm = match ended {
            // Slurm sends these to all processes of a job that it ends.
            Ended::Signal { signal: 9 | 15 } => true,
            Ended::Stopped => !self.stop.asked(),
            _ => false,
        };
        let (true, Some(taken)) = (by_slurm, &self.taken) else { return ended };
        let since = Instant::now();
        while since.elapsed() < self.grace.reason && !self.stop.asked() {
            match self.keeper.fate(&self.ticket.jobs, &taken.job) {
                Some(Fate::Ended(JobEnd::Completed | JobEnd::Failed)) => break,
                Some(Fate::Ended(end)) => return self.meaning(end, taken),
                Some(Fate::Forgotten) => break,
                None => std::thread::sleep(TICK.0),
            }
        }
        match ended {
            Ended::Stopped => Ended::Unknown {
                why: format!("job {} on {} was told to end, by whom is not known", taken.job, taken.node),
            },
            ended => ended,
        }
    }
}

//! Carries out commands as processes of this machine, one session each.
//!
//! It does not know budgets; whoever calls it has taken a share.

use std::ffi::OsStr;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::executor::events::Tail;
use crate::executor::logs::Trim;
use crate::executor::wait::Waiter;
use crate::executor::{Ended, Executor, Job, Stop, Watcher};
use crate::processes::orphans;
use crate::processes::spawn::spawn;

/// How often events, timeouts and stops are looked at.
const TICK: Duration = Duration::from_millis(50);

/// Processes of this machine.
#[derive(Clone, Debug)]
pub struct Local {
    /// How long a stage may take to heed its cancel file.
    pub cancel_grace: Duration,
    /// How long a stage may take to heed the signal to end, before it is killed.
    pub signal_grace: Duration,
}

impl Default for Local {
    fn default() -> Self {
        Local { cancel_grace: Duration::from_secs(15), signal_grace: Duration::from_secs(5) }
    }
}

impl Executor for Local {
    fn execute(&self, job: Job, stop: &Stop, watcher: &mut dyn Watcher) -> Result<Ended, String> {
        let mut tail = Tail::new(&job.events);
        orphans::adopt();
        let group = start(&job)?;
        let id = group.as_raw_nonzero().get().unsigned_abs();
        watcher.began(id);
        let mut trim = Trim::default();
        let mut waiter = Waiter::new(group);
        let mut ending = Ending { executor: self, job: &job, group, phase: Phase::Running, began: Instant::now() };
        // One that can be watched no more is ended as well: it must not outlive its stage.
        let watched = loop {
            match waiter.has_ended_within(TICK) {
                Ok(false) => {}
                ended => break ended.map_err(|error| format!("its process was lost: {error}")),
            }
            ending.tick(stop);
            tail.read().0.into_iter().for_each(|event| watcher.said(event));
            trim.look(&job.log);
        };
        trim.look(&job.log);
        // What the stage left running has no business beyond it.
        ending.signal(Signal::KILL);
        let status = waiter.status();
        orphans::end_children(id, job.env.get(OsStr::new(orphans::MARK)).map(Path::new));
        loop {
            let (events, more) = tail.read();
            events.into_iter().for_each(|event| watcher.said(event));
            if !more {
                break;
            }
        }
        watched.map(|_| ending.verdict(status, stop))
    }
}

fn start(job: &Job) -> Result<Pid, String> {
    let program = job.argv.first().ok_or("the command is empty")?;
    spawn(&job.argv, &job.env, &job.folder, &job.log)
        .map_err(|error| format!("`{}` does not start: {error}", program.to_string_lossy()))
}

/// How far the ending of a process group has come.
enum Phase {
    Running,
    /// The cancel file is there.
    Cancelled(Instant),
    /// The signal to end was sent.
    Signalled(Instant),
    Killed,
}

struct Ending<'a> {
    executor: &'a Local,
    job: &'a Job,
    group: Pid,
    phase: Phase,
    began: Instant,
}

impl Ending<'_> {
    fn timed_out(&self) -> bool {
        self.job.timeout.is_some_and(|limit| self.began.elapsed() > limit)
    }

    fn tick(&mut self, stop: &Stop) {
        if stop.killing() && !matches!(self.phase, Phase::Killed) {
            self.signal(Signal::KILL);
            self.phase = Phase::Killed;
            return;
        }
        match self.phase {
            Phase::Running if stop.asked() || self.timed_out() => {
                let told = self.job.cancel.as_ref().is_some_and(|file| fs_err::write(file, "").is_ok());
                if told {
                    self.phase = Phase::Cancelled(Instant::now());
                } else {
                    self.signal(Signal::TERM);
                    self.phase = Phase::Signalled(Instant::now());
                }
            }
            Phase::Cancelled(since) if since.elapsed() > self.executor.cancel_grace => {
                self.signal(Signal::TERM);
                self.phase = Phase::Signalled(Instant::now());
            }
            Phase::Signalled(since) if since.elapsed() > self.executor.signal_grace => {
                self.signal(Signal::KILL);
                self.phase = Phase::Killed;
            }
            _ => {}
        }
    }

    fn signal(&self, signal: Signal) {
        // The group may have ended by itself.
        let _ = kill_process_group(self.group, signal);
    }

    fn verdict(&self, status: std::io::Result<ExitStatus>, stop: &Stop) -> Ended {
        // Many programs end with status 0 when they are told to end by a signal; what they leave is half a result. The
        // cancel file is another matter: a stage that heeds it ends well only when its work is done.
        let ended_by_itself = matches!(self.phase, Phase::Running | Phase::Cancelled(_));
        match status {
            Ok(status) if status.success() && ended_by_itself => Ended::Success,
            _ if !matches!(self.phase, Phase::Running) && stop.asked() => Ended::Stopped,
            _ if !matches!(self.phase, Phase::Running) => Ended::TimedOut,
            Ok(status) => Ended::Failure(in_words(status)),
            Err(error) => Ended::Failure(format!("its end is not known: {error}")),
        }
    }
}

fn in_words(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(9)) => "signal 9 (killed; the system may have run out of memory)".into(),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "an unknown status".into(),
    }
}

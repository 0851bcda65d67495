//! Ending the process group of a command: by its cancel file, by a signal, and in the end by force.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::executor::pause::Watched as Session;
use crate::executor::{Command, Ended, Stop};

/// How far the ending of a process group has come.
enum Phase {
    Running,
    /// The cancel file is there.
    Cancelled(Instant),
    /// The signal to end was sent.
    Signalled(Instant),
    Killed,
}

/// A command that is to end at its time.
pub(super) struct Ending<'a> {
    /// How long it may take to heed its cancel file, and then the signal.
    grace: (Duration, Duration),
    command: &'a Command,
    group: Pid,
    session: &'a Session,
    phase: Phase,
    began: Instant,
}

impl<'a> Ending<'a> {
    /// One that has just begun.
    pub(super) fn new(command: &'a Command, group: Pid, session: &'a Session, grace: (Duration, Duration)) -> Self {
        Ending { grace, command, group, session, phase: Phase::Running, began: Instant::now() }
    }

    fn timed_out(&self) -> bool {
        self.command.timeout.is_some_and(|limit| self.began.elapsed().saturating_sub(self.session.paused()) > limit)
    }

    /// Does what is due.
    pub(super) fn tick(&mut self, stop: &Stop) {
        if stop.killing() && !matches!(self.phase, Phase::Killed) {
            self.signal(Signal::KILL);
            self.phase = Phase::Killed;
            return;
        }
        match self.phase {
            Phase::Running if stop.asked() || self.timed_out() => {
                let told = self.command.cancel.as_ref().is_some_and(|file| fs_err::write(file, "").is_ok());
                if told {
                    self.phase = Phase::Cancelled(Instant::now());
                } else {
                    self.signal(Signal::TERM);
                    self.phase = Phase::Signalled(Instant::now());
                }
            }
            Phase::Cancelled(since) if since.elapsed() > self.grace.0 => {
                self.signal(Signal::TERM);
                self.phase = Phase::Signalled(Instant::now());
            }
            Phase::Signalled(since) if since.elapsed() > self.grace.1 => {
                self.signal(Signal::KILL);
                self.phase = Phase::Killed;
            }
            _ => {}
        }
    }

    /// Sends a signal to all of its group.
    pub(super) fn signal(&self, signal: Signal) {
        // The group may have ended by itself.
        let _ = kill_process_group(self.group, signal);
    }

    /// How it ended.
    pub(super) fn verdict(&self, status: io::Result<ExitStatus>, stop: &Stop) -> Ended {
        // Many programs end with status 0 when they are told to end by a signal; what they leave is half a result. The
        // cancel file is another matter: a stage that heeds it ends well only when its work is done.
        let ended_by_itself = matches!(self.phase, Phase::Running | Phase::Cancelled(_));
        match status {
            Ok(status) if status.success() && ended_by_itself => Ended::Exit { code: 0 },
            _ if !matches!(self.phase, Phase::Running) && stop.asked() => Ended::Stopped,
            _ if !matches!(self.phase, Phase::Running) => Ended::TimedOut { limit: self.command.timeout },
            Ok(status) => match (status.code(), status.signal()) {
                (Some(code), _) => Ended::Exit { code },
                (None, Some(signal)) => Ended::Signal { signal },
                (None, None) => Ended::Unknown { why: "the system gives no status".into() },
            },
            Err(error) => Ended::Unknown { why: error.to_string() },
        }
    }
}

//! Stops all that runs on this machine for a while, as Ctrl-Z does, and lets it go on.
//!
//! Stages lead sessions of their own, which the terminal does not reach. Whoever stops this program stops them with it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use crate::processes::session;

/// Stops and continues the sessions of stages.
#[derive(Clone, Debug, Default)]
pub struct Pauser(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    sessions: BTreeSet<i32>,
    since: Option<Instant>,
    /// How long it was stopped before.
    before: Duration,
}

impl State {
    fn paused(&self) -> Duration {
        self.before + self.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    fn signal(&self, signal: Signal) {
        for session in self.sessions.iter().filter_map(|id| Pid::from_raw(*id)) {
            session::signal(session, signal);
        }
    }
}

impl Pauser {
    /// Stops all that runs, and what begins meanwhile.
    pub fn stop(&self) {
        let mut state = self.lock();
        state.since.get_or_insert_with(Instant::now);
        state.signal(Signal::STOP);
    }

    /// Lets all go on.
    pub fn go_on(&self) {
        let mut state = self.lock();
        state.before = state.paused();
        state.since = None;
        state.signal(Signal::CONT);
    }

    /// Knows a session until what it returns is dropped.
    pub(crate) fn watch(&self, session: Pid) -> Watched {
        let mut state = self.lock();
        state.sessions.insert(session.as_raw_nonzero().get());
        if state.since.is_some() {
            session::signal(session, Signal::STOP);
        }
        Watched { pauser: self.clone(), session, before: state.paused() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A session that is stopped with the others.
pub(crate) struct Watched {
    pauser: Pauser,
    session: Pid,
    before: Duration,
}

impl Watched {
    /// How long it was stopped so far.
    pub(crate) fn paused(&self) -> Duration {
        self.pauser.lock().paused() - self.before
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.pauser.lock().sessions.remove(&self.session.as_raw_nonzero().get());
    }
}

//! Stops all that runs on this machine for a while, as Ctrl-Z does, and lets it go on.
//!
//! Stages lead sessions of their own, which the terminal does not reach. Whoever stops this program stops them with it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use crate::mutex::lock;
use crate::processes::session;

/// Stops and continues the sessions of stages.
#[derive(Clone, Debug, Default)]
pub struct Pauser {
    state: Arc<Mutex<State>>,
    /// Read by whoever starts a session until it is known here, and written while all is stopped: a session that began
    /// unseen would go on.
    starting: Arc<RwLock<()>>,
}

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
    /// Stops all that runs, and lets it go on when something is done. Nothing begins meanwhile.
    pub fn stop_while<T>(&self, something: impl FnOnce() -> T) -> T {
        let _none_begins = self.starting.write().unwrap_or_else(PoisonError::into_inner);
        {
            let mut state = self.lock();
            state.since.get_or_insert_with(Instant::now);
            state.signal(Signal::STOP);
        }
        let done = something();
        let mut state = self.lock();
        state.before = state.paused();
        state.since = None;
        state.signal(Signal::CONT);
        done
    }

    /// To be held from before a session begins until it is watched.
    pub(crate) fn starting(&self) -> RwLockReadGuard<'_, ()> {
        self.starting.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Knows a session until what it returns is dropped.
    pub(crate) fn watch(&self, session: Pid) -> Watched {
        let mut state = self.lock();
        state.sessions.insert(session.as_raw_nonzero().get());
        Watched { pauser: self.clone(), session, before: state.paused() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
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

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use std::collections::BTreeMap;

    use rustix::process::{WaitOptions, waitpid};

    use super::*;
    use crate::processes::spawn::spawn;

    fn is_stopped(id: Pid) -> bool {
        let text = fs_err::read_to_string(format!("/proc/{}/stat", id.as_raw_nonzero())).unwrap();
        text.rsplit_once(") ").unwrap().1.starts_with('T')
    }

    #[test]
    fn what_begins_is_known_before_all_is_stopped() {
        let pauser = Pauser::default();
        let starting = pauser.starting();
        let words = ["/bin/sleep".into(), "600".into()];
        let log = fs_err::File::options().append(true).open("/dev/null").unwrap().into_file();
        let child = spawn(&words, &BTreeMap::new(), "/".as_ref(), &log).unwrap();
        let stopping = std::thread::spawn({
            let pauser = pauser.clone();
            move || {
                pauser.stop_while(|| {
                    let began = Instant::now();
                    while !is_stopped(child) && began.elapsed() < Duration::from_secs(30) {
                        std::thread::sleep(Duration::from_millis(5));
                    }
                    is_stopped(child)
                })
            }
        });
        std::thread::sleep(Duration::from_millis(100));
        let session = pauser.watch(child);
        drop(starting);
        assert!(stopping.join().unwrap(), "it went on while all was stopped");
        assert!(!session.paused().is_zero());
        session::signal(child, Signal::KILL);
        waitpid(Some(child), WaitOptions::empty()).unwrap();
    }
}

//! The work of one instance from its key to its record. It runs on a thread of its own and only sends messages.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::executor::tail;
use crate::store::{Claimed, KeyLock, Lease, RecordSummary, Waiting};

use super::attempts::{Again, Attempts, Failure};
use super::cause::{Cause, Fault};
use super::message::{Message, Outcome};

/// How often a stage is begun again after the machine that it ran on failed.
const MOST_EXCUSED: u32 = 5;

/// What keeps other runs from the same work: on this machine, and on those that share a remote tier.
type Locks<'a> = (KeyLock, Option<Lease<'a>>);

impl Attempts<'_> {
    /// Does the work and tells the loop how it ended; by then its thread counts as `idle`.
    pub(crate) fn run(mut self, idle: &AtomicUsize) {
        let began = Instant::now();
        // Without word of its end, the loop would wait for it for ever.
        let outcome = catch_unwind(AssertUnwindSafe(|| self.outcome(began)))
            .unwrap_or_else(|panic| failed(began, Cause::Defect { text: words(&*panic).to_owned() }, Vec::new()));
        let Attempts { id, messages, reservation, .. } = self;
        idle.fetch_add(1, Ordering::SeqCst);
        let _ = messages.send(Message::Over(id, outcome, Some(reservation)));
    }

    fn outcome(&mut self, began: Instant) -> Outcome {
        let _locks = match self.lock() {
            Ok(Ok(locks)) => locks,
            Ok(Err(known)) => return Outcome::Done { known, seconds: 0.0, adopted: true },
            Err(Failure::Stopped) => return Outcome::Stopped,
            Err(Failure::Because(cause)) => return failed(began, cause, Vec::new()),
            Err(Failure::Missing(producers, what)) => return Outcome::Missing { producers, what },
        };
        if self.waited.get() {
            let _ = self.messages.send(Message::Waited(self.id));
        }
        let began = Instant::now();
        let (mut attempt, mut left, mut excused) = (0_u32, self.instance.retries, MOST_EXCUSED);
        loop {
            attempt = attempt.saturating_add(1);
            let cause = match self.attempt(attempt, left == 0) {
                Ok((record, seconds)) => {
                    self.context.run.end_log(&self.instance.name, attempt);
                    return Outcome::Done { known: RecordSummary::from(&record), seconds, adopted: false };
                }
                Err(Failure::Missing(producers, what)) => return Outcome::Missing { producers, what },
                Err(Failure::Stopped) => return Outcome::Stopped,
                Err(Failure::Because(cause)) => cause,
            };
            let more = match cause.fault() {
                Fault::Stage => &mut left,
                // Such a failure is not the stage's, so it takes none of its attempts.
                Fault::Machine => &mut excused,
                Fault::Store => return failed(began, cause, Vec::new()),
                Fault::Surroundings => return failed(began, cause, self.log_end(attempt)),
            };
            if *more == 0 || self.context.stop.asked() {
                return failed(began, cause, self.log_end(attempt));
            }
            *more -= 1;
            let _ = self.messages.send(Message::Retrying(self.id, attempt, cause));
        }
    }

    /// The end of an attempt's log.
    fn log_end(&self, attempt: u32) -> Vec<String> {
        tail(&self.context.run.log(&self.instance.name, attempt), 8)
    }

    /// Takes the lock of the key, or the record that another run wrote meanwhile.
    fn lock(&self) -> Result<Result<Locks<'_>, RecordSummary>, Failure> {
        let key = &self.computed.key;
        let mut said = false;
        loop {
            if let Some(lock) = self.context.store.runs().try_lock(key)? {
                // Another run may have made it between our look, which found it gone, and this lock.
                if self.again == Again::Mends
                    && let Some(known) = self.made_meanwhile()?
                {
                    return Ok(Err(known));
                }
                return if self.again == Again::No { self.lease(lock) } else { Ok(Ok((lock, None))) };
            }
            if self.context.stop.asked() {
                return Err(Failure::Stopped);
            }
            if !std::mem::replace(&mut said, true) {
                self.waits_for("another run, which does the same work".to_owned());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The result under the key, if all of it is here: the record itself, whatever the index says of it, and all content.
    fn made_meanwhile(&self) -> Result<Option<RecordSummary>, Failure> {
        let known = self.context.store.records().get(&self.computed.key)?.as_ref().map(RecordSummary::from);
        Ok(known.filter(|known| known.outputs.values().all(|produced| self.is_whole(produced))))
    }

    /// Takes the lease of the key from the machines that share the remote tier, or the record that one of them wrote.
    fn lease(&self, lock: KeyLock) -> Result<Result<Locks<'_>, RecordSummary>, Failure> {
        let (store, key) = (self.context.store, &self.computed.key);
        let mut waiting = Waiting::default();
        let mut pause = Duration::from_millis(100);
        let mut said = false;
        loop {
            let claimed = store.remote().claim(key, &mut waiting);
            // A lease ends only after its record has arrived, so this finds what its last owner made.
            if let Some(known) = store.records().look_up(key)? {
                return Ok(Err(known));
            }
            let host = match claimed {
                Claimed::Ours(lease) => return Ok(Ok((lock, lease))),
                Claimed::Others(host) => host,
            };
            if !std::mem::replace(&mut said, true) {
                self.waits_for(format!("another run on {host}, which does the same work"));
            }
            let until = Instant::now() + pause;
            while Instant::now() < until {
                if self.context.stop.asked() {
                    return Err(Failure::Stopped);
                }
                std::thread::sleep(Duration::from_millis(50));
            }
            pause = (pause * 2).min(Duration::from_secs(2));
        }
    }
}

fn failed(began: Instant, cause: Cause, log_end: Vec<String>) -> Outcome {
    Outcome::Failed { cause, seconds: began.elapsed().as_secs_f64(), log_end }
}

/// What a panic said.
fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no words")
}

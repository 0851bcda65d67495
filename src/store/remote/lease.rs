//! Leases: who does the work of a key, among programs that share nothing but a remote tier.
//!
//! A lease is an object that only one program can create, `leases/v1/<key>/<epoch>`; while the work takes long, its owner
//! rewrites a heartbeat beside it. Whoever sees neither change for some time, by its own clock, creates the next epoch.
//! Leases save work; that results are right never rests on them, so whatever goes wrong with one is no error of a run.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::digest::Key;
use crate::mutex::lock;
use crate::store::StoreError;
use crate::store::local::writing::write_atomically;
use crate::store::remote::names;
use crate::store::remote::objects::Remote;

/// Heartbeats in the time after which a lease without one is over.
const BEATS: u32 = 6;

/// The leases that this program holds.
pub(crate) struct Leases {
    held: Mutex<Held>,
    changed: Condvar,
    /// After this time without a sign of life a lease is over.
    lasts: Duration,
    /// This local store, and this program.
    store: String,
    program: String,
}

#[derive(Default)]
struct Held {
    leases: BTreeMap<Key, Lease>,
    heart: bool,
    closing: bool,
}

struct Lease {
    epoch: u32,
    beats: u64,
    last: Instant,
    /// The record is on its way; the lease ends when it has arrived.
    sending: bool,
}

/// The object.
#[derive(Debug, Serialize, Deserialize)]
struct Document {
    version: u32,
    /// The local store of the owner. Within it kernel locks decide, so whoever has that lock need not wait.
    store: String,
    program: String,
    host: String,
}

/// What a program that waits has seen of a lease.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    seen: Option<(u32, Vec<u8>, Instant)>,
}

/// How an attempt to take a lease ended.
#[derive(Debug)]
pub(crate) enum Claim {
    /// It is ours.
    Held,
    /// Another has it; on this host.
    Taken(String),
}

impl Leases {
    /// `notes` is a folder of the local store.
    pub(crate) fn new(notes: &Path, lasts: Duration) -> Self {
        let held = Mutex::default();
        Leases { held, changed: Condvar::new(), lasts, store: identity(&notes.join("identity")), program: random() }
    }

    /// Tries to take the lease of a key. The caller has the key's local lock.
    pub(crate) fn claim(&self, remote: &dyn Remote, key: &Key, watch: &mut Watch) -> Result<Claim, StoreError> {
        // Most keys are free.
        if watch.seen.is_none() && self.create(remote, key, 1)? {
            return Ok(Claim::Held);
        }
        let Some(epoch) = newest(&remote.list(&names::leases(key))?) else {
            let free = self.create(remote, key, 1)?;
            return Ok(if free { Claim::Held } else { Claim::Taken("an unknown host".into()) });
        };
        let owner = document(remote, &names::lease(key, epoch))?;
        let mut beat = Vec::new();
        remote.read(&names::beat(key, epoch), &mut beat)?;
        let mut is_over = owner.as_ref().is_some_and(|owner| owner.store == self.store);
        match &watch.seen {
            Some((seen, old, since)) if *seen == epoch && *old == beat => is_over |= since.elapsed() >= self.lasts,
            _ => watch.seen = Some((epoch, beat, Instant::now())),
        }
        if is_over && self.create(remote, key, epoch.saturating_add(1))? {
            self.clear(remote, key, epoch);
            return Ok(Claim::Held);
        }
        Ok(Claim::Taken(owner.map_or_else(|| "an unknown host".into(), |owner| owner.host)))
    }

    fn create(&self, remote: &dyn Remote, key: &Key, epoch: u32) -> Result<bool, StoreError> {
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let mine = Document { version: 1, store: self.store.clone(), program: self.program.clone(), host };
        let name = names::lease(key, epoch);
        let created = remote.create(&name, &serde_json::to_vec(&mine).unwrap_or_default())?
            // An attempt whose answer was lost may have made it.
            || document(remote, &name)?.is_some_and(|found| found.program == self.program);
        if created {
            lock(&self.held).leases.insert(*key, Lease { epoch, beats: 0, last: Instant::now(), sending: false });
        }
        Ok(created)
    }

    /// Objects of a lease that was taken over. Of the first epoch the lease stays until the last one is given back:
    /// whoever comes anew tries to create that one, and must not find it free.
    fn clear(&self, remote: &dyn Remote, key: &Key, epoch: u32) {
        let lease = (epoch > 1).then(|| names::lease(key, epoch));
        for name in std::iter::once(names::beat(key, epoch)).chain(lease) {
            if let Err(error) = remote.delete(&name) {
                tracing::debug!("a lease was not cleared away: {error}");
            }
        }
    }

    /// The record of a key is on its way; its lease ends when it has arrived.
    pub(crate) fn hand_over(&self, key: &Key) {
        if let Some(lease) = lock(&self.held).leases.get_mut(key) {
            lease.sending = true;
        }
    }

    /// Whether a lease is held that nothing on its way will end.
    pub(crate) fn is_idle(&self, key: &Key) -> bool {
        lock(&self.held).leases.get(key).is_some_and(|lease| !lease.sending)
    }

    /// Gives a lease back, if it is held.
    pub(crate) fn release(&self, remote: &dyn Remote, key: &Key) {
        let Some(lease) = lock(&self.held).leases.remove(key) else { return };
        let mut names = vec![names::lease(key, lease.epoch)];
        if lease.beats > 0 {
            names.push(names::beat(key, lease.epoch));
        }
        if lease.epoch > 1 {
            names.push(names::lease(key, 1));
        }
        for name in names {
            if let Err(error) = remote.delete(&name) {
                tracing::debug!("a lease was not given back: {error}");
            }
        }
    }

    /// Starts the thread that shows that this program lives, unless it runs.
    pub(crate) fn keep_alive(self: &Arc<Self>, remote: &Arc<dyn Remote>) {
        if !std::mem::replace(&mut lock(&self.held).heart, true) {
            let (leases, remote) = (Arc::clone(self), Arc::clone(remote));
            std::thread::spawn(move || leases.beat(&*remote));
        }
    }

    /// Ends the heartbeat.
    pub(crate) fn close(&self) {
        lock(&self.held).closing = true;
        self.changed.notify_all();
    }

    fn beat(&self, remote: &dyn Remote) {
        let pause = (self.lasts / BEATS).max(Duration::from_millis(20));
        loop {
            let mut due = Vec::new();
            {
                let held = lock(&self.held);
                let waited = self.changed.wait_timeout_while(held, pause, |held| !held.closing);
                let mut held = waited.map_or_else(|poisoned| PoisonError::into_inner(poisoned).0, |(held, _)| held);
                if held.closing {
                    return;
                }
                for (key, lease) in &mut held.leases {
                    if lease.last.elapsed() >= pause / 2 {
                        lease.beats += 1;
                        lease.last = Instant::now();
                        due.push((names::beat(key, lease.epoch), format!("{} {}", self.program, lease.beats)));
                    }
                }
            }
            for (name, text) in due {
                if let Err(error) = remote.replace(&name, text.as_bytes()) {
                    tracing::debug!("a heartbeat was not written: {error}");
                }
            }
        }
    }
}

fn document(remote: &dyn Remote, name: &str) -> Result<Option<Document>, StoreError> {
    let mut bytes = Vec::new();
    let found = remote.read(name, &mut bytes)?;
    Ok(if found { serde_json::from_slice(&bytes).ok() } else { None })
}

/// The highest epoch among the names of a key's leases and heartbeats.
fn newest(names: &[String]) -> Option<u32> {
    names.iter().filter_map(|name| name.rsplit('/').next()?.parse().ok()).max()
}

/// A name for a local store, made once.
fn identity(file: &Path) -> String {
    let text = fs_err::read_to_string(file).unwrap_or_default();
    if !text.is_empty() {
        return text;
    }
    let new = random();
    if let Err(error) = write_atomically(file, new.as_bytes()) {
        tracing::debug!("the store got no name: {error}");
    }
    new
}

/// Text that no other program makes.
fn random() -> String {
    use std::hash::{BuildHasher, RandomState};
    let now = jiff::Timestamp::now().as_nanosecond();
    // The hasher's keys are random for each process, and differ from call to call.
    format!("{now:x}-{:x}-{:016x}", std::process::id(), RandomState::new().hash_one(now))
}

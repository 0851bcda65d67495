//! Uploads in the background: content of a record first, then the record, so that whoever sees a record finds its content.
//!
//! What waits is a list of keys, so that it stays small however far the remote tier lags behind; records and lists of
//! folders are read again when their turn comes.

mod sender;

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use crate::digest::{Digest, Key};
use crate::mutex::lock;
use crate::store::local::blob::Blobs;
use crate::store::remote::lease::Leases;
use crate::store::remote::objects::Remote;
use crate::store::remote::pending_upload::PendingUpload;
use crate::store::remote::sent::Sent;
use crate::store::{StoreError, TransferStats};

/// Uploads to a remote tier at a time.
pub const UPLOADS: usize = 32;
/// How often whoever waits is told how far it is.
const TICK: Duration = Duration::from_millis(200);

/// Sends records and their content.
pub(crate) struct Uploader(Arc<Shared>);

struct Shared {
    remote: Arc<dyn Remote>,
    sent: Arc<Mutex<Sent>>,
    leases: Arc<Leases>,
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    /// Keys whose record was not looked at yet.
    keys: VecDeque<Waiting>,
    tasks: VecDeque<Task>,
    /// Keys and leases that are not over.
    pending: usize,
    threads: bool,
    closing: bool,
    error: Option<StoreError>,
    /// After a failure of the remote tier the rest is not tried: each would wait as long in vain.
    broken: bool,
    unsent: usize,
    there: HashSet<Digest>,
    moved: TransferStats,
    /// Keys under which the remote tier has had a record before.
    refused: Vec<Key>,
}

struct Waiting {
    key: Key,
    blobs: Blobs,
    /// Whether to ask first if the remote tier has it, as is noted.
    ask: bool,
}

enum Task {
    Open(Waiting),
    Blob(Arc<PendingUpload>, Digest),
    Release(Key),
}

impl Uploader {
    pub(crate) fn new(remote: Arc<dyn Remote>, sent: Arc<Mutex<Sent>>, leases: Arc<Leases>) -> Self {
        Uploader(Arc::new(Shared { remote, sent, leases, queue: Mutex::default(), changed: Condvar::new() }))
    }

    /// Sends what lies under a key, when there is time. With `ask` what is noted as sent is asked for instead.
    pub(crate) fn send(&self, key: Key, blobs: &Blobs, ask: bool) {
        self.add(|queue| queue.keys.push_back(Waiting { key, blobs: blobs.clone(), ask }));
    }

    /// Gives a lease back, when there is time.
    pub(crate) fn release(&self, key: Key) {
        self.add(|queue| queue.tasks.push_back(Task::Release(key)));
    }

    fn add(&self, add: impl FnOnce(&mut Queue)) {
        let mut queue = lock(&self.0.queue);
        queue.pending += 1;
        add(&mut queue);
        if !std::mem::replace(&mut queue.threads, true) {
            for _ in 0..UPLOADS {
                let shared = Arc::clone(&self.0);
                std::thread::spawn(move || shared.work());
            }
        }
        self.0.changed.notify_all();
    }

    /// Waits for all that was sent, and says now and then how far it is. Returns what was moved since the last time.
    pub(crate) fn finish(&self, tell: &mut dyn FnMut(&TransferStats)) -> Result<TransferStats, StoreError> {
        let mut queue = lock(&self.0.queue);
        while queue.pending > 0 {
            let waited = self.0.changed.wait_timeout(queue, TICK);
            queue = waited.map_or_else(|poisoned| poisoned.into_inner().0, |(queue, _)| queue);
            tell(&queue.moved);
        }
        let (moved, unsent) = (std::mem::take(&mut queue.moved), std::mem::take(&mut queue.unsent));
        queue.broken = false;
        match queue.error.take() {
            Some(StoreError::Remote(what)) if unsent > 0 => {
                let results = if unsent == 1 { "result is" } else { "results are" };
                Err(StoreError::Remote(format!(
                    "{what} ({unsent} {results} kept here; `nnf push` sends what is missing)"
                )))
            }
            Some(error) => Err(error),
            None => Ok(moved),
        }
    }

    /// Keys whose record was not sent because another was there first, since the last time.
    pub(crate) fn refused(&self) -> Vec<Key> {
        std::mem::take(&mut lock(&self.0.queue).refused)
    }

    /// Content was taken away from the remote tier, so it has to be sent again.
    pub(crate) fn forget(&self, digest: &Digest) {
        lock(&self.0.queue).there.remove(digest);
    }
}

impl Drop for Uploader {
    fn drop(&mut self) {
        lock(&self.0.queue).closing = true;
        self.0.changed.notify_all();
    }
}

//! Uploads in the background: content of a record first, then the record, so that whoever sees a record finds its content.
//!
//! What waits is a list of keys, so that it stays small however far the remote tier lags behind; records and lists of
//! folders are read again when their turn comes.

mod pending;
mod sender;

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use crate::digest::{Digest, Key};
use crate::mutex::lock;
use crate::store::local::blob::Blobs;
use crate::store::remote::lease::Leases;
use crate::store::remote::objects::Remote;
use crate::store::remote::sent::Sent;
use crate::store::{StoreError, TransferStats};

use pending::PendingUpload;

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
    /// Content and leases first, so that few records are open at a time; then keys whose record was not looked at yet.
    tasks: VecDeque<Task>,
    /// Keys and leases that are not over.
    pending: usize,
    threads: bool,
    closing: bool,
    /// What went wrong first; a failure of the remote tier before all others.
    error: Option<StoreError>,
    /// Records that are not sent because something failed.
    unsent: usize,
    /// Content that is known to be in the remote tier.
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

/// How the upload of a record ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The remote tier lacked it, or content of it, and has all of it now.
    Sent,
    /// All of it was there.
    There,
    /// A record with other outputs was there.
    Refused,
    /// Content of it is in no tier.
    Lost,
    /// Something failed.
    Unsent,
}

impl Queue {
    /// Whether the remote tier failed. Then the rest is not tried: each would wait as long in vain.
    fn is_broken(&self) -> bool {
        matches!(self.error, Some(StoreError::Remote(_)))
    }

    /// Notes what went wrong.
    fn note(&mut self, error: StoreError) {
        if self.error.is_none() || matches!(error, StoreError::Remote(_)) && !self.is_broken() {
            self.error = Some(error);
        }
    }

    /// The only place where the end of a record's upload is counted.
    fn end(&mut self, key: Key, end: End) {
        match end {
            End::Sent => self.moved.results += 1,
            End::There => self.moved.there += 1,
            End::Refused => {
                self.moved.there += 1;
                self.refused.push(key);
            }
            End::Lost => self.moved.lost += 1,
            End::Unsent => self.unsent += 1,
        }
    }
}

impl Uploader {
    pub(crate) fn new(remote: Arc<dyn Remote>, sent: Arc<Mutex<Sent>>, leases: Arc<Leases>) -> Self {
        Uploader(Arc::new(Shared { remote, sent, leases, queue: Mutex::default(), changed: Condvar::new() }))
    }

    /// Sends what lies under a key, when there is time. With `ask` what is noted as sent is asked for instead.
    pub(crate) fn send(&self, key: Key, blobs: &Blobs, ask: bool) {
        self.add(|queue| queue.tasks.push_back(Task::Open(Waiting { key, blobs: blobs.clone(), ask })));
    }

    /// Gives a lease back, when there is time.
    pub(crate) fn release(&self, key: Key) {
        self.add(|queue| queue.tasks.push_front(Task::Release(key)));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_end_is_counted_once_and_a_failure_of_the_remote_tier_counts_most() {
        let (mut queue, key) = (Queue::default(), Key::of_document(b"1"));
        for end in [End::Sent, End::There, End::Refused, End::Lost, End::Unsent] {
            queue.end(key, end);
        }
        let TransferStats { results, there, lost, .. } = queue.moved;
        assert_eq!((results, there, lost, queue.unsent, queue.refused.as_slice()), (1, 2, 1, 1, &[key][..]));
        queue.note(StoreError::Missing(Digest::of(b"1")));
        assert!(!queue.is_broken());
        queue.note(StoreError::Remote("first".into()));
        queue.note(StoreError::Remote("second".into()));
        queue.note(StoreError::Missing(Digest::of(b"1")));
        assert!(matches!(&queue.error, Some(StoreError::Remote(what)) if what == "first") && queue.is_broken());
    }
}

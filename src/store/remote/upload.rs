//! Uploads in the background: content of a record first, then the record, so that whoever sees a record finds its content.
//!
//! What waits is a list of keys, so that it stays small however far the remote tier lags behind; records and lists of
//! folders are read again when their turn comes. It does not know why something is sent.

use std::collections::{HashSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::digest::{Digest, Key};
use crate::record::Record;
use crate::store::local::blob::Blobs;
use crate::store::local::records;
use crate::store::remote::lease::Leases;
use crate::store::remote::names;
use crate::store::remote::objects::Remote;
use crate::store::remote::parcel::{Parcel, contents};
use crate::store::remote::sent::Sent;
use crate::store::{Moved, StoreError, lock};

/// Uploads to a remote tier at a time.
pub const UPLOADS: usize = 32;
/// Digests of content that is known to be there, so that a record's neighbours do not send it again.
const REMEMBERED: usize = 100_000;
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
    moved: Moved,
}

struct Waiting {
    key: Key,
    blobs: Blobs,
    /// Whether to ask first if the remote tier has it, as is noted.
    ask: bool,
}

enum Task {
    Open(Waiting),
    Blob(Arc<Parcel>, Digest),
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
    pub(crate) fn finish(&self, tell: &mut dyn FnMut(&Moved)) -> Result<Moved, StoreError> {
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

impl Shared {
    fn work(&self) {
        while let Some(task) = self.next() {
            match task {
                Task::Open(waiting) => self.open(&waiting),
                Task::Blob(parcel, digest) => self.blob(&parcel, &digest),
                Task::Release(key) => {
                    let released = guarded(|| {
                        self.leases.release(&*self.remote, &key);
                        Ok(())
                    });
                    self.over(|queue| queue.error = queue.error.take().or(released.err()));
                }
            }
        }
    }

    fn next(&self) -> Option<Task> {
        let mut queue = lock(&self.queue);
        loop {
            if queue.closing {
                return None;
            }
            // Content goes first, so that few records are open at a time.
            if let Some(task) = queue.tasks.pop_front() {
                return Some(task);
            }
            if let Some(waiting) = queue.keys.pop_front() {
                return Some(Task::Open(waiting));
            }
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Something is over; whoever waits for the end may go on.
    fn over(&self, note: impl FnOnce(&mut Queue)) {
        let mut queue = lock(&self.queue);
        note(&mut queue);
        queue.pending -= 1;
        self.changed.notify_all();
    }

    /// Finds out what content belongs to a key, and puts it in line.
    fn open(&self, waiting: &Waiting) {
        let key = waiting.key;
        let found = guarded(|| Ok((self.is_there_already(waiting)?, contents(&waiting.blobs, &key)?)));
        let (there, (record, mut digests)) = match found {
            Ok((there, Some(found))) => (there, found),
            // What is in its folders is known there alone.
            Ok((true, None)) => return self.close(&key, |queue| queue.moved.there += 1),
            Ok((false, None)) => return self.lost(&key),
            Err(error) => return self.fail(&key, error),
        };
        digests.retain({
            let queue = lock(&self.queue);
            move |digest| !queue.there.contains(digest)
        });
        let parcel = Arc::new(Parcel::new(record, waiting.blobs.clone(), digests.len(), there));
        let tasks = digests.into_iter().map(|digest| Task::Blob(Arc::clone(&parcel), digest));
        lock(&self.queue).tasks.extend(tasks);
        self.changed.notify_all();
        self.one_less(&parcel);
    }

    fn is_there_already(&self, waiting: &Waiting) -> Result<bool, StoreError> {
        let noted = lock(&self.sent).has(&waiting.key);
        Ok(waiting.ask && noted && self.remote.exists(&names::record(&waiting.key))?)
    }

    fn blob(&self, parcel: &Arc<Parcel>, digest: &Digest) {
        let broken = lock(&self.queue).broken;
        let done = if broken { None } else { Some(guarded(|| self.send_blob(digest, parcel))) };
        match done {
            Some(Ok(true)) => {}
            Some(Ok(false)) | None => parcel.is_incomplete(),
            Some(Err(error)) => {
                parcel.is_incomplete();
                self.note(error);
            }
        }
        self.one_less(parcel);
    }

    /// Sends content that is whole. What is damaged or gone here may be there already. False if it is in no tier.
    fn send_blob(&self, digest: &Digest, parcel: &Parcel) -> Result<bool, StoreError> {
        let name = names::blob(digest);
        let new = match parcel.blobs.checked(digest) {
            // Its record is there, so most likely it is there as well, which is cheaper to ask than to send it in vain.
            Ok(_) if parcel.there && self.remote.exists(&name)? => None,
            Ok(path) => {
                let size = fs_err::metadata(&path).map_or(0, |meta| meta.len());
                self.remote.put_if_absent(&name, &path)?.then_some(size)
            }
            Err(StoreError::Missing(_) | StoreError::Damaged { .. }) => {
                if !self.remote.exists(&name)? {
                    return Ok(false);
                }
                None
            }
            Err(error) => return Err(error),
        };
        let mut queue = lock(&self.queue);
        if let Some(size) = new {
            parcel.has_moved();
            queue.moved.files += 1;
            queue.moved.bytes += size;
        }
        if queue.there.len() < REMEMBERED {
            queue.there.insert(*digest);
        }
        Ok(true)
    }

    /// When all of its content is there, the record follows.
    fn one_less(&self, parcel: &Parcel) {
        let Some(complete) = parcel.one_less() else { return };
        let key = parcel.record.key;
        if !complete {
            return self.lost(&key);
        }
        match guarded(|| if parcel.there { Ok(()) } else { self.send_record(&parcel.record) }) {
            Ok(()) => {
                lock(&self.sent).add(key);
                self.close(&key, |queue| match parcel.there && !parcel.moved() {
                    true => queue.moved.there += 1,
                    false => queue.moved.results += 1,
                });
            }
            Err(error) => self.fail(&key, error),
        }
    }

    fn send_record(&self, record: &Record) -> Result<(), StoreError> {
        let name = names::record(&record.key);
        if record.supersedes.is_some() {
            self.remote.delete(&name)?;
        }
        self.remote.create(&name, &records::to_bytes(record)).map(|_| ())
    }

    fn note(&self, error: StoreError) {
        let mut queue = lock(&self.queue);
        queue.broken |= matches!(error, StoreError::Remote(_));
        queue.error.get_or_insert(error);
    }

    fn fail(&self, key: &Key, error: StoreError) {
        self.note(error);
        self.close(key, |queue| queue.unsent += 1);
    }

    /// Content of it is gone here and there, or the remote tier does not answer any more.
    fn lost(&self, key: &Key) {
        let broken = lock(&self.queue).broken;
        if !broken {
            tracing::warn!("{} was not sent: content of it is gone", key.short());
        }
        self.close(key, |queue| {
            queue.unsent += usize::from(broken);
            queue.moved.lost += usize::from(!broken);
        });
    }

    /// A key is over, well or not: others may do its work now.
    fn close(&self, key: &Key, note: impl FnOnce(&mut Queue)) {
        if !lock(&self.queue).broken {
            self.leases.release(&*self.remote, key);
        }
        self.over(note);
    }
}

/// Does a piece of work. A panic is a fault of this program, and would leave whoever waits for the end waiting for ever.
fn guarded<T>(work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        let text = text.unwrap_or("no reason is known");
        Err(StoreError::Remote(format!("sending broke down, which is a fault of nnf: {text}")))
    })
}

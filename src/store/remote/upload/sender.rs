//! What the threads that upload do: one task after the other, until there is none left and nobody adds any.
//!
//! It does not know who waits for them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};

use crate::digest::{Digest, Key};
use crate::record::Record;
use crate::store::local::records;
use crate::store::remote::names;
use crate::store::remote::parcel::{Parcel, contents};
use crate::store::{StoreError, lock};

use super::{Queue, Shared, Task, Waiting};

/// Digests of content that is known to be there, so that a record's neighbours do not send it again.
const REMEMBERED: usize = 100_000;

impl Shared {
    pub(super) fn work(&self) {
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
        match guarded(|| Ok(!parcel.there && self.send_record(&parcel.record)?)) {
            Ok(sent) => {
                lock(&self.sent).add(key);
                self.close(&key, |queue| {
                    match sent || parcel.there && parcel.moved() {
                        true => queue.moved.results += 1,
                        false => queue.moved.there += 1,
                    }
                    if !sent && !parcel.there {
                        queue.refused.push(key);
                    }
                });
            }
            Err(error) => self.fail(&key, error),
        }
    }

    /// Whether it was sent: the first record of a key stays.
    fn send_record(&self, record: &Record) -> Result<bool, StoreError> {
        let name = names::record(&record.key);
        if record.supersedes.is_some() {
            self.remote.delete(&name)?;
        }
        self.remote.create(&name, &records::to_bytes(record))
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

//! What the threads that upload do: one task after the other, until there is none left and nobody adds any.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};

use crate::digest::{Digest, Key};
use crate::mutex::lock;
use crate::record::{Form, Record};
use crate::store::StoreError;
use crate::store::closure::{outputs, whole_content};
use crate::store::local::records;
use crate::store::remote::names;
use crate::store::remote::remote_record::{self, RemoteRecord};

use super::pending::PendingUpload;
use super::{End, Queue, Shared, Task, Waiting};

/// Digests of content that is known to be there, so that a record's neighbours do not send it again.
const REMEMBERED: usize = 100_000;

impl Shared {
    pub(super) fn work(&self) {
        while let Some(task) = self.next() {
            match task {
                Task::Open(waiting) => self.open(&waiting),
                Task::Blob(upload, digest) => self.blob(&upload, &digest),
                Task::Release(key) => {
                    let released = guarded(|| {
                        self.leases.release(&*self.remote, &key);
                        Ok(())
                    });
                    self.over(|queue| released.unwrap_or_else(|error| queue.note(error)));
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
            if let Some(task) = queue.tasks.pop_front() {
                return Some(task);
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
        let found = guarded(|| {
            let record = records::read(waiting.blobs.root(), &key)?;
            let content = record.as_ref().map(|record| whole_content(&waiting.blobs, record)).transpose()?.flatten();
            let found = record.zip(content);
            Ok((self.is_there_already(waiting, found.as_ref().map(|(record, _)| record))?, found))
        });
        let (there, (record, mut digests)) = match found {
            Ok((there, Some(found))) => (there, found),
            // What is in its folders is known there alone.
            Ok((true, None)) => return self.end(&key, End::There),
            Ok((false, None)) => return self.end(&key, End::Lost),
            Err(error) => return self.fail(&key, error),
        };
        digests.retain({
            let queue = lock(&self.queue);
            move |digest| !queue.there.contains(digest)
        });
        let upload = Arc::new(PendingUpload::new(record, waiting.blobs.clone(), digests.len(), there));
        {
            let mut queue = lock(&self.queue);
            digests.into_iter().for_each(|digest| queue.tasks.push_front(Task::Blob(Arc::clone(&upload), digest)));
        }
        self.changed.notify_all();
        self.one_less(&upload);
    }

    /// Whether the record of a key that is noted as sent is there indeed, with the outputs that it has here.
    fn is_there_already(&self, waiting: &Waiting, own: Option<&Record>) -> Result<bool, StoreError> {
        if !waiting.ask || !lock(&self.sent).has(&waiting.key) {
            return Ok(false);
        }
        Ok(match RemoteRecord::of(&*self.remote, &waiting.key)? {
            RemoteRecord::Whole(first) => own.is_none_or(|own| own.outputs == first.outputs && !own.stands_for(&first)),
            RemoteRecord::Newer => true,
            RemoteRecord::Absent | RemoteRecord::Damaged => false,
        })
    }

    fn blob(&self, upload: &Arc<PendingUpload>, digest: &Digest) {
        let broken = lock(&self.queue).is_broken();
        match guarded(|| Ok(!broken && self.send_blob(digest, upload)?)) {
            Ok(true) => {}
            Ok(false) => upload.is_incomplete(),
            Err(error) => {
                upload.is_incomplete();
                lock(&self.queue).note(error);
            }
        }
        self.one_less(upload);
    }

    /// Sends content that is whole. What is damaged or gone here may be there already. False if it is in no tier.
    fn send_blob(&self, digest: &Digest, upload: &PendingUpload) -> Result<bool, StoreError> {
        let name = names::blob(digest);
        let new = match upload.blobs.checked(digest) {
            // Its record is there, so most likely it is there as well, which is cheaper to ask than to send it in vain.
            Ok(_) if upload.there && self.remote.exists(&name)? => None,
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
            upload.has_moved();
            queue.moved.files += 1;
            queue.moved.bytes += size;
        }
        if queue.there.len() < REMEMBERED {
            queue.there.insert(*digest);
        }
        Ok(true)
    }

    /// When all of its content is there, the record follows.
    fn one_less(&self, upload: &PendingUpload) {
        let Some(complete) = upload.one_less() else { return };
        let key = upload.record.key;
        let end = match (complete, upload.there) {
            (false, _) => Ok(End::Lost),
            (true, false) => guarded(|| self.send_record(&upload.record)),
            (true, true) => Ok(if upload.moved() { End::Sent } else { End::There }),
        };
        end.map_or_else(|error| self.fail(&key, error), |end| self.end(&key, end));
    }

    /// The first record of a key stays, unless nobody can use it any more, or this one was made to take its place. Where
    /// another has taken its place meanwhile, that one stays.
    fn send_record(&self, record: &Record) -> Result<End, StoreError> {
        let (name, bytes) = (names::record(&record.key), records::to_bytes(record));
        if self.remote.create(&name, &bytes)? {
            return Ok(End::Sent);
        }
        match RemoteRecord::of(&*self.remote, &record.key)? {
            RemoteRecord::Whole(first) if record.stands_for(&first) => self.remote.delete(&name)?,
            RemoteRecord::Whole(first) if first.outputs == record.outputs => return Ok(End::There),
            RemoteRecord::Whole(first) if self.is_whole(&first)? => return Ok(End::Refused),
            RemoteRecord::Newer => return Ok(End::Refused),
            RemoteRecord::Whole(_) | RemoteRecord::Absent | RemoteRecord::Damaged => self.remote.delete(&name)?,
        }
        Ok(if self.remote.create(&name, &bytes)? { End::Sent } else { End::Refused })
    }

    /// Whether all that a record in the remote tier has put out is there.
    fn is_whole(&self, record: &Record) -> Result<bool, StoreError> {
        for artifact in outputs(record) {
            let within = match artifact.form {
                Form::Folder => remote_record::inside(&*self.remote, &artifact.digest)?,
                Form::File | Form::Executable => Some(vec![artifact.digest]),
            };
            let Some(within) = within else { return Ok(false) };
            for digest in within {
                if !self.remote.exists(&names::blob(&digest))? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    fn fail(&self, key: &Key, error: StoreError) {
        lock(&self.queue).note(error);
        self.end(key, End::Unsent);
    }

    /// The upload of a record is over, well or not: others may do its work now.
    fn end(&self, key: &Key, end: End) {
        // A refused one is noted once the first one is here, too.
        if matches!(end, End::Sent | End::There) {
            lock(&self.sent).add(*key);
        }
        let broken = lock(&self.queue).is_broken();
        if !broken {
            self.leases.release(&*self.remote, key);
        }
        // Whether content is lost, only a remote tier tells that answers.
        let end = if broken && end == End::Lost { End::Unsent } else { end };
        if end == End::Lost {
            tracing::warn!("{} was not sent: content of it is gone", key.short());
        }
        self.over(|queue| queue.end(*key, end));
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

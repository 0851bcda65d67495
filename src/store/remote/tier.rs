//! What the store does with its remote tier: look-ups when they are needed, uploads in the background, leases.
//!
//! Objects appear in an order here that leaves no record without its content, whatever service keeps them.

use std::collections::HashSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use crate::digest::{Digest, Key};
use crate::mutex::lock;
use crate::record::Record;
use crate::store::local::blob::Blobs;
use crate::store::remote::lease::{Claim, Leases, Watch};
use crate::store::remote::names;
use crate::store::remote::objects::{ObjectRemote, Remote, RemoteOptions};
use crate::store::remote::remote_head::RemoteHead;
use crate::store::remote::remote_record::RemoteRecord;
use crate::store::remote::sent::Sent;
use crate::store::remote::upload::Uploader;
use crate::store::{StoreError, TransferStats};

/// Downloads at a time.
const DOWNLOADS: usize = 16;

/// Learns how a blob went: its size in bytes, or why it did not come. Its error ends the rest.
pub(crate) type Fetched<'a> = dyn Fn(&Digest, Result<u64, StoreError>) -> Result<(), StoreError> + Sync + 'a;

/// The remote tier of a store.
pub(crate) struct Tier {
    remote: Arc<dyn Remote>,
    sent: Arc<Mutex<Sent>>,
    leases: Arc<Leases>,
    head: Mutex<RemoteHead>,
    uploader: Uploader,
}

impl Tier {
    /// Opens the tier at a URL; `notes` is the folder that remembers what it has.
    pub(crate) fn open(options: &RemoteOptions, notes: &Path) -> Result<Self, StoreError> {
        let remote = Arc::new(ObjectRemote::open(options)?);
        Ok(Self::with(remote, Sent::file(notes, &options.url), Leases::new(notes, options.lease)))
    }

    #[cfg(test)]
    pub(crate) fn new(remote: Arc<dyn Remote>, sent: PathBuf) -> Self {
        let leases = Leases::new(sent.parent().unwrap_or(Path::new(".")), std::time::Duration::from_secs(60));
        Self::with(remote, sent, leases)
    }

    fn with(remote: Arc<dyn Remote>, sent: PathBuf, leases: Leases) -> Self {
        let (sent, leases) = (Arc::new(Mutex::new(Sent::open(sent))), Arc::new(leases));
        let uploader = Uploader::new(Arc::clone(&remote), Arc::clone(&sent), Arc::clone(&leases));
        Tier { remote, sent, leases, head: Mutex::default(), uploader }
    }

    /// The record under a key.
    pub(crate) fn record(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        if let Some(record) = lock(&self.head).record(&*self.remote, key)? {
            lock(&self.sent).add(*key);
            return Ok(Some(record));
        }
        match RemoteRecord::of(&*self.remote, key)? {
            RemoteRecord::Whole(record) => {
                lock(&self.sent).add(*key);
                lock(&self.head).lacks_something();
                return Ok(Some(*record));
            }
            // It would stand in the way of every other under its name.
            RemoteRecord::Damaged => self.remote.delete(&names::record(key))?,
            RemoteRecord::Newer | RemoteRecord::Absent => {}
        }
        Ok(None)
    }

    /// Whether the tier is known to have a record and its content.
    pub(crate) fn has(&self, key: &Key) -> bool {
        lock(&self.sent).has(key)
    }

    /// Records of this pipeline will be looked up, and written as those of this owner.
    pub(crate) fn expect(&self, pipeline: &str, owner: String) {
        lock(&self.head).expect(pipeline, Some(owner));
    }

    /// Something was sent that the head of its pipeline may lack.
    pub(crate) fn head_is_stale(&self) {
        lock(&self.head).lacks_something();
    }

    /// Writes the last records of a pipeline in one object, for the next machine that asks for them.
    pub(crate) fn publish(&self, pipeline: &str, records: Vec<(String, Record)>) -> Result<(), StoreError> {
        lock(&self.head).publish(&*self.remote, pipeline, records)
    }

    /// Brings a blob into the local tier; returns its size in bytes. It is checked as it arrives.
    pub(crate) fn fetch_blob(&self, digest: &Digest, blobs: &Blobs) -> Result<u64, StoreError> {
        let doing = StoreError::io("bring content from the remote store");
        let name = names::blob(digest);
        // Bytes that are wrong once may have been spoilt on their way.
        for _ in 0..2 {
            let file = blobs.temporary().map_err(&doing)?;
            let mut checked = Checked { file, hasher: blake3::Hasher::new(), size: 0 };
            if !self.remote.read(&name, &mut checked)? {
                return Err(StoreError::Missing(*digest));
            }
            if Digest::from(checked.hasher.finalize()) == *digest {
                let (_, path) = checked.file.keep().map_err(|e| doing(e.error))?;
                return blobs.seal(&path, digest).map(|_| checked.size);
            }
        }
        tracing::warn!("content {} is damaged in the remote store and counts as missing", digest.short());
        self.remote.delete(&name)?;
        self.uploader.forget(digest);
        Err(StoreError::Missing(*digest))
    }

    /// Brings many blobs, several at a time; `each` learns how each of them went. The first failure of a tier ends it.
    pub(crate) fn fetch_blobs(&self, digests: &[Digest], blobs: &Blobs, each: &Fetched<'_>) -> Result<(), StoreError> {
        let next = Mutex::new(digests.iter());
        let failed = Mutex::new(None);
        let work = || {
            while let Some(digest) = lock(&next).next() {
                if lock(&failed).is_some() {
                    return;
                }
                if let Err(error) = each(digest, self.fetch_blob(digest, blobs)) {
                    lock(&failed).get_or_insert(error);
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..DOWNLOADS.min(digests.len()) {
                scope.spawn(work);
            }
            work();
        });
        lock(&failed).take().map_or(Ok(()), Err)
    }

    /// Sends what lies under a key, when there is time.
    pub(crate) fn send(&self, key: Key, blobs: &Blobs) {
        self.leases.hand_over(&key);
        lock(&self.head).lacks_something();
        self.uploader.send(key, blobs, false);
    }

    /// As [`Tier::send`], but asks first whether it is there, if it is noted as sent.
    pub(crate) fn send_if_missing(&self, key: Key, blobs: &Blobs) {
        self.uploader.send(key, blobs, true);
    }

    /// Waits for all that was sent.
    pub(crate) fn finish(&self, tell: &mut dyn FnMut(&TransferStats)) -> Result<TransferStats, StoreError> {
        self.uploader.finish(tell)
    }

    /// Keys whose record was not sent because another was there first, since the last time.
    pub(crate) fn refused(&self) -> Vec<Key> {
        self.uploader.refused()
    }

    /// Notes that the tier has what this machine has under a key.
    pub(crate) fn note(&self, key: Key) {
        lock(&self.sent).add(key);
    }

    /// Forgets that the tier has what this machine had under a key.
    pub(crate) fn forget(&self, key: &Key) -> Result<(), StoreError> {
        lock(&self.sent).forget(key)
    }

    /// The remote store itself.
    pub(crate) fn remote(&self) -> &dyn Remote {
        &*self.remote
    }

    /// Notes what the remote store has, by a list of it: other results are not there, or not any more.
    pub(crate) fn has_only(&self, keys: &HashSet<Key>) -> Result<(), StoreError> {
        lock(&self.sent).retain(keys)
    }

    /// Tries to take the lease of a key.
    pub(crate) fn claim(&self, key: &Key, watch: &mut Watch) -> Result<Claim, StoreError> {
        let claim = self.leases.claim(&*self.remote, key, watch);
        if matches!(claim, Ok(Claim::Held)) {
            self.leases.keep_alive(&self.remote);
        }
        claim
    }

    /// Gives a lease back, unless a record on its way will do that.
    pub(crate) fn release(&self, key: &Key) {
        if self.leases.is_idle(key) {
            self.uploader.release(*key);
        }
    }
}

impl Drop for Tier {
    fn drop(&mut self) {
        self.leases.close();
    }
}

/// A file that is hashed while it is written.
struct Checked {
    file: tempfile::NamedTempFile,
    hasher: blake3::Hasher,
    size: u64,
}

impl Write for Checked {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

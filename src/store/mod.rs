//! The store: a local folder of plain files, and a remote tier behind it where the pipeline names one.
//!
//! ```text
//! blobs/v1/ab/cdef…       content, named by its BLAKE3 digest, created once, read-only
//! records/v1/ab/<key>.json  what a stage produced; written last: this is the commit
//! runs/v1/<id>/           plan, events, logs, pipeline as resolved; `keys` it used, and a lock while it goes on
//! pins/v1/<name>          results that are kept for good
//! heads/v1/<pipeline>     the last record of each instance, which `why` compares with
//! index/v1/               what records and files look like, so that a run without work reads two files; made anew when in doubt
//! checkpoints/v1/<key>/   what a killed stage goes on from
//! attempts/               scratch and output folders of stages that run now
//! quarantine/             blobs that were found damaged
//! gc.lock, sweep.lock, turn.lock  held by whoever relies on what is there or removes from it; they are empty
//! latest/<pipeline>/      links to the outputs of the last run, by their names
//! ```
//!
//! It does not know stages, only content, records and keys. Everything that is read is checked: a record against its
//! checksum and key, a blob against its name, unless this disk's copy was checked before and has not changed since
//! (same device, inode, size and time of change of content). The risk is a disk that loses a bit, and a program that
//! alters a blob and sets its time back; `verify` trusts none of that.

mod blob;
mod bound;
mod checkpoint;
mod compare;
mod content;
mod error;
mod far_gc;
mod far_head;
mod far_needs;
mod fault;
mod files;
mod folders;
mod gc;
mod handout;
mod hashing;
mod heads;
mod index;
mod inventory;
mod keylock;
mod latest;
mod lease;
mod leftovers;
mod live;
mod moving;
mod names;
mod needs;
mod parcel;
mod pins;
mod records;
mod remote;
mod repair;
mod results;
mod runs;
mod sent;
mod settled;
mod stamps;
mod sweep;
mod temporary;
#[cfg(test)]
mod tests;
mod tier;
mod tree;
mod upload;
mod verify;
mod workplace;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

pub use bound::{Bound, Bounded, half_of_disk};
pub use checkpoint::Checkpoint;
pub use compare::{Difference, first_difference};
pub use error::StoreError;
pub use far_gc::{CollectFar, FarCollected};
pub use fault::{Fault, User, Verified};
pub use files::FileInput;
pub use gc::{Amount, CollectOptions, Collected};
pub use handout::HandedOut;
pub use index::Known;
pub use keylock::KeyLock;
pub use moving::{Claimed, Lease, Moved, Waiting};
pub use pins::Pin;
pub use remote::{FarObject, ObjectRemote, Remote, RemoteOptions, public as public_url};
pub use repair::Repaired;
pub use runs::{RunFolder, RunSummary};
pub use settled::{Circumstances, Settled};
pub use sweep::Hold;
pub use upload::UPLOADS;
pub use verify::Progress;
pub use workplace::AttemptFolder;

use blob::Blobs;
use tier::Tier;
use workplace::Workplace;

/// Where a store lies.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// The folder of the local tier, such as `artifacts`.
    pub local: PathBuf,
    /// The remote tier.
    pub remote: Option<RemoteOptions>,
}

/// A store. Cheap to share between threads by reference.
pub struct Store {
    root: PathBuf,
    blobs: Blobs,
    index: Mutex<index::Index>,
    stamps: Arc<Mutex<stamps::Stamps>>,
    tier: Option<Tier>,
    workplace: OnceLock<Arc<Workplace>>,
}

impl Store {
    /// Opens a store, and creates its folders if they are not there.
    ///
    /// # Errors
    /// When the folder cannot be made or written, or the remote tier's URL is wrong.
    pub fn open(options: &StoreOptions) -> Result<Self, StoreError> {
        let root = &options.local;
        let create = |path: &Path| fs_err::create_dir_all(path).map_err(StoreError::io("create the store's folder"));
        create(root)?;
        let root = fs_err::canonicalize(root).map_err(StoreError::io("find the store's folder"))?;
        for part in ["blobs/v1", "records/v1", "runs/v1", "heads/v1", "index/v1", "checkpoints/v1", "attempts", "locks"]
        {
            create(&root.join(part))?;
        }
        let ignore = root.join(".gitignore");
        if !ignore.exists() {
            fs_err::write(&ignore, "*\n!.gitignore\n").map_err(StoreError::io("write into the store's folder"))?;
        }
        let stamps = Arc::new(Mutex::new(stamps::Stamps::new(root.join("index/v1/stamps"))));
        let blobs = Blobs::new(root.clone(), Arc::clone(&stamps));
        let index = Mutex::new(index::Index::new(root.join("index/v1/records")));
        let tier = options.remote.as_ref().map(|remote| Tier::open(remote, &root.join("index/v1"))).transpose()?;
        Ok(Store { root, blobs, index, stamps, tier, workplace: OnceLock::new() })
    }

    /// Opens a store that is there already: for whoever looks after stores and must not make one by a slip.
    ///
    /// # Errors
    /// As for [`Store::open`], and when there is no store.
    pub fn open_existing(options: &StoreOptions) -> Result<Self, StoreError> {
        if !options.local.join("records/v1").is_dir() {
            return Err(StoreError::NoStore(options.local.clone()));
        }
        Self::open(options)
    }

    /// The folder of the local tier.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Digest of a file or folder outside the store, and what it looks like now.
    ///
    /// # Errors
    /// When it cannot be read, or a folder holds what a tree cannot.
    pub fn file(&self, path: &Path) -> Result<FileInput, StoreError> {
        files::digest(path, &self.root, &self.stamps)
    }

    /// Where this engine's stages work; made when it is asked for first.
    fn workplace(&self) -> Result<&Arc<Workplace>, StoreError> {
        if let Some(workplace) = self.workplace.get() {
            return Ok(workplace);
        }
        let new = Arc::new(Workplace::new(&self.root.join("attempts"))?);
        Ok(self.workplace.get_or_init(|| new))
    }

    /// Removes what attempts of killed programs have left, after ending their processes. Returns how many there were.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn clear_leftovers(&self) -> Result<usize, StoreError> {
        let cleared = leftovers::clear(&self.root.join("attempts"))?;
        if cleared > 0 {
            keylock::clear(&self.root.join("locks")).map_err(StoreError::io("look for leftover locks"))?;
            let time = |key: &_| fs_err::metadata(records::path(&self.root, key)).and_then(|meta| meta.modified()).ok();
            Checkpoint::clear_finished(&self.root.join("checkpoints/v1"), |key| self.try_lock(key), time)?;
        }
        Ok(cleared)
    }

    /// Waits until the remote tier, if there is one, has all that was committed; and writes the indices.
    ///
    /// # Errors
    /// When the remote tier failed. The local results are kept.
    pub fn finish(&self) -> Result<(), StoreError> {
        lock(&self.stamps).save();
        match &self.tier {
            Some(tier) => tier.finish(&mut |_| {}).map(|_| ()),
            None => Ok(()),
        }
    }
}

/// A mutex is poisoned when a thread panicked; its data are caches here, and stay usable.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

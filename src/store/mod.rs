//! The store: a local folder of plain files, and a remote tier behind it where the pipeline names one.
//!
//! ```text
//! blobs/v1/ab/cdef…       content, named by its BLAKE3 digest, created once, read-only
//! records/v1/ab/<key>.json  what a stage produced; written last: this is the commit
//! runs/v1/<id>/           plan, events, logs, pipeline as resolved
//! heads/v1/<pipeline>     the last record of each instance, which `why` compares with
//! index/v1/               what records and files look like, so that a run without work reads two files; made anew when in doubt
//! checkpoints/v1/<key>/   what a killed stage goes on from
//! attempts/               scratch and output folders of stages that run now
//! quarantine/             blobs that were found damaged
//! latest/<pipeline>/      links to the outputs of the last run, by their names
//! ```
//!
//! It does not know stages, only content, records and keys. Everything that is read is checked: a record against its
//! checksum and key, a blob against its name, unless this disk's copy was checked before and has not changed since
//! (same inode, size and time of change of content). The risk is a program that alters a blob and sets its time back.

mod attempt;
mod blob;
mod checkpoint;
mod content;
mod error;
mod far_head;
mod files;
mod folders;
mod handout;
mod heads;
mod index;
mod keylock;
mod latest;
mod lease;
mod moving;
mod names;
mod parcel;
mod records;
mod remote;
mod results;
mod runs;
mod sent;
mod stamps;
#[cfg(test)]
mod tests;
mod tier;
mod tree;
mod upload;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

pub use attempt::AttemptFolder;
pub use checkpoint::Checkpoint;
pub use error::StoreError;
pub use files::FileInput;
pub use handout::HandedOut;
pub use index::Known;
pub use keylock::KeyLock;
pub use moving::{Claimed, Lease, Moved, Waiting};
pub use remote::{ObjectRemote, Remote, RemoteOptions, public as public_url};
pub use runs::{RunFolder, RunSummary};
pub use upload::UPLOADS;

use blob::Blobs;
use tier::Tier;

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
        let stamps = Arc::new(Mutex::new(stamps::Stamps::open(&root.join("index/v1/stamps"))));
        let blobs = Blobs::new(root.clone(), Arc::clone(&stamps));
        let index = Mutex::new(index::Index::open(&root.join("index/v1/records")));
        let tier = options.remote.as_ref().map(|remote| Tier::open(remote, &root.join("index/v1"))).transpose()?;
        Ok(Store { root, blobs, index, stamps, tier })
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

    /// Removes what attempts of killed programs have left, after ending their processes. Returns how many there were.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn clear_leftovers(&self) -> Result<usize, StoreError> {
        attempt::clear_leftovers(&self.root.join("attempts"))
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

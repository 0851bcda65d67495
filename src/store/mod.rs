//! The store: a local folder of plain files, and a remote tier behind it where the pipeline names one.
//!
//! ```text
//! blobs/v1/ab/cdef…       content, named by its BLAKE3 digest, created once, read-only
//! records/v1/ab/<key>.json  what a stage produced; written last: this is the commit
//! runs/v1/<id>/           plan, events, logs, pipeline as resolved; `keys` it used and their stages, and a lock while it goes on
//! pins/v1/<name>          results that are kept for good
//! heads/v1/<pipeline>     the last record of each instance, which `why` compares with, and whose name that is (see `owners`)
//! index/v1/               what records and files look like, so that a run without work reads two files; made anew when in doubt
//! checkpoints/v1/<key>/   what a killed stage goes on from
//! attempts/               scratch and output folders of stages that run now
//! quarantine/             blobs that were found damaged
//! kept/                   what stages left that may be the only copy of a person's file
//! gc.lock, sweep.lock, turn.lock  held by whoever relies on what is there or removes from it; they are empty
//! latest/<pipeline>/      links to the outputs of the last run, by their names
//! ```
//!
//! Everything that is read is checked: a record against its checksum and key, a blob against its name, unless this
//! disk's copy was checked before and has not changed since (same device, inode, size and time of change of content).
//! The risk is a disk that loses a bit, and a program that alters a blob and sets its time back; `verify` trusts none
//! of that.

mod apart;
mod closure;
mod compare;
mod content;
mod error;
mod folders;
mod keeping;
mod local;
mod owners;
mod remote;
mod results;
mod settled;
#[cfg(test)]
mod tests;
mod whole;
mod working;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use crate::digest::Digest;

pub use compare::{Difference, first_difference};
pub use error::StoreError;
pub use keeping::bound::{Bound, Bounded, half_of_disk};
pub use keeping::far_gc::{CollectFar, FarCollected};
pub use keeping::fault::{Fault, User, Verified};
pub use keeping::gc::{Amount, CollectOptions, Collected};
pub use keeping::pins::Pin;
pub use keeping::repair::Repaired;
pub use keeping::verify::Progress;
pub use local::files::FileInput;
pub use local::handout::HandedOut;
pub use local::index::Known;
pub use local::latest::Published;
pub use local::sweep::Hold;
pub use owners::{Name, Owner};
pub use remote::moving::{Claimed, Lease, Moved, Waiting};
pub use remote::objects::{FarObject, ObjectRemote, Remote, RemoteOptions, public as public_url};
pub use remote::upload::UPLOADS;
pub use settled::{Circumstances, Settled};
pub use working::checkpoint::Checkpoint;
pub use working::keylock::KeyLock;
pub use working::leftovers::{Cleared, Recover, Remains};
pub use working::note::AttemptNote;
pub use working::past::PastRun;
pub use working::runs::{RunFolder, RunSummary};
pub use working::workplace::{AttemptFolder, Rescued};

use local::blob::Blobs;
use local::writing::make_folder;
use local::{files, index, records, stamps};
use remote::tier::Tier;
use working::workplace::Workplace;
use working::{keylock, leftovers};

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
    /// Where folders of stages go that may hold what is nowhere else.
    kept: PathBuf,
    blobs: Blobs,
    index: Mutex<index::Index>,
    stamps: Arc<Mutex<stamps::Stamps>>,
    tier: Option<Tier>,
    workplace: OnceLock<Arc<Workplace>>,
    /// Whether records were written since the disk was made to keep them.
    unsaved: AtomicBool,
}

impl Store {
    /// Opens a store, and creates its folders if they are not there.
    ///
    /// # Errors
    /// When the folder cannot be made or written, or the remote tier's URL is wrong.
    pub fn open(options: &StoreOptions) -> Result<Self, StoreError> {
        let root = &options.local;
        let create = |path: &Path| make_folder(path).map_err(StoreError::io("create the store's folder"));
        create(root)?;
        let root = fs_err::canonicalize(root).map_err(StoreError::io("find the store's folder"))?;
        if let Some(remote) = &options.remote {
            remote.is_apart_from(&root)?;
        }
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
        let (kept, workplace, unsaved) = (root.join("kept"), OnceLock::new(), AtomicBool::new(false));
        Ok(Store { root, kept, blobs, index, stamps, tier, workplace, unsaved })
    }

    /// Opens a store that is removed when an audit of this one ends. It lies in a stage's scratch folder; what must not be
    /// lost of its stages' folders is kept in this store.
    ///
    /// # Errors
    /// As for [`Store::open`].
    pub fn scratch(&self, room: &AttemptFolder) -> Result<Self, StoreError> {
        let scratch = Self::open(&StoreOptions { local: room.scratch().join("store"), remote: None })?;
        Ok(Store { kept: self.kept.clone(), ..scratch })
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

    /// Whether a path leads into the local tier, which nobody else may write to.
    #[must_use]
    pub fn holds(&self, path: &Path) -> bool {
        apart::holds(&self.root, path)
    }

    /// Digest of a file or folder outside the store, and what it looks like now.
    ///
    /// # Errors
    /// When it cannot be read, or a folder holds what a tree cannot.
    pub fn file(&self, path: &Path) -> Result<FileInput, StoreError> {
        files::digest(path, &self.root, &self.stamps)
    }

    /// The digest of a file or folder outside the store, where nothing else of it matters: one look, if it rests.
    ///
    /// # Errors
    /// As for [`Store::file`].
    pub fn digest(&self, path: &Path) -> Result<Digest, StoreError> {
        files::digest_alone(path, &self.root, &self.stamps)
    }

    /// Where this engine's stages work; made when it is asked for first.
    fn workplace(&self) -> Result<&Arc<Workplace>, StoreError> {
        if let Some(workplace) = self.workplace.get() {
            return Ok(workplace);
        }
        let new = Arc::new(Workplace::new(&self.root.join("attempts"), self.kept.clone())?);
        Ok(self.workplace.get_or_init(|| new))
    }

    /// Removes what attempts of killed programs have left, after ending their processes on this machine. What others carry
    /// out stays for a run to go on with. Returns how many programs' folders there were.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn clear_leftovers(&self) -> Result<usize, StoreError> {
        self.recover_leftovers(&leftovers::here).map(|cleared| cleared.removed)
    }

    /// Removes what attempts of killed programs have left, but for those of which `recover` says that they stay.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn recover_leftovers(&self, recover: &Recover<'_>) -> Result<Cleared, StoreError> {
        let cleared = leftovers::clear(&self.root.join("attempts"), &self.kept, recover)?;
        // Also where no folder was left: whoever removed it may have been killed before it came to these.
        keylock::clear(&self.root.join("locks")).map_err(StoreError::io("look for leftover locks"))?;
        let time = |key: &_| fs_err::metadata(records::path(&self.root, key)).and_then(|meta| meta.modified()).ok();
        Checkpoint::clear_finished(&self.root.join("checkpoints/v1"), |key| self.try_lock(key), time)?;
        Ok(cleared)
    }

    /// Waits until the disk has all that was committed, and the remote tier, if there is one; and writes the indices.
    /// Where another's result was in the remote tier first, it takes the place of the one here; returns how many did.
    ///
    /// # Errors
    /// When the disk or the remote tier failed. The local results are kept.
    pub fn finish(&self) -> Result<usize, StoreError> {
        self.settle()?;
        let Some(tier) = &self.tier else { return Ok(0) };
        let sent = tier.finish(&mut |_| {});
        // Also where others could not be sent: these are known now.
        let adopted = self.adopt();
        if matches!(adopted, Ok(1..)) {
            self.settle()?;
        }
        sent.and(adopted)
    }

    /// Waits until the disk has all that was committed, and writes the indices.
    fn settle(&self) -> Result<(), StoreError> {
        if self.unsaved.swap(false, Ordering::SeqCst) {
            save(&self.root).map_err(StoreError::io("have the disk keep the results"))?;
        }
        // Only now: they vouch for content that a crash of the system could have cut short before.
        lock(&self.stamps).save();
        lock(&self.index).tidy();
        Ok(())
    }
}

/// Has the system write to the disk what was written to the file systems of a store, all of it at once: a wait for each
/// of thousands of files would take as many times longer.
fn save(root: &Path) -> std::io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        // Parts of it may be links to other disks.
        let mut saved = std::collections::BTreeSet::new();
        for part in ["", "blobs/v1", "records/v1"] {
            let folder = fs_err::File::open(root.join(part))?;
            if saved.insert(std::os::unix::fs::MetadataExt::dev(&folder.metadata()?)) {
                rustix::fs::syncfs(folder)?;
            }
        }
    }
    #[cfg(not(target_os = "linux"))]
    rustix::fs::sync();
    Ok(())
}

/// A mutex is poisoned when a thread panicked; its data are caches here, and stay usable.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

//! What the rooms of a store share: where its folder is, what is remembered of it, and the remote tier behind it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use crate::digest::Key;
use crate::mutex::lock;
use crate::store::error::StoreError;
use crate::store::local::blob::Blobs;
use crate::store::local::gc_barrier::Hold;
use crate::store::local::index::Index;
use crate::store::local::stamps::Stamps;
use crate::store::local::writing::{make_folder, sync};
use crate::store::remote::objects::RemoteOptions;
use crate::store::remote::tier::Tier;
use crate::store::working::keylock::{self, KeyLock};
use crate::store::working::workplace::Workplace;

/// The folders that every store has.
const FOLDERS: [&str; 8] =
    ["blobs/v1", "records/v1", "runs/v1", "heads/v1", "index/v1", "checkpoints/v1", "attempts", "locks"];

/// Both tiers of a store.
pub(crate) struct Tiers {
    /// The folder of the local tier; a real path.
    pub(crate) root: PathBuf,
    /// Where folders of stages go that may hold what is nowhere else.
    pub(crate) kept: PathBuf,
    pub(crate) blobs: Blobs,
    pub(crate) index: Mutex<Index>,
    pub(crate) stamps: Arc<Mutex<Stamps>>,
    pub(crate) tier: Option<Tier>,
    workplace: OnceLock<Arc<Workplace>>,
    /// Whether records were written since the disk was made to keep them.
    unsaved: AtomicBool,
}

impl Tiers {
    /// Opens both tiers, and creates the local one's folders if they are not there.
    pub(crate) fn open(root: &Path, remote: Option<&RemoteOptions>) -> Result<Self, StoreError> {
        let create = |path: &Path| make_folder(path).map_err(StoreError::io("create the store's folder"));
        create(root)?;
        let root = fs_err::canonicalize(root).map_err(StoreError::io("find the store's folder"))?;
        if let Some(remote) = remote {
            remote.is_apart_from(&root)?;
        }
        for part in FOLDERS {
            create(&root.join(part))?;
        }
        let ignore = root.join(".gitignore");
        if !ignore.exists() {
            fs_err::write(&ignore, "*\n!.gitignore\n").map_err(StoreError::io("write into the store's folder"))?;
        }
        let stamps = Arc::new(Mutex::new(Stamps::new(root.join("index/v1/stamps"))));
        let blobs = Blobs::new(root.clone(), Arc::clone(&stamps));
        let index = Mutex::new(Index::new(root.join("index/v1/records")));
        let tier = remote.map(|remote| Tier::open(remote, &root.join("index/v1"))).transpose()?;
        let (kept, workplace, unsaved) = (root.join("kept"), OnceLock::new(), AtomicBool::new(false));
        Ok(Tiers { root, kept, blobs, index, stamps, tier, workplace, unsaved })
    }

    /// Until this is dropped, nothing is removed from the store.
    pub(crate) fn hold(&self) -> Result<Hold<'_>, StoreError> {
        self.blobs.gc_barrier.hold().map_err(StoreError::io("lock the store"))
    }

    /// Until this is dropped, nobody else relies on anything anew.
    pub(crate) fn alone(&self) -> Result<File, StoreError> {
        self.blobs.gc_barrier.alone().map_err(StoreError::io("lock the store"))
    }

    /// Where this engine's stages work; made when it is asked for first.
    pub(crate) fn workplace(&self) -> Result<&Arc<Workplace>, StoreError> {
        if let Some(workplace) = self.workplace.get() {
            return Ok(workplace);
        }
        let new = Arc::new(Workplace::new(&self.root.join("attempts"), self.kept.clone())?);
        Ok(self.workplace.get_or_init(|| new))
    }

    /// A lock that only one program holds for a key at a time. None while another holds it.
    pub(crate) fn try_lock(&self, key: &Key) -> Result<Option<KeyLock>, StoreError> {
        keylock::try_lock(&self.root, &self.kept, &self.workplace()?.owner(), key)
    }

    /// Whether the remote tier, if there is one, is known to have what is under a key.
    pub(crate) fn is_shared(&self, key: &Key) -> bool {
        self.tier.as_ref().is_none_or(|tier| tier.has(key))
    }

    /// A record was written, which the disk has to be made to keep.
    pub(crate) fn record_was_written(&self) {
        self.unsaved.store(true, Ordering::SeqCst);
    }

    /// Waits until the disk has all that was committed, and writes the indices.
    pub(crate) fn settle(&self) -> Result<(), StoreError> {
        if self.unsaved.swap(false, Ordering::SeqCst) {
            sync(&self.root).map_err(StoreError::io("have the disk keep the results"))?;
        }
        // Only now: they vouch for content that a crash of the system could have cut short before.
        lock(&self.stamps).save();
        lock(&self.index).tidy();
        Ok(())
    }
}

//! The room of those who look after a store: what killed programs left, and the lock of collections. The other files of
//! this folder add their methods to it.

use crate::lock_file;
use crate::store::error::StoreError;
use crate::store::local::records;
use crate::store::tiers::Tiers;
use crate::store::working::checkpoint::Checkpoint;
use crate::store::working::keylock;
use crate::store::working::leftovers::{self, Cleared, Recover};

/// Looking after a store; see [`Store::maintenance`](crate::store::Store::maintenance).
#[derive(Clone, Copy)]
pub struct Maintenance<'a> {
    pub(in crate::store) tiers: &'a Tiers,
}

impl Maintenance<'_> {
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
        let root = &self.tiers.root;
        let cleared = leftovers::clear(&root.join("attempts"), &self.tiers.kept, recover)?;
        // Also where no folder was left: whoever removed it may have been killed before it came to these.
        keylock::clear(&root.join("locks")).map_err(StoreError::io("look for leftover locks"))?;
        let time = |key: &_| fs_err::metadata(records::path(root, key)).and_then(|meta| meta.modified()).ok();
        Checkpoint::clear_finished(&root.join("checkpoints/v1"), |key| self.tiers.try_lock(key), time)?;
        Ok(cleared)
    }

    /// A lock that only one collection of a store has at a time.
    pub(super) fn gc_lock(&self) -> Result<std::fs::File, StoreError> {
        let doing = StoreError::io("lock the store for a collection");
        let file = lock_file::open(&self.tiers.root.join("gc.lock")).map_err(&doing)?;
        file.lock().map_err(doing)?;
        Ok(file)
    }
}

//! What goes on now, and went on before: folders of runs and of attempts, checkpoints, locks.

use crate::digest::Key;
use crate::store::error::StoreError;
use crate::store::local::gc_barrier::Hold;
use crate::store::tiers::Tiers;
use crate::store::working::adoption;
use crate::store::working::checkpoint::Checkpoint;
use crate::store::working::keylock::KeyLock;
use crate::store::working::note::AttemptNote;
use crate::store::working::past::PastRun;
use crate::store::working::runs::{self, RunFolder, RunSummary};
use crate::store::working::workplace::AttemptFolder;

/// Work of engines; see [`Store::runs`](crate::store::Store::runs).
#[derive(Clone, Copy)]
pub struct Runs<'a> {
    pub(super) tiers: &'a Tiers,
}

impl<'a> Runs<'a> {
    /// Begins a run's folder.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn begin(&self, pipeline: &str) -> Result<RunFolder, StoreError> {
        // Whoever removes from the store sees the folder only with its mark that the run goes on.
        let _hold = self.hold()?;
        RunFolder::create(&self.tiers.root.join("runs/v1"), pipeline)
    }

    /// All runs, the newest first.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn list(&self) -> Result<Vec<RunSummary>, StoreError> {
        runs::list(&self.tiers.root.join("runs/v1"))
    }

    /// What the folder of a run tells.
    #[must_use]
    pub fn past(&self, summary: &RunSummary) -> PastRun {
        PastRun::new(&self.tiers.root, summary.clone())
    }

    /// Makes a folder for one attempt of a stage.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn attempt(&self) -> Result<AttemptFolder, StoreError> {
        self.tiers.workplace()?.attempt()
    }

    /// Takes over an attempt for a key, with its note, that goes on though its program was killed; none if there is none.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn left_attempt(&self, key: &Key) -> Result<Option<(AttemptFolder, AttemptNote)>, StoreError> {
        let doing = StoreError::io("go on with an attempt of a killed run");
        let (workplace, attempts) = (self.tiers.workplace()?, self.tiers.root.join("attempts"));
        let found = adoption::take(&attempts, workplace.folder(), key).map_err(doing)?;
        Ok(found.map(|found| {
            let note = found.note.clone();
            (workplace.adopt(found), note)
        }))
    }

    /// Opens the checkpoint folder of a key. Waits while another program has it.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn checkpoint(&self, key: &Key) -> Result<Checkpoint, StoreError> {
        Checkpoint::open(&self.tiers.root.join("checkpoints/v1"), key)
    }

    /// A lock that only one program holds for a key at a time, and that dies with it. None while another holds it.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn try_lock(&self, key: &Key) -> Result<Option<KeyLock>, StoreError> {
        self.tiers.try_lock(key)
    }

    /// Until this is dropped, nothing is removed from the store: for whoever finds something and notes that it is needed.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn hold(&self) -> Result<Hold<'a>, StoreError> {
        self.tiers.hold()
    }
}

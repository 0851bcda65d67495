//! What a store keeps besides content and records: folders of attempts, checkpoints and runs, and what a person sees of
//! a pipeline's last run.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::digest::Key;
use crate::store::local::{heads, latest};
use crate::store::working::{adoption, runs};
use crate::store::{
    AttemptFolder, AttemptNote, Checkpoint, Known, Published, RunFolder, RunSummary, Store, StoreError,
};

impl Store {
    /// Makes a folder for one attempt of a stage.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn attempt(&self) -> Result<AttemptFolder, StoreError> {
        self.workplace()?.attempt()
    }

    /// Takes over an attempt for a key, with its note, that goes on though its program was killed; none if there is none.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn left_attempt(&self, key: &Key) -> Result<Option<(AttemptFolder, AttemptNote)>, StoreError> {
        let doing = StoreError::io("go on with an attempt of a killed run");
        let (workplace, attempts) = (self.workplace()?, self.root().join("attempts"));
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
        Checkpoint::open(&self.root.join("checkpoints/v1"), key)
    }

    /// Begins a run's folder.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn new_run(&self, pipeline: &str) -> Result<RunFolder, StoreError> {
        // Whoever removes from the store sees the folder only with its mark that the run goes on.
        let _hold = self.hold()?;
        RunFolder::create(&self.root.join("runs/v1"), pipeline)
    }

    /// Where the outputs of a pipeline's last run are linked.
    #[must_use]
    pub fn results(&self, pipeline: &str) -> PathBuf {
        latest::folder(self.root(), pipeline)
    }

    /// All runs, the newest first.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn runs(&self) -> Result<Vec<RunSummary>, StoreError> {
        runs::list(&self.root.join("runs/v1"))
    }

    /// The key of the last record of each instance of a pipeline.
    #[must_use]
    pub fn heads(&self, pipeline: &str) -> BTreeMap<String, Key> {
        heads::read(&self.root.join("heads/v1"), pipeline)
    }

    /// Remembers the last records of instances, besides the ones remembered already.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn set_heads<'a>(
        &self,
        pipeline: &str,
        heads: impl IntoIterator<Item = (&'a str, Key)>,
    ) -> Result<(), StoreError> {
        heads::write(&self.root.join("heads/v1"), pipeline, heads)
    }

    /// Links outputs under their names: `latest/<pipeline>/<instance>/<output>`. Links of `untouched` instances stay.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn publish(
        &self,
        pipeline: &str,
        outputs: &BTreeMap<String, Known>,
        untouched: &BTreeSet<String>,
    ) -> Result<Published, StoreError> {
        let _lock = heads::lock(&self.root.join("heads/v1"), pipeline)?;
        latest::publish(&self.root, &self.blobs, pipeline, outputs, untouched)
    }
}

//! The store as its users have it: opened once, with a room for each thing that can be done.

use std::path::{Path, PathBuf};

use crate::store::apart;
use crate::store::content::Content;
use crate::store::error::StoreError;
use crate::store::maintenance::room::Maintenance;
use crate::store::pipelines::Pipelines;
use crate::store::records::Records;
use crate::store::remote::objects::RemoteOptions;
use crate::store::remote_tier::RemoteTier;
use crate::store::runs::Runs;
use crate::store::tiers::Tiers;
use crate::store::working::workplace::AttemptFolder;

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
    pub(super) tiers: Tiers,
}

impl Store {
    /// Opens a store, and creates its folders if they are not there.
    ///
    /// # Errors
    /// When the folder cannot be made or written, or the remote tier's URL is wrong.
    pub fn open(options: &StoreOptions) -> Result<Self, StoreError> {
        Ok(Store { tiers: Tiers::open(&options.local, options.remote.as_ref())? })
    }

    /// Opens a store that is there already: for whoever looks after stores and must not make one by a slip.
    ///
    /// # Errors
    /// As for [`Store::open`], and when there is no store.
    pub fn open_existing(options: &StoreOptions) -> Result<Self, StoreError> {
        if !Self::is_at(&options.local) {
            return Err(StoreError::NoStore(options.local.clone()));
        }
        Self::open(options)
    }

    /// Whether a folder is the local tier of a store.
    #[must_use]
    pub fn is_at(folder: &Path) -> bool {
        folder.join("records/v1").is_dir()
    }

    /// Opens a store that is removed when an audit of this one ends. It lies in a stage's scratch folder; what must not be
    /// lost of its stages' folders is kept in this store.
    ///
    /// # Errors
    /// As for [`Store::open`].
    pub fn scratch(&self, room: &AttemptFolder) -> Result<Self, StoreError> {
        let mut tiers = Tiers::open(&room.scratch().join("store"), None)?;
        tiers.kept.clone_from(&self.tiers.kept);
        Ok(Store { tiers })
    }

    /// The folder of the local tier.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.tiers.root
    }

    /// Whether a path leads into the local tier, which nobody else may write to.
    #[must_use]
    pub fn holds(&self, path: &Path) -> bool {
        apart::holds(&self.tiers.root, path)
    }

    /// Files and folders by their digests.
    #[must_use]
    pub fn content(&self) -> Content<'_> {
        Content { tiers: &self.tiers }
    }

    /// What stages produced, by their keys.
    #[must_use]
    pub fn records(&self) -> Records<'_> {
        Records { tiers: &self.tiers }
    }

    /// What goes on now, and went on before.
    #[must_use]
    pub fn runs(&self) -> Runs<'_> {
        Runs { tiers: &self.tiers }
    }

    /// What is known of pipelines, and shown of them.
    #[must_use]
    pub fn pipelines(&self) -> Pipelines<'_> {
        Pipelines { tiers: &self.tiers }
    }

    /// The tier behind the folder, if there is one.
    #[must_use]
    pub fn remote(&self) -> RemoteTier<'_> {
        RemoteTier { tiers: &self.tiers }
    }

    /// Looking after the store.
    #[must_use]
    pub fn maintenance(&self) -> Maintenance<'_> {
        Maintenance { tiers: &self.tiers }
    }

    /// Waits until the disk has all that was committed, and the remote tier, if there is one; and writes the indices.
    /// Where another's result was in the remote tier first, it takes the place of the one here; returns how many did.
    ///
    /// # Errors
    /// When the disk or the remote tier failed. The local results are kept.
    pub fn finish(&self) -> Result<usize, StoreError> {
        self.tiers.settle()?;
        let Some(tier) = &self.tiers.tier else { return Ok(0) };
        let sent = tier.finish(&mut |_| {});
        // Also where others could not be sent: these are known now.
        let adopted = self.records().adopt();
        if matches!(adopted, Ok(1..)) {
            self.tiers.settle()?;
        }
        sent.and(adopted)
    }
}

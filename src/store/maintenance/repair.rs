//! Puts a store in order after `verify` has found faults: damaged files are put aside, and what names lost content
//! makes room, so that the next run makes it again.
//!
//! It makes nothing itself, and it asks no remote tier.

use std::collections::BTreeSet;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::digest::{Digest, Key};
use crate::mutex::lock;
use crate::record::Record;
use crate::store::closure::record;
use crate::store::error::StoreError;
use crate::store::local::attributes::BLOB_MODE;
use crate::store::local::hashing::hash_file;
use crate::store::local::inventory;
use crate::store::local::stamps::{self, Stamp};
use crate::store::local::writing::move_file;
use crate::store::local::writing::write_atomically;
use crate::store::local::{index, pins, records};
use crate::store::maintenance::fault::{Fault, User, Verified};
use crate::store::maintenance::gc;
use crate::store::maintenance::room::Maintenance;
use crate::store::working::temporary;

/// What a repair did.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Repaired {
    /// Blobs, records and pins that were put into `quarantine/`.
    pub put_aside: u64,
    /// Blobs whose mode was put back.
    pub modes: u64,
    /// Records that were removed because their content is lost; the next run makes them again where they are needed.
    pub records_removed: u64,
    /// Records that go on without their log.
    pub logs_dropped: u64,
    /// Stages that will run again where they are needed.
    pub stages: BTreeSet<String>,
}

impl Maintenance<'_> {
    /// Mends what `verified` found.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn repair(&self, verified: &Verified) -> Result<Repaired, StoreError> {
        let _one_at_a_time = self.gc_lock()?;
        let mut repaired = Repaired::default();
        for fault in &verified.faults {
            self.mend(fault, &mut repaired)?;
        }
        for path in temporary::leftover_files(&self.tiers.root)? {
            gc::remove_all(&path)?;
        }
        self.clear_leftovers()?;
        self.stamps_anew()?;
        self.index_anew()?;
        Ok(repaired)
    }

    /// Where what was found damaged is put.
    #[must_use]
    pub fn quarantine(&self) -> PathBuf {
        self.tiers.root.join("quarantine")
    }

    fn mend(&self, fault: &Fault, repaired: &mut Repaired) -> Result<(), StoreError> {
        match fault {
            Fault::DamagedRecord { key, stages } => {
                let path = records::path(&self.tiers.root, key);
                // A run may have written it anew meanwhile.
                if record(&self.tiers.root, key)?.is_none() {
                    self.put_aside(&path, &format!("{key}.json"), repaired)?;
                    repaired.stages.extend(stages.clone());
                }
            }
            Fault::DamagedContent { content, users, elsewhere } => {
                if let Err(error @ StoreError::Io { .. }) = self.put_content_aside(content, repaired) {
                    return Err(error);
                }
                if !elsewhere {
                    self.make_room(users, repaired)?;
                }
            }
            Fault::WrongMode { content, .. } => {
                // Not even the mode of a removed file is an error.
                match fs_err::set_permissions(self.tiers.blobs.path(content), Permissions::from_mode(BLOB_MODE)) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        self.tiers.blobs.copy_anew(content)?
                    }
                    _ => {}
                }
                repaired.modes += 1;
            }
            Fault::MissingContent { content, users } => {
                if !self.tiers.blobs.path(content).exists() {
                    self.make_room(users, repaired)?;
                }
            }
            Fault::BadFolder { users, .. } => self.make_room(users, repaired)?,
            Fault::DamagedPin { name } => {
                self.put_aside(&pins::folder(&self.tiers.root).join(name), &format!("pin-{name}"), repaired)?;
            }
            // Only a run can make the results again; what a person put there is theirs; the index is made anew below.
            Fault::BrokenPin { .. } | Fault::Stray { .. } | Fault::WrongIndex { .. } => {}
        }
        Ok(())
    }

    fn put_content_aside(&self, digest: &Digest, repaired: &mut Repaired) -> Result<(), StoreError> {
        let path = self.tiers.blobs.path(digest);
        let gone = inventory::look(&path).map_err(StoreError::io("look into the store"))?.is_none();
        // A run may have found it, too, and have put it again.
        if gone || hash_file(&path).is_ok_and(|now| now == *digest) {
            return Ok(());
        }
        repaired.put_aside += 1;
        match self.tiers.blobs.quarantine(digest) {
            StoreError::Damaged { .. } => Ok(()),
            error => Err(error),
        }
    }

    fn put_aside(&self, path: &Path, name: &str, repaired: &mut Repaired) -> Result<(), StoreError> {
        let doing = StoreError::io("put a damaged file aside");
        let folder = self.quarantine();
        fs_err::create_dir_all(&folder).map_err(&doing)?;
        if inventory::look(path).map_err(&doing)?.is_some() {
            move_file(path, &folder.join(name)).map_err(doing)?;
            repaired.put_aside += 1;
        }
        Ok(())
    }

    /// Removes records whose content is lost. One that lost only its log goes on without it.
    fn make_room(&self, users: &[User], repaired: &mut Repaired) -> Result<(), StoreError> {
        for user in users {
            let Some(standing) = record(&self.tiers.root, &user.key)? else { continue };
            if user.output.is_some() {
                gc::remove_all(&records::path(&self.tiers.root, &user.key))?;
                repaired.records_removed += 1;
                repaired.stages.extend(user.stages.clone());
            } else if standing.log.is_some() {
                records::replace(&self.tiers.root, &Record { log: None, ..standing })?;
                repaired.logs_dropped += 1;
            }
        }
        Ok(())
    }

    /// Writes the index of records anew, from the records themselves.
    pub(crate) fn index_anew(&self) -> Result<(), StoreError> {
        let file = self.tiers.root.join("index/v1/records");
        let mut lines = Vec::new();
        for item in inventory::list::<Key>(&self.tiers.root.join("records/v1"), ".json")?.items {
            if let Ok(Some(record)) = record(&self.tiers.root, &item.name) {
                let look = Stamp::of_path(&records::path(&self.tiers.root, &item.name));
                index::push(&mut lines, &index::RecordSummary::from(&record), look);
            }
        }
        write_atomically(&file, &lines).map_err(StoreError::io("write the index"))?;
        *lock(&self.tiers.index) = index::Index::new(file);
        Ok(())
    }

    /// Forgets what files looked like, so that content is read again before it is trusted.
    fn stamps_anew(&self) -> Result<(), StoreError> {
        let file = self.tiers.root.join("index/v1/stamps");
        gc::remove_all(&file)?;
        *lock(&self.tiers.stamps) = stamps::Stamps::new(file);
        Ok(())
    }
}

//! Pinning results, and taking pins away again.

use std::io;

use crate::digest::{Digest, Key};
use crate::shell;
use crate::store::closure;
use crate::store::error::StoreError;
use crate::store::local::pins::{self, Pin, bad, checked_name, folder};
use crate::store::local::writing::write_atomically;
use crate::store::local::{inventory, lines};
use crate::store::maintenance::room::Maintenance;
use crate::store::records::Records;
use crate::store::remote::sent::Sent;

impl Maintenance<'_> {
    /// Keeps results for good.
    ///
    /// # Errors
    /// When the name is not plain or is taken, a record is gone, or the disk fails.
    pub fn pin(&self, pin: &Pin) -> Result<(), StoreError> {
        checked_name(&pin.name)?;
        let doing = StoreError::io("write a pin");
        let folder = folder(&self.tiers.root);
        fs_err::create_dir_all(&folder).map_err(&doing)?;
        let _hold = self.tiers.hold()?;
        let (records, elsewhere) = (Records { tiers: self.tiers }, Sent::anywhere(&self.tiers.root.join("index/v1"))?);
        let path = folder.join(&pin.name);
        if inventory::look(&path).map_err(&doing)?.is_some() {
            return Err(bad(
                &pin.name,
                "there is one of that name; take another name, or remove it first by `nnf unpin`",
            ));
        }
        for (instance, key) in &pin.instances {
            let Some(record) = records.get(key)? else {
                return Err(bad(&pin.name, format!("the result of `{instance}` was removed a moment ago")));
            };
            let lost = |digest: &Digest| !self.tiers.blobs.path(digest).exists();
            if !elsewhere.contains(key) && closure::content(&self.tiers.blobs, &record).iter().any(lost) {
                let stage = shell::word(instance);
                let why = format!("content of `{instance}` is missing; `nnf run {stage}` makes it again");
                return Err(bad(&pin.name, why));
            }
        }
        let mut line = Vec::new();
        lines::push_line(&mut line, pin);
        write_atomically(&path, &line).map_err(doing)
    }

    /// Removes a pin; what it kept goes with the next collection. False if there is none.
    ///
    /// # Errors
    /// When the name is not plain, or the disk fails.
    pub fn unpin(&self, name: &str) -> Result<bool, StoreError> {
        checked_name(name)?;
        match fs_err::remove_file(folder(&self.tiers.root).join(name)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(StoreError::io("remove a pin")(error)),
        }
    }

    /// The name of a pin that keeps the result under a key.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn pinned_by(&self, key: &Key) -> Result<Option<String>, StoreError> {
        pins::by(&self.tiers.root, key)
    }

    /// All pins by name. One that is damaged has no content; it keeps nothing.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn pins(&self) -> Result<Vec<(String, Option<Pin>)>, StoreError> {
        pins::list(&self.tiers.root)
    }
}

//! Pins: results that are kept for good, by names that people give.
//!
//! ```text
//! pins/v1/<name>          one checked line of JSON: the pipeline, and the key of each instance
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::digest::{Digest, Key};
use crate::shell;
use crate::store::local::writing::write_atomically;
use crate::store::local::{index, inventory};
use crate::store::{Store, StoreError, closure};

/// Version of the document.
const VERSION: u32 = 1;
/// Longest name.
const LONGEST: usize = 100;

/// Results that are kept for good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    /// Version of this document.
    version: u32,
    /// Its name.
    pub name: String,
    /// Name of the pipeline.
    pub pipeline: String,
    /// When it was made.
    pub made: Timestamp,
    /// The key of each instance.
    pub instances: BTreeMap<String, Key>,
}

impl Pin {
    /// A pin of these instances, made now.
    #[must_use]
    pub fn new(name: &str, pipeline: &str, instances: BTreeMap<String, Key>) -> Self {
        Pin { version: VERSION, name: name.into(), pipeline: pipeline.into(), made: Timestamp::now(), instances }
    }
}

/// What a name of a pin is made of.
fn checked_name(name: &str) -> Result<(), StoreError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let whole = !name.is_empty() && name.len() <= LONGEST && name.chars().all(plain);
    if whole && name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return Ok(());
    }
    let why = format!(
        "a pin's name has letters, digits, `.`, `_` and `-`, begins with a letter or a digit, and is at most {LONGEST} long"
    );
    Err(bad(&name.chars().take(LONGEST).collect::<String>(), why))
}

fn bad(name: &str, why: impl Into<String>) -> StoreError {
    StoreError::BadPin { name: name.to_owned(), why: why.into() }
}

/// All pins below a store's root: each name with what it keeps, or nothing where the file is damaged.
pub(crate) fn list(root: &Path) -> Result<Vec<(String, Option<Pin>)>, StoreError> {
    let folder = folder(root);
    let names = inventory::names(&folder).map_err(StoreError::io("list the pins"))?;
    let named = names.into_iter().filter(|name| checked_name(name).is_ok());
    Ok(named.map(|name| (name.clone(), read(&folder.join(&name)))).collect())
}

/// The keys of all results that pins keep.
pub(crate) fn keys(root: &Path) -> Result<BTreeSet<Key>, StoreError> {
    Ok(list(root)?.into_iter().filter_map(|(_, pin)| pin).flat_map(|pin| pin.instances.into_values()).collect())
}

/// The first pin that keeps the result under a key.
fn by(root: &Path, key: &Key) -> Result<Option<String>, StoreError> {
    let keeps = |pin: &Pin| pin.instances.values().any(|kept| kept == key);
    Ok(list(root)?.into_iter().find(|(_, pin)| pin.as_ref().is_some_and(keeps)).map(|(name, _)| name))
}

pub(crate) fn folder(root: &Path) -> PathBuf {
    root.join("pins/v1")
}

fn read(path: &Path) -> Option<Pin> {
    let text = fs_err::read(path).ok()?;
    let line = index::checked_lines(&text).next()?;
    serde_json::from_slice(line).ok()
}

impl Store {
    /// Keeps results for good.
    ///
    /// # Errors
    /// When the name is not plain or is taken, a record is gone, or the disk fails.
    pub fn pin(&self, pin: &Pin) -> Result<(), StoreError> {
        checked_name(&pin.name)?;
        let doing = StoreError::io("write a pin");
        let folder = folder(&self.root);
        fs_err::create_dir_all(&folder).map_err(&doing)?;
        let _hold = self.hold()?;
        let elsewhere = self.sent()?;
        let path = folder.join(&pin.name);
        if inventory::look(&path).map_err(&doing)?.is_some() {
            return Err(bad(
                &pin.name,
                "there is one of that name; take another name, or remove it first by `nnf unpin`",
            ));
        }
        for (instance, key) in &pin.instances {
            let Some(record) = self.record(key)? else {
                return Err(bad(&pin.name, format!("the result of `{instance}` was removed a moment ago")));
            };
            let lost = |digest: &Digest| !self.blobs.path(digest).exists();
            if !elsewhere.contains(key) && closure::content(&self.blobs, &record).iter().any(lost) {
                let stage = shell::word(instance);
                let why = format!("content of `{instance}` is missing; `nnf run {stage}` makes it again");
                return Err(bad(&pin.name, why));
            }
        }
        let mut line = Vec::new();
        index::push_line(&mut line, pin);
        write_atomically(&path, &line).map_err(doing)
    }

    /// Removes a pin; what it kept goes with the next collection. False if there is none.
    ///
    /// # Errors
    /// When the name is not plain, or the disk fails.
    pub fn unpin(&self, name: &str) -> Result<bool, StoreError> {
        checked_name(name)?;
        match fs_err::remove_file(folder(&self.root).join(name)) {
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
        by(&self.root, key)
    }

    /// All pins by name. One that is damaged has no content; it keeps nothing.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn pins(&self) -> Result<Vec<(String, Option<Pin>)>, StoreError> {
        list(&self.root)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain() {
        for name in ["paper", "v1.0", "2024-05-01_final", "A"] {
            assert!(checked_name(name).is_ok(), "{name}");
        }
        let long = "a".repeat(LONGEST + 1);
        for name in ["", ".", "..", "../x", "a/b", "/etc/passwd", ".hidden", "-f", "a b", "a\nb", "ä", "a\0", &long] {
            assert!(checked_name(name).is_err(), "{name:?}");
        }
    }
}

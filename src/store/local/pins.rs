//! Pins: results that are kept for good, by names that people give.
//!
//! ```text
//! pins/v1/<name>          one checked line of JSON: the pipeline, and the key of each instance
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::digest::Key;
use crate::store::error::StoreError;
use crate::store::local::{inventory, lines};

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
pub(crate) fn checked_name(name: &str) -> Result<(), StoreError> {
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

pub(crate) fn bad(name: &str, why: impl Into<String>) -> StoreError {
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
pub(crate) fn by(root: &Path, key: &Key) -> Result<Option<String>, StoreError> {
    let keeps = |pin: &Pin| pin.instances.values().any(|kept| kept == key);
    Ok(list(root)?.into_iter().find(|(_, pin)| pin.as_ref().is_some_and(keeps)).map(|(name, _)| name))
}

pub(crate) fn folder(root: &Path) -> PathBuf {
    root.join("pins/v1")
}

fn read(path: &Path) -> Option<Pin> {
    let text = fs_err::read(path).ok()?;
    let line = lines::checked_lines(&text).next()?;
    serde_json::from_slice(line).ok()
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

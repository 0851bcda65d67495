//! The last record of each instance of a pipeline: what `why` compares with. Losing it costs explanations only.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use crate::digest::Key;
use crate::lock_file;
use crate::store::StoreError;
use crate::store::local::writing::write_atomically;

pub(crate) fn path(folder: &Path, pipeline: &str) -> PathBuf {
    folder.join(format!("{pipeline}.json"))
}

pub(crate) fn read(folder: &Path, pipeline: &str) -> BTreeMap<String, Key> {
    let text = fs_err::read(path(folder, pipeline)).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

/// Held while what a pipeline shows of itself is rewritten, its links as well as its heads: runs may end together.
pub(crate) fn lock(folder: &Path, pipeline: &str) -> Result<File, StoreError> {
    let doing = StoreError::io("lock the last records");
    let path = folder.join(format!("{pipeline}.lock"));
    let file = lock_file::open(&path).map_err(&doing)?;
    file.lock().map_err(doing)?;
    Ok(file)
}

pub(crate) fn write<'a>(
    folder: &Path,
    pipeline: &str,
    heads: impl IntoIterator<Item = (&'a str, Key)>,
) -> Result<(), StoreError> {
    let _lock = lock(folder, pipeline)?;
    let before = read(folder, pipeline);
    let mut all = before.clone();
    all.extend(heads.into_iter().map(|(name, key)| (name.to_owned(), key)));
    if all == before {
        return Ok(());
    }
    let text = serde_json::to_vec(&all).unwrap_or_default();
    write_atomically(&path(folder, pipeline), &text).map_err(StoreError::io("remember the last records"))
}

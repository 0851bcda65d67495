//! Files that are being written and get their name in the end; a program that is killed leaves them behind.
//!
//! Nobody reads them. It removes nothing itself.

use std::path::{Path, PathBuf};

use crate::store::error::StoreError;
use crate::store::local::inventory;
use crate::store::working::{leftovers, live};

/// How their names begin. Whole names of a store never begin so.
const BEGINNINGS: [&str; 4] = [".tmp", ".new-", ".record-", "blob-"];
/// Where they are made: in these folders, and in the folders in these.
const FOLDERS: [&str; 9] =
    ["attempts", "blobs/v1", "checkpoints/v1", "heads/v1", "index/v1", "latest", "pins/v1", "records/v1", "runs/v1"];

/// Whether a path has the name of a file that is being written.
pub(crate) fn is_temporary(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))
}

/// Folders of stages whose engines were killed; `clear_leftovers` removes them.
pub(crate) fn leftover_folders(root: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let mut found = entries(&root.join("attempts"))?;
    found.retain(|path| leftovers::is_left_over(path));
    Ok(found)
}

/// What programs that were killed have left half written.
pub(crate) fn leftover_files(root: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let doing = StoreError::io("list the store");
    let mut found = Vec::new();
    // A run that goes on may have been asleep for hours, with all of its machine.
    if has_live_run(root)? {
        return Ok(found);
    }
    for part in FOLDERS {
        for path in entries(&root.join(part))? {
            // Folders of engines that live are their own, and those of dead ones go as a whole.
            let is_folder = inventory::look(&path).map_err(&doing)?.is_some_and(|meta| meta.is_dir());
            if is_folder && !is_temporary(&path) && part != "attempts" {
                found.extend(entries(&path)?.into_iter().filter(|path| is_abandoned(path)));
            } else if is_abandoned(&path) {
                found.push(path);
            }
        }
    }
    Ok(found)
}

fn has_live_run(root: &Path) -> Result<bool, StoreError> {
    let runs = entries(&root.join("runs/v1"))?;
    Ok(runs.iter().any(|run| live::since(run).is_some()))
}

fn is_abandoned(path: &Path) -> bool {
    is_temporary(path) && leftovers::is_old(path)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let names = inventory::names(folder).map_err(StoreError::io("list the store"))?;
    Ok(names.into_iter().map(|name| folder.join(name)).collect())
}

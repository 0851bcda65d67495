//! Removing a stage's folder, whatever the stage has made of it, unless it holds what is not the stage's own.

use std::fs::{Metadata, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::SystemTime;

use crate::store::working::layout::{FILES, GUARD, PARTS, PROCESS};

/// Removes a folder with all that is in it.
pub(crate) fn remove(folder: &Path) -> io::Result<()> {
    fs_err::remove_dir_all(folder).or_else(|_| {
        make_removable(folder);
        fs_err::remove_dir_all(folder)
    })
}

/// A stage may have taken its own folders' permission to be written.
pub(crate) fn make_removable(path: &Path) {
    let Ok(meta) = fs_err::symlink_metadata(path) else { return };
    if !meta.is_dir() {
        return;
    }
    let mode = meta.permissions().mode();
    if mode & 0o700 != 0o700 {
        let _ = fs_err::set_permissions(path, Permissions::from_mode(mode & 0o7777 | 0o700));
    }
    for entry in fs_err::read_dir(path).into_iter().flatten().flatten() {
        make_removable(&entry.path());
    }
}

/// Empties the folder of an attempt that began at this moment, for the next one. False if the stage left anything that could
/// reach that one: files beside those of every stage, something in a folder that is to be empty, another mode.
pub(crate) fn empty(attempt: &Path, mode: u32, began: SystemTime) -> io::Result<bool> {
    for entry in fs_err::read_dir(attempt)? {
        let entry = entry?;
        let name = entry.file_name();
        if FILES.iter().any(|file| name == *file) {
            fs_err::remove_file(entry.path())?;
        } else if !PARTS.iter().chain(&[PROCESS, GUARD]).any(|known| name == *known) {
            return Ok(false);
        }
    }
    for part in PARTS {
        let folder = attempt.join(part);
        let meta = fs_err::symlink_metadata(&folder)?;
        if !meta.is_dir() || meta.permissions().mode() & 0o7777 != mode {
            return Ok(false);
        }
        for entry in fs_err::read_dir(&folder)? {
            let input = entry?.path();
            if part != "in" || is_older(&fs_err::symlink_metadata(&input)?, began) {
                return Ok(false);
            }
            fs_err::remove_file(input)?;
        }
    }
    Ok(true)
}

/// Whether a folder holds a file that was there before its stage began and has no other name: the stage moved it here
/// from somewhere, and removing it would lose it. File systems that do not tell when a file was made have none.
pub(crate) fn holds_older(folder: &Path, began: SystemTime) -> bool {
    let entries = fs_err::read_dir(folder).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| match fs_err::symlink_metadata(entry.path()) {
        Ok(meta) if meta.is_dir() => holds_older(&entry.path(), began),
        Ok(meta) => is_older(&meta, began),
        Err(_) => false,
    })
}

/// Whether a file has only this name and was made before a moment.
pub(crate) fn is_older(meta: &Metadata, began: SystemTime) -> bool {
    meta.nlink() == 1 && meta.len() > 0 && meta.created().is_ok_and(|made| made < began)
}

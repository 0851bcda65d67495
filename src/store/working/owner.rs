//! Whether an engine lives whose folder of attempts was found, and whether somebody goes on with one of them.

use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::lock_file;
use crate::store::working::layout::{ADOPTER, OWNER};

/// The lock of a folder whose engine is gone; none if the engine was killed while it removed the folder, which got its
/// name after that file.
pub(crate) fn abandoned(folder: &Path) -> Result<Option<File>, TryLockError> {
    match lock_file::open_existing(&folder.join(OWNER)) {
        Ok(owner) => owner.try_lock().map(|()| Some(owner)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(TryLockError::Error(error)),
    }
}

/// The folders of an engine's attempts.
pub(crate) fn attempts_of(engine: &Path) -> Vec<PathBuf> {
    let entries = fs_err::read_dir(engine).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.filter(|path| path.file_name().is_some_and(|name| name != OWNER)).collect()
}

/// Whether somebody goes on with an attempt.
pub(crate) fn is_adopted(attempt: &Path) -> bool {
    lock_file::open_existing(&attempt.join(ADOPTER)).is_ok_and(|file| file.try_lock().is_err())
}

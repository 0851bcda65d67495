//! What killed engines have left: processes of stages, their folders, temporary files, locks.
//!
//! An engine's folder is left over when nobody holds the lock of its `owner` file. It does not know what stages did.

use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use crate::processes::identity;
use crate::processes::orphans::end_marked;
use crate::store::StoreError;
use crate::store::working::workplace::{NEW, OWNED, OWNER, PROCESS};

/// Age at which what never got an owner is taken to be left over.
const ABANDONED: Duration = Duration::from_secs(3600);

/// Ends the processes of engines that are gone, and removes their folders. Returns how many there were.
pub(crate) fn clear(attempts: &Path) -> Result<usize, StoreError> {
    let doing = StoreError::io("look for leftovers");
    let mut cleared = 0;
    for entry in fs_err::read_dir(attempts).map_err(&doing)? {
        let path = entry.map_err(&doing)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with(OWNED) {
            // The lock is held until the folder is gone, so that two engines do not clear it at the same time.
            let Ok(_owner) = abandoned(&path) else { continue };
            for attempt in fs_err::read_dir(&path).into_iter().flatten().flatten() {
                end_leftover(&attempt.path());
            }
            let strays = end_marked(&path);
            if strays > 0 {
                tracing::warn!("{strays} processes of a stage, left by a killed run, were ended");
            }
            make_removable(&path);
            cleared += usize::from(fs_err::remove_dir_all(&path).is_ok());
        } else if name.starts_with(NEW) && is_old(&path) {
            cleared += usize::from(fs_err::remove_dir_all(&path).is_ok());
        }
    }
    Ok(cleared)
}

/// The lock of a folder whose engine is gone; none if the engine was killed while it removed the folder, which got its
/// name after that file.
fn abandoned(folder: &Path) -> Result<Option<File>, TryLockError> {
    match fs_err::File::options().write(true).open(folder.join(OWNER)) {
        Ok(owner) => owner.file().try_lock().map(|()| Some(owner.into_file())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(TryLockError::Error(error)),
    }
}

/// Whether an engine's folder has no owner any more, or never got one.
pub(crate) fn is_left_over(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if name.starts_with(OWNED) { abandoned(path).is_ok() } else { name.starts_with(NEW) && is_old(path) }
}

/// Whether a temporary file has not been written for so long that its program is gone.
pub(crate) fn is_old(path: &Path) -> bool {
    let age = fs_err::symlink_metadata(path).and_then(|meta| meta.modified()).map(|time| time.elapsed());
    age.is_ok_and(|age| age.is_ok_and(|age| age > ABANDONED))
}

/// Kills the process group that an attempt noted, if its leader is still the same process.
fn end_leftover(attempt: &Path) {
    let Ok(text) = fs_err::read_to_string(attempt.join(PROCESS)) else { return };
    let mut words = text.split_whitespace();
    let Some(id) = words.next().and_then(|id| id.parse::<u32>().ok()) else { return };
    let started = words.next().unwrap_or_default();
    if identity::end_group(id, started) {
        tracing::warn!("process {id}, left by a killed run, was ended");
    }
}

/// A stage may have taken its own folders' permission to be written.
pub(crate) fn make_removable(path: &Path) {
    let Ok(meta) = fs_err::symlink_metadata(path) else { return };
    if !meta.is_dir() {
        return;
    }
    if meta.permissions().mode() & 0o700 != 0o700 {
        let _ = fs_err::set_permissions(path, std::fs::Permissions::from_mode(0o700));
    }
    for entry in fs_err::read_dir(path).into_iter().flatten().flatten() {
        make_removable(&entry.path());
    }
}

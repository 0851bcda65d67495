//! What killed engines have left: processes of stages, their folders, temporary files, locks.
//!
//! An engine's folder is left over when nobody holds the lock of its `owner` file. What its stages took away of a person's
//! files is put back before it is removed, and what may be the only copy of something is kept.

use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::lock_file;
use crate::processes::identity;
use crate::processes::orphans::end_marked;
use crate::store::StoreError;
use crate::store::working::guard::{self, Guard};
use crate::store::working::layout::{NEW, OWNED, OWNER, PROCESS};
use crate::store::working::{removal, rescue};

/// Age at which what never got an owner is taken to be left over.
const ABANDONED: Duration = Duration::from_secs(3600);

/// How long after a stage's first moment its process may be noted.
const LATE: Duration = Duration::from_secs(2);

/// Ends the processes of engines that are gone, and removes their folders, but for what may be the only copy of something:
/// that goes to `kept`. Returns how many there were.
pub(crate) fn clear(attempts: &Path, kept: &Path) -> Result<usize, StoreError> {
    let doing = StoreError::io("look for leftovers");
    let mut cleared = 0;
    for entry in fs_err::read_dir(attempts).map_err(&doing)? {
        let path = entry.map_err(&doing)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with(OWNED) {
            // The lock is held until the folder is gone, so that two engines do not clear it at the same time.
            let Ok(_owner) = abandoned(&path) else { continue };
            let attempts: Vec<PathBuf> =
                fs_err::read_dir(&path).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
            attempts.iter().for_each(|attempt| end_leftover(attempt));
            let strays = end_marked(&path);
            if strays > 0 {
                tracing::warn!("{strays} processes of a stage, left by a killed run, were ended");
            }
            // All of them are looked through, also after one that cannot be kept.
            let safe = attempts.iter().filter(|attempt| !is_safe(attempt, kept)).count() == 0;
            cleared += usize::from(safe && removal::remove(&path).is_ok());
        } else if name.starts_with(NEW) && is_old(&path) {
            cleared += usize::from(fs_err::remove_dir_all(&path).is_ok());
        }
    }
    Ok(cleared)
}

/// Puts back what the stage of an attempt took away, and keeps the folder if it may hold the only copy of something. False
/// if that failed, so that the folder must stay where it is.
fn is_safe(attempt: &Path, kept: &Path) -> bool {
    // An audit's stages work in a store of their own within its folder.
    let inner = attempt.join("scratch/store/attempts");
    if inner.is_dir() && clear(&inner, kept).is_err() {
        return false;
    }
    let (mut precious, mut stage, mut written) = (false, "moved".to_owned(), None);
    if let Some(Guard { stage: name, files, checkpoint }) = guard::read(attempt) {
        let found = rescue::put_back(&files.iter().collect::<Vec<_>>(), attempt, checkpoint.as_deref());
        guard::tell(&name, &found.put_back, None);
        (precious, stage, written) = (found.precious, name, checkpoint);
    }
    let began = fs_err::metadata(attempt.join(PROCESS)).and_then(|meta| meta.modified()).ok();
    let began = began.and_then(|began| began.checked_sub(LATE));
    let older = |part: &str| began.is_some_and(|began| removal::holds_older(&attempt.join(part), began));
    if !precious && !older("out") && !older("scratch") {
        return true;
    }
    let place = guard::keep(attempt, kept, &stage, written.as_deref().filter(|_| precious));
    match &place {
        Ok(place) => guard::tell(&stage, &[], Some(place)),
        Err(error) => {
            tracing::warn!("{} may hold the only copy of a file, and stays there: {error}", attempt.display());
        }
    }
    place.is_ok()
}

/// The lock of a folder whose engine is gone; none if the engine was killed while it removed the folder, which got its
/// name after that file.
fn abandoned(folder: &Path) -> Result<Option<File>, TryLockError> {
    match lock_file::open_existing(&folder.join(OWNER)) {
        Ok(owner) => owner.try_lock().map(|()| Some(owner)),
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

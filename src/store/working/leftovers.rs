//! What killed engines have left: processes of stages, their folders, temporary files, locks.
//!
//! An engine's folder is left over when nobody holds the lock of its `owner` file. What its stages took away of a person's
//! files is put back before it is removed, and what may be the only copy of something is kept. Whether an attempt still
//! goes on, its executor is asked.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::processes::identity;
use crate::processes::orphans::end_marked;
use crate::store::StoreError;
use crate::store::working::guard::{self, Guard};
use crate::store::working::layout::{NEW, OWNED, PROCESS};
use crate::store::working::note::{self, AttemptNote};
use crate::store::working::owner::{abandoned, attempts_of, is_adopted};
use crate::store::working::turn::turn as wait_for_turn;
use crate::store::working::{removal, rescue};

/// Age at which what never got an owner is taken to be left over.
const ABANDONED: Duration = Duration::from_secs(3600);

/// How long after a stage's first moment its process may be noted.
const LATE: Duration = Duration::from_secs(2);

/// What becomes of an attempt whose engine was killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remains {
    /// Nothing of it runs any more, and nobody goes on with it.
    Gone,
    /// It runs, or has a result, and somebody may go on with it.
    Stay,
}

/// Says what became of an attempt, and ends it where it cannot be gone on with. Of some nobody can make use: then it is
/// false, and they are to be ended.
pub type Recover<'a> = dyn Fn(&AttemptNote, bool) -> Remains + 'a;

/// What was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cleared {
    /// Folders of engines that were removed.
    pub removed: usize,
    /// Attempts that somebody may go on with.
    pub stay: usize,
}

/// Ends what processes of this machine were left. Of what others carry out it knows nothing, so that stays.
pub(crate) fn here(note: &AttemptNote, _: bool) -> Remains {
    if !note.is_here() {
        return Remains::Stay;
    }
    identity::end_noted(&note.id);
    Remains::Gone
}

/// Removes the folders of engines that are gone, but for attempts that stay, and for what may be the only copy of something:
/// that goes to `kept`.
pub(crate) fn clear(attempts: &Path, kept: &Path, recover: &Recover<'_>) -> Result<Cleared, StoreError> {
    clear_for(attempts, kept, recover, true)
}

fn clear_for(attempts: &Path, kept: &Path, recover: &Recover<'_>, wanted: bool) -> Result<Cleared, StoreError> {
    let doing = StoreError::io("look for leftovers");
    let (mut cleared, mut turn) = (Cleared::default(), None);
    for entry in fs_err::read_dir(attempts).map_err(&doing)? {
        let path = entry.map_err(&doing)?.path();
        if !is_left_over(&path) {
            continue;
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with(NEW) {
            cleared.removed += usize::from(fs_err::remove_dir_all(&path).is_ok());
            continue;
        }
        // So that nobody clears what another one goes on with.
        if turn.is_none() {
            turn = Some(wait_for_turn(&attempts.with_file_name("locks")).map_err(&doing)?);
        }
        let Ok(_owner) = abandoned(&path) else { continue };
        let found = clear_engine(&path, kept, (recover, wanted));
        cleared.removed += found.removed;
        cleared.stay += found.stay;
    }
    Ok(cleared)
}

/// Clears the folder of one engine, whose lock the caller has.
fn clear_engine(engine: &Path, kept: &Path, (recover, wanted): (&Recover<'_>, bool)) -> Cleared {
    let stays = |attempt: &PathBuf| {
        is_adopted(attempt) || note::read(attempt).is_some_and(|note| recover(&note, wanted) == Remains::Stay)
    };
    let (stay, gone): (Vec<PathBuf>, Vec<PathBuf>) = attempts_of(engine).into_iter().partition(stays);
    // A process may run that nobody had the time to note.
    let strays = match stay.is_empty() {
        true => end_marked(engine),
        false => gone.iter().map(|attempt| end_marked(attempt)).sum(),
    };
    if strays > 0 {
        tracing::warn!("{strays} processes of a stage, left by a killed run, were ended");
    }
    // All of them are looked through, also after one that cannot be kept.
    let safe: Vec<bool> = gone.iter().map(|attempt| is_safe(attempt, kept, recover)).collect();
    if stay.is_empty() {
        let removed = safe.iter().all(|safe| *safe) && removal::remove(engine).is_ok();
        return Cleared { removed: usize::from(removed), stay: 0 };
    }
    for (attempt, _) in gone.iter().zip(safe).filter(|(_, safe)| *safe) {
        let _ = removal::remove(attempt);
    }
    Cleared { removed: 0, stay: stay.len() }
}

/// Puts back what the stage of an attempt took away, and keeps the folder if it may hold the only copy of something. False
/// if that failed, so that the folder must stay where it is.
fn is_safe(attempt: &Path, kept: &Path, recover: &Recover<'_>) -> bool {
    // An audit's stages work in a store of their own within its folder, and nobody goes on with an audit.
    let inner = attempt.join("scratch/store/attempts");
    if inner.is_dir() && !clear_for(&inner, kept, recover, false).is_ok_and(|cleared| cleared.stay == 0) {
        return false;
    }
    let (mut precious, mut stage, mut written) = (false, "moved".to_owned(), None);
    if let Some(Guard { stage: name, files, checkpoint }) = guard::read(attempt) {
        let found = rescue::put_back(&files.iter().collect::<Vec<_>>(), attempt, checkpoint.as_deref());
        guard::tell(&name, &found.put_back, None);
        (precious, stage, written) = (found.precious, name, checkpoint);
    }
    let began = began(attempt);
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

/// A moment before which the stage of an attempt had not begun, by its note.
pub(crate) fn began(attempt: &Path) -> Option<SystemTime> {
    let noted = fs_err::metadata(attempt.join(PROCESS)).and_then(|meta| meta.modified()).ok()?;
    noted.checked_sub(LATE)
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

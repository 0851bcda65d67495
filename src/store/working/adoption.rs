//! Going on with an attempt of an engine that was killed, in the folder that it has: what carries it out knows no other.
//!
//! Whoever goes on with one keeps a file in it locked, so that nobody else does, and nobody clears it.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::digest::Key;
use crate::lock_file;
use crate::store::working::layout::{ADOPTER, OWNED};
use crate::store::working::note::{self, AttemptNote};
use crate::store::working::owner::{abandoned, attempts_of};
use crate::store::working::turn::turn;

/// How often, and how long apart, an engine's folder is tried again: somebody may just be looking whether it lives.
const PATIENCE: (u32, Duration) = (20, Duration::from_millis(5));

/// An attempt that was taken over.
#[derive(Debug)]
pub(crate) struct Adopted {
    pub(crate) attempt: PathBuf,
    pub(crate) note: AttemptNote,
    pub(crate) lock: File,
}

/// Takes over an attempt for a key that goes on without its engine, if there is one in another folder than one's own.
pub(crate) fn take(attempts: &Path, own: &Path, key: &Key) -> io::Result<Option<Adopted>> {
    for (engine, attempt, note) in noted(attempts, own, key)? {
        let _turn = turn(&attempts.with_file_name("locks"))?;
        let Some(_owner) = owner(&engine) else { continue };
        // Whoever had the turn before may have cleared it.
        if note::read(&attempt).as_ref() != Some(&note) {
            continue;
        }
        let lock = lock_file::open(&attempt.join(ADOPTER))?;
        if lock.try_lock().is_ok() {
            return Ok(Some(Adopted { attempt, note, lock }));
        }
    }
    Ok(None)
}

/// Attempts for a key that no process of this machine carries out, with their engines' folders.
fn noted(attempts: &Path, own: &Path, key: &Key) -> io::Result<Vec<(PathBuf, PathBuf, AttemptNote)>> {
    let others = all(attempts, &|engine| engine != own)?.into_iter();
    Ok(others.filter(|(_, _, note)| !note.is_here() && note.key == Some(*key)).collect())
}

/// The folders of runs, below that of all runs, into which attempts may still write their logs.
pub(crate) fn runs_with_logs(attempts: &Path) -> io::Result<BTreeSet<String>> {
    let run = |(_, _, note): (PathBuf, PathBuf, AttemptNote)| {
        let mut parts = note.log.strip_prefix("runs/v1/")?.split('/');
        parts.next().map(str::to_owned)
    };
    Ok(all(attempts, &|_| true)?.into_iter().filter_map(run).collect())
}

/// All attempts of some engines of which a note is there, with the engines' folders.
fn all(attempts: &Path, wanted: &dyn Fn(&Path) -> bool) -> io::Result<Vec<(PathBuf, PathBuf, AttemptNote)>> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir(attempts)? {
        let entry = entry?;
        let engine = entry.path();
        if !wanted(&engine) || !entry.file_name().to_string_lossy().starts_with(OWNED) {
            continue;
        }
        for attempt in attempts_of(&engine) {
            found.extend(note::read(&attempt).map(|note| (engine.clone(), attempt, note)));
        }
    }
    Ok(found)
}

/// The lock of the folder of an engine that is gone.
fn owner(engine: &Path) -> Option<File> {
    for _ in 0..PATIENCE.0 {
        match abandoned(engine) {
            Ok(owner) => return owner,
            Err(_) => std::thread::sleep(PATIENCE.1),
        }
    }
    None
}

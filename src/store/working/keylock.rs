//! Locks on keys between programs of one machine. The kernel lets go of them when their owner dies.
//!
//! A lock is a name of the file that its engine keeps locked, so taking one makes no file. Locks save work; that results
//! are right never rests on them.

use std::fs::TryLockError;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::digest::Key;
use crate::store::working::leftovers;
use crate::store::{Store, StoreError};

/// Locked by whoever removes locks of the dead.
const TURN: &str = ".removing";

/// A lock on a key; see [`Store::try_lock`].
#[derive(Debug)]
pub struct KeyLock(PathBuf);

impl Store {
    /// A lock that only one program holds for a key at a time, and that dies with it. None while another holds it.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn try_lock(&self, key: &Key) -> Result<Option<KeyLock>, StoreError> {
        let owner = self.workplace()?.owner();
        let locks = self.root().join("locks");
        let path = locks.join(key.to_string());
        loop {
            match fs_err::hard_link(&owner, &path) {
                Ok(()) => return Ok(Some(KeyLock(path))),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(StoreError::io("lock a key")(error)),
            }
            if !remove_if_dead(&locks, &path).map_err(StoreError::io("look at the lock of a key"))? {
                return Ok(None);
            }
            // A process that a dead engine was about to start held its lock until it had become the stage. Now it can be
            // told from others, and must end before its work is done again.
            leftovers::clear(&self.root().join("attempts"))?;
        }
    }
}

impl Drop for KeyLock {
    fn drop(&mut self) {
        let _ = fs_err::remove_file(&self.0);
    }
}

/// Removes the locks of the dead.
pub(crate) fn clear(locks: &Path) -> std::io::Result<()> {
    for entry in fs_err::read_dir(locks)? {
        let path = entry?.path();
        if path.file_name() != Some(std::ffi::OsStr::new(TURN)) {
            remove_if_dead(locks, &path)?;
        }
    }
    Ok(())
}

/// Removes a lock whose owner is dead; false if it lives.
fn remove_if_dead(locks: &Path, path: &Path) -> std::io::Result<bool> {
    // One at a time: else the name could be another's by the time it is removed.
    let turn = fs_err::File::options().create(true).truncate(false).write(true).open(locks.join(TURN))?;
    turn.file().lock()?;
    let owner = match fs_err::File::options().write(true).open(path) {
        Ok(owner) => owner,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error),
    };
    match owner.file().try_lock() {
        Ok(()) => fs_err::remove_file(path).map(|()| true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

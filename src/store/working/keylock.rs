//! Locks on keys between programs of one machine. The kernel lets go of them when their owner dies.
//!
//! A lock is a name of the file that its engine keeps locked, so taking one makes no file. Locks save work; that results
//! are right never rests on them.

use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::digest::Key;
use crate::lock_file;
use crate::store::error::StoreError;
use crate::store::working::leftovers;
use crate::store::working::turn::{TURN, turn};

/// A lock on a key; see [`Runs::try_lock`](crate::store::Runs::try_lock).
#[derive(Debug)]
pub struct KeyLock {
    path: PathBuf,
    /// The file itself, where it is not the engine's own.
    _file: Option<File>,
}

/// A lock that only one program holds for a key at a time, and that dies with it. None while another holds it.
/// `owner` is the file that this engine keeps locked; what another one's stages may have taken of a person's goes to `kept`.
pub(crate) fn try_lock(root: &Path, kept: &Path, owner: &Path, key: &Key) -> Result<Option<KeyLock>, StoreError> {
    lock_by((root, kept), key, &|path| fs_err::hard_link(owner, path))
}

fn lock_by(
    (root, kept): (&Path, &Path),
    key: &Key,
    link: &dyn Fn(&Path) -> io::Result<()>,
) -> Result<Option<KeyLock>, StoreError> {
    let locks = root.join("locks");
    let path = locks.join(key.to_string());
    loop {
        match link(&path) {
            Ok(()) => return Ok(Some(KeyLock { path, _file: None })),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) if lacks_links(&error) => {
                let file = file_of_its_own(&locks, &path).map_err(StoreError::io("lock a key"))?;
                if file.is_some() {
                    return Ok(Some(KeyLock { path, _file: file }));
                }
            }
            Err(error) => return Err(StoreError::io("lock a key")(error)),
        }
        if !remove_if_dead(&locks, &path).map_err(StoreError::io("look at the lock of a key"))? {
            return Ok(None);
        }
        // A process that a dead engine was about to start held its lock until it had become the stage. Now it can be
        // told from others, and must end before its work is done again.
        leftovers::clear(&root.join("attempts"), kept, &leftovers::here)?;
    }
}

impl Drop for KeyLock {
    fn drop(&mut self) {
        let _ = fs_err::remove_file(&self.path);
    }
}

/// Whether a file system refused a link because it has none, or none between folders, or not so many.
fn lacks_links(error: &io::Error) -> bool {
    use ErrorKind::{CrossesDevices, PermissionDenied, TooManyLinks, Unsupported};
    matches!(error.kind(), PermissionDenied | Unsupported | CrossesDevices | TooManyLinks)
}

/// A lock for where there are no links; none if the name is taken.
fn file_of_its_own(locks: &Path, path: &Path) -> io::Result<Option<File>> {
    // Whoever finds it must find it locked.
    let _turn = turn(locks)?;
    if fs_err::symlink_metadata(path).is_ok() {
        return Ok(None);
    }
    let file = lock_file::open(path)?;
    file.lock().map(|()| Some(file))
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
    let _turn = turn(locks)?;
    let owner = match lock_file::open_existing(path) {
        Ok(owner) => owner,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error),
    };
    match owner.try_lock() {
        Ok(()) => fs_err::remove_file(path).map(|()| true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::store::{Store, StoreOptions};

    #[test]
    fn locks_of_the_dead_go_also_when_nothing_else_is_left_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Store::open(&StoreOptions { local: folder.path().into(), remote: None }).unwrap();
        let (one, two) = (open(), open());
        let [dead, live] = ["1", "2"].map(|text| Key::of_document(text.as_bytes()));
        let path = |key: &Key| one.root().join("locks").join(key.to_string());
        fs_err::write(path(&dead), "").unwrap();
        let lock = one.runs().try_lock(&live).unwrap().unwrap();
        assert_eq!(two.maintenance().clear_leftovers().unwrap(), 0, "no folder was left");
        assert!(!path(&dead).exists() && path(&live).exists());
        drop(lock);
    }

    #[test]
    fn a_file_system_without_links_has_locks_too() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Store::open(&StoreOptions { local: folder.path().into(), remote: None }).unwrap();
        let (one, two, key) = (open(), open(), Key::of_document(b"1"));
        for kind in [ErrorKind::PermissionDenied, ErrorKind::Unsupported, ErrorKind::CrossesDevices] {
            let without =
                |store: &Store| lock_by((&store.tiers.root, &store.tiers.kept), &key, &|_| Err(kind.into())).unwrap();
            let lock = without(&one).unwrap();
            assert!(without(&one).is_none() && without(&two).is_none() && two.runs().try_lock(&key).unwrap().is_none());
            drop(lock);
            let lock = two.runs().try_lock(&key).unwrap().unwrap();
            assert!(without(&one).is_none(), "a lock by a link counts as well");
            drop(lock);
            // What a dead program left is in nobody's way.
            fs_err::write(one.root().join("locks").join(key.to_string()), "").unwrap();
            assert!(without(&two).is_some());
            assert_eq!(fs_err::read_dir(one.root().join("locks")).unwrap().count(), 1, "only whose turn it is");
        }
        let refused = lock_by((&one.tiers.root, &one.tiers.kept), &key, &|_| Err(ErrorKind::StorageFull.into()))
            .unwrap_err()
            .to_string();
        assert!(refused.contains("cannot lock a key") && refused.contains("make room"), "{refused}");
    }
}

//! Locks on keys between programs of one machine. The kernel lets go of them when their owner dies.
//!
//! They save work; that results are right never rests on them.

use std::path::{Path, PathBuf};

use crate::digest::Key;
use crate::store::{Store, StoreError};

impl Store {
    /// A lock that only one program holds for a key at a time, and that dies with it. None while another holds it.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn try_lock(&self, key: &Key) -> Result<Option<KeyLock>, StoreError> {
        let doing = StoreError::io("lock a key");
        let path = self.root.join("locks").join(key.to_string());
        loop {
            let open = fs_err::File::options().create(true).truncate(false).write(true).open(&path);
            let file = open.map_err(&doing)?.into_file();
            match file.try_lock() {
                // Whoever had the lock before removed the file's name, so another file may stand under it by now.
                Ok(()) if !is_still(&file, &path) => {}
                Ok(()) => return Ok(Some(KeyLock { path, _file: file })),
                Err(std::fs::TryLockError::WouldBlock) => return Ok(None),
                Err(std::fs::TryLockError::Error(error)) => return Err(doing(error)),
            }
        }
    }
}

impl Store {
    /// Removes locks that nobody holds: their owners were killed. They hinder nobody, but would grow in number.
    pub(crate) fn clear_locks(&self) -> Result<(), StoreError> {
        let doing = StoreError::io("look for leftovers");
        for entry in fs_err::read_dir(self.root.join("locks")).map_err(&doing)? {
            let name = entry.map_err(&doing)?.file_name();
            if let Ok(key) = name.to_string_lossy().parse() {
                // Its name goes when it is let go of.
                drop(self.try_lock(&key));
            }
        }
        Ok(())
    }
}

/// A lock on a key; see [`Store::try_lock`].
#[derive(Debug)]
pub struct KeyLock {
    path: PathBuf,
    _file: std::fs::File,
}

impl Drop for KeyLock {
    fn drop(&mut self) {
        // It is locked still, so nobody else can have taken it for theirs.
        let _ = fs_err::remove_file(&self.path);
    }
}

/// Whether a path still names an open file.
fn is_still(file: &std::fs::File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let (Ok(open), Ok(named)) = (file.metadata(), fs_err::metadata(path)) else { return false };
    (open.dev(), open.ino()) == (named.dev(), named.ino())
}

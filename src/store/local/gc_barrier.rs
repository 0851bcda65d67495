//! The lock between those who rely on what is in a store and those who remove from it.
//!
//! Whoever finds content or a result and notes that it is needed holds the lock together with others, for as long as
//! that takes; whoever removes holds it alone, for a few files at a time. Since many who hold it one after the other
//! would keep that one waiting for ever, there is a turnstile before it, which that one closes while it waits. The
//! kernel lets go of both when their owner dies.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crate::lock_file;
use crate::mutex::lock;

/// The lock of one store, as one program sees it.
#[derive(Debug)]
pub(crate) struct GcBarrier {
    path: PathBuf,
    turnstile: PathBuf,
    inside: Mutex<Inside>,
}

/// Threads of this program share one hold: a lock belongs to an open file.
#[derive(Debug, Default)]
struct Inside {
    users: usize,
    files: Option<(File, File)>,
}

impl GcBarrier {
    pub(crate) fn new(root: &Path) -> Self {
        GcBarrier { path: root.join("sweep.lock"), turnstile: root.join("turn.lock"), inside: Mutex::default() }
    }

    /// Until this is dropped, nothing is removed from the store.
    pub(crate) fn hold(&self) -> io::Result<Hold<'_>> {
        let mut inside = lock(&self.inside);
        if inside.users == 0 {
            let (turnstile, file) = match inside.files.take() {
                Some(files) => files,
                None => (lock_file::open(&self.turnstile)?, lock_file::open(&self.path)?),
            };
            turnstile.lock_shared()?;
            turnstile.unlock()?;
            file.lock_shared()?;
            inside.files = Some((turnstile, file));
        }
        inside.users += 1;
        Ok(Hold(self))
    }

    /// Until this is dropped, nobody else relies on anything anew. A thread that holds the lock must not ask for this.
    pub(crate) fn alone(&self) -> io::Result<File> {
        let (turnstile, file) = (lock_file::open(&self.turnstile)?, lock_file::open(&self.path)?);
        turnstile.lock()?;
        file.lock()?;
        Ok(file)
    }
}

/// Keeps others from removing anything; see [`Runs::hold`](crate::store::Runs::hold).
#[derive(Debug)]
pub struct Hold<'a>(&'a GcBarrier);

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        let mut inside = lock(&self.0.inside);
        inside.users -= 1;
        if inside.users == 0
            && let Some((_, file)) = &inside.files
            && file.unlock().is_err()
        {
            // Closing the file lets go of the lock in any case.
            inside.files = None;
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn many_hold_it_together_and_one_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (GcBarrier::new(folder.path()), GcBarrier::new(folder.path()));
        let busy = || lock_file::open(&one.path).unwrap().try_lock().is_err();
        let holds = (one.hold().unwrap(), one.hold().unwrap(), other.hold().unwrap());
        assert!(busy());
        drop(holds.0);
        drop(holds.2);
        assert!(busy(), "another thread still holds it");
        drop(holds.1);
        assert!(!busy());
        let alone = one.alone().unwrap();
        assert!(lock_file::open(&other.path).unwrap().try_lock_shared().is_err());
        drop(alone);
        drop(other.hold().unwrap());
    }
}

//! What only one program of this machine may have at a time: the quiet to measure in, and each GPU.
//!
//! The locks are the kernel's and die with their owner. They lie where all users look, so one user's lock is another's
//! too.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::gpus::Gpus;
use crate::store::StoreError;

use super::worker::{Assignment, Failure};

impl Assignment<'_> {
    /// The locks of the GPUs that are this stage's.
    pub(super) fn own_gpus(&self) -> Result<Vec<File>, Failure> {
        let mut own = self.reservation.share.gpus.clone();
        // In one order, so that two runs which need several never wait for each other.
        own.sort_unstable();
        let path = |position: &u32| lock_path(self.context.locks, self.context.gpus, *position);
        let name = |position: &u32| self.context.gpus.name(*position);
        own.iter().map(|gpu| self.wait_for(&path(gpu), &format!("another run, which uses GPU {}", name(gpu)))).collect()
    }

    /// Waits for a lock of this machine, and says so.
    pub(super) fn wait_for(&self, path: &Path, whom: &str) -> Result<File, Failure> {
        let doing = StoreError::io("lock what only one may use");
        let file = open(path).map_err(&doing)?;
        let mut said = false;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::Error(error)) => return Err(doing(error).into()),
                Err(TryLockError::WouldBlock) if self.context.stop.asked() => return Err(Failure::Stopped),
                Err(TryLockError::WouldBlock) => {}
            }
            if !std::mem::replace(&mut said, true) {
                self.waits_for(whom.to_owned());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

fn lock_path(locks: &Path, gpus: &Gpus, position: u32) -> PathBuf {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    locks.join(format!("nnf-gpu-{}.lock", gpus.name(position).chars().map(plain).collect::<String>()))
}

/// To lock a file one need not write to it, and one that another user made can only be read.
fn open(path: &Path) -> io::Result<File> {
    match fs_err::File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs_err::File::options().create(true).truncate(false).write(true).open(path).map(fs_err::File::into_file)
        }
        opened => opened.map(fs_err::File::into_file),
    }
}

//! What only one program of this machine may have at a time: the quiet to measure in, and each GPU.
//!
//! The locks are the kernel's and die with their owner. They lie where all users look, so one user's lock is another's
//! too.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::executor::{ExecutorError, Stop, Watcher};
use crate::gpus::Gpus;
use crate::lock_file;

/// How often a lock is tried.
const PAUSE: Duration = Duration::from_millis(100);

/// The locks of one folder.
#[derive(Debug)]
pub(crate) struct MachineLocks {
    folder: PathBuf,
}

impl MachineLocks {
    pub(crate) fn new(folder: PathBuf) -> Self {
        MachineLocks { folder }
    }

    /// The locks of a stage, or none if it is to stop before it has them.
    pub(crate) fn take(
        &self,
        (gpus, own): (&Gpus, &[u32]),
        alone: bool,
        stop: &Stop,
        watcher: &mut dyn Watcher,
    ) -> Result<Option<Vec<File>>, ExecutorError> {
        let mut own = own.to_vec();
        // In one order, so that two runs which need several never wait for each other.
        own.sort_unstable();
        let gpu =
            |position| (self.of_gpu(gpus, position), format!("another run, which uses GPU {}", gpus.name(position)));
        let measuring =
            || (self.folder.join("nnf-measuring.lock"), "another run, which measures this machine".to_owned());
        let wanted: Vec<(PathBuf, String)> = own.into_iter().map(gpu).chain(alone.then(measuring)).collect();
        let (mut taken, mut said) = (Vec::new(), false);
        for (path, whom) in wanted {
            match wait_for(&path, &whom, stop, watcher, &mut said)? {
                Some(lock) => taken.push(lock),
                None => return Ok(None),
            }
        }
        if said {
            watcher.waited();
        }
        Ok(Some(taken))
    }

    /// Whether no other run uses a GPU just now.
    pub(crate) fn is_free(&self, gpus: &Gpus, position: u32) -> bool {
        lock_file::open(&self.of_gpu(gpus, position)).is_ok_and(|file| file.try_lock().is_ok())
    }

    fn of_gpu(&self, gpus: &Gpus, position: u32) -> PathBuf {
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
        self.folder.join(format!("nnf-gpu-{}.lock", gpus.name(position).chars().map(plain).collect::<String>()))
    }
}

/// Waits for a lock, and says so.
fn wait_for(
    path: &Path,
    whom: &str,
    stop: &Stop,
    watcher: &mut dyn Watcher,
    said: &mut bool,
) -> Result<Option<File>, ExecutorError> {
    let fault =
        |error: io::Error| ExecutorError::File { file: format!("the lock {}", path.display()), why: error.to_string() };
    let file = lock_file::open(path).map_err(fault)?;
    let mut told = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::Error(error)) => return Err(fault(error)),
            Err(TryLockError::WouldBlock) if stop.asked() => return Ok(None),
            Err(TryLockError::WouldBlock) => {}
        }
        if !std::mem::replace(&mut told, true) {
            *said = true;
            watcher.waits(whom);
        }
        std::thread::sleep(PAUSE);
    }
}

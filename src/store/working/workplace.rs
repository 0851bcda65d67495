//! Where the stages of one engine work: a folder for each attempt, with inputs, outputs and scratch.
//!
//! It does not start anything. All lies in one folder whose `owner` file the engine keeps locked; `leftovers` finds the
//! folders of engines that were killed by it. A file system takes its time over making and removing files, so a folder
//! that a stage left clean gets a new name and serves again.

use std::fs::{File, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use crate::processes::identity;
use crate::store::working::leftovers::make_removable;
use crate::store::{StoreError, lock};

/// Names of folders that have an owner, and of those whose owner is about to lock them.
pub(crate) const OWNED: &str = "r-";
pub(crate) const NEW: &str = "new-";
/// The file that the engine keeps locked.
pub(crate) const OWNER: &str = "owner";
/// The file in an attempt's folder that names its process.
pub(crate) const PROCESS: &str = "process";

const PARTS: [&str; 3] = ["in", "out", "scratch"];
const MODE: u32 = 0o755;

/// The folder of one engine; removed when dropped.
#[derive(Debug)]
pub(crate) struct Workplace {
    folder: PathBuf,
    _lock: File,
    /// Clean folders of attempts that are over.
    spare: Mutex<Vec<PathBuf>>,
    count: AtomicU64,
}

impl Workplace {
    pub(crate) fn new(attempts: &Path) -> Result<Self, StoreError> {
        let doing = StoreError::io("make a folder for stages");
        let new = tempfile::Builder::new().prefix(NEW).tempdir_in(attempts).map_err(&doing)?;
        let lock = fs_err::File::create(new.path().join(OWNER)).map_err(&doing)?.into_file();
        lock.lock().map_err(&doing)?;
        // Only now may others see it: a folder without a locked owner counts as left over.
        let name = new.path().file_name().unwrap_or_default().to_string_lossy();
        let folder = attempts.join(name.replacen(NEW, OWNED, 1));
        fs_err::rename(new.path(), &folder).map_err(&doing)?;
        let _ = new.keep();
        Ok(Workplace { folder, _lock: lock, spare: Mutex::default(), count: AtomicU64::new(0) })
    }

    /// The file that is locked while this engine lives.
    pub(crate) fn owner(&self) -> PathBuf {
        self.folder.join(OWNER)
    }

    /// A folder for one attempt, under a name that none had before.
    pub(crate) fn attempt(self: &Arc<Self>) -> Result<AttemptFolder, StoreError> {
        let doing = StoreError::io("make a folder for a stage");
        let path = self.folder.join(self.count.fetch_add(1, Ordering::Relaxed).to_string());
        let spare = lock(&self.spare).pop();
        match spare {
            Some(spare) => fs_err::rename(spare, &path).map_err(doing)?,
            None => {
                for folder in std::iter::once(path.clone()).chain(PARTS.iter().map(|part| path.join(part))) {
                    fs_err::create_dir(&folder).map_err(&doing)?;
                    fs_err::set_permissions(&folder, Permissions::from_mode(MODE)).map_err(&doing)?;
                }
            }
        }
        Ok(AttemptFolder { path, workplace: Arc::clone(self) })
    }
}

impl Drop for Workplace {
    fn drop(&mut self) {
        remove(&self.folder);
    }
}

/// The folder of one attempt; emptied or removed when dropped.
#[derive(Debug)]
pub struct AttemptFolder {
    path: PathBuf,
    workplace: Arc<Workplace>,
}

impl AttemptFolder {
    /// The folder itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where inputs are put.
    #[must_use]
    pub fn inputs(&self) -> PathBuf {
        self.path.join("in")
    }

    /// Where outputs are written.
    #[must_use]
    pub fn outputs(&self) -> PathBuf {
        self.path.join("out")
    }

    /// For temporary files, and what programs keep at home.
    #[must_use]
    pub fn scratch(&self) -> PathBuf {
        self.path.join("scratch")
    }

    /// Notes the process group of the stage, so that it can be ended if the engine is killed.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn note_process(&self, id: u32) -> Result<(), StoreError> {
        let doing = StoreError::io("note a stage's process");
        // Of one length, so that the note of the folder's last attempt is overwritten in place.
        let text = format!("{:<79}\n", format!("{id} {}", identity::start_time(id).unwrap_or_default()));
        let note = self.path.join(PROCESS);
        let file = fs_err::File::options().create(true).truncate(false).write(true).open(note);
        file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(doing)
    }

    /// Empties the folder, if the stage left it such that nothing of it can reach the next attempt.
    fn is_clean(&self) -> std::io::Result<bool> {
        for name in ["events.jsonl", "task.json", "bounds.json", "cancel"] {
            match fs_err::remove_file(self.path.join(name)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        for part in PARTS {
            let folder = self.path.join(part);
            let meta = fs_err::symlink_metadata(&folder)?;
            if !meta.is_dir() || meta.permissions().mode() & 0o7777 != MODE {
                return Ok(false);
            }
            for entry in fs_err::read_dir(&folder)? {
                if part != "in" {
                    return Ok(false);
                }
                fs_err::remove_file(entry?.path())?;
            }
        }
        // Nothing else: what a stage writes beside its folders is not to be found by the next one.
        let expected = PARTS.iter().chain(&[PROCESS]);
        let names: Vec<_> = fs_err::read_dir(&self.path)?.map(|entry| entry.map(|entry| entry.file_name())).collect();
        Ok(names.len() <= expected.clone().count()
            && names.iter().all(|name| name.as_ref().is_ok_and(|name| expected.clone().any(|known| name == known))))
    }
}

impl Drop for AttemptFolder {
    fn drop(&mut self) {
        if self.is_clean().is_ok_and(|clean| clean) {
            lock(&self.workplace.spare).push(self.path.clone());
        } else {
            remove(&self.path);
        }
    }
}

/// Removes a folder with all that is in it, whatever a stage has made of it.
fn remove(folder: &Path) {
    let removed = fs_err::remove_dir_all(folder).or_else(|_| {
        make_removable(folder);
        fs_err::remove_dir_all(folder)
    });
    if let Err(error) = removed {
        tracing::warn!("the folder of a stage could not be removed: {error}");
    }
}

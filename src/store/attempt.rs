//! The folder of one attempt of a stage: inputs, outputs, scratch, and a note by which leftovers are found.
//!
//! It does not start anything. The folder is locked by the engine that owns it, so a folder whose lock is free belonged
//! to an engine that was killed.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::store::StoreError;

/// The folder of one attempt; removed when dropped.
#[derive(Debug)]
pub struct AttemptFolder {
    path: PathBuf,
    _lock: File,
}

/// Names of folders that have an owner, and of those whose owner is about to lock them.
const OWNED: &str = "a-";
const NEW: &str = "new-";
/// Age at which a folder that never got its owner's lock is taken to be left over.
pub(crate) const ABANDONED: Duration = Duration::from_secs(3600);

impl AttemptFolder {
    pub(crate) fn new(attempts: &Path) -> Result<Self, StoreError> {
        let doing = StoreError::io("make a folder for a stage");
        let folder = tempfile::Builder::new().prefix(NEW).tempdir_in(attempts).map_err(&doing)?;
        for part in ["in", "out", "scratch"] {
            fs_err::create_dir(folder.path().join(part)).map_err(&doing)?;
        }
        let lock = fs_err::File::create(folder.path().join("owner")).map_err(&doing)?.into_file();
        lock.lock().map_err(&doing)?;
        // Only now may others see it as an attempt: one without a locked owner counts as left over.
        let name = folder.path().file_name().unwrap_or_default().to_string_lossy();
        let path = attempts.join(name.replacen(NEW, OWNED, 1));
        fs_err::rename(folder.path(), &path).map_err(&doing)?;
        let _ = folder.keep();
        Ok(AttemptFolder { path, _lock: lock })
    }

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
        let text = format!("{id} {}\n", start_time(id).unwrap_or_default());
        fs_err::write(self.path.join("process"), text).map_err(StoreError::io("note a stage's process"))
    }
}

impl Drop for AttemptFolder {
    fn drop(&mut self) {
        make_removable(&self.path);
        if let Err(error) = fs_err::remove_dir_all(&self.path) {
            tracing::warn!("the folder of a stage could not be removed: {error}");
        }
    }
}

/// A stage may have taken its own folders' permission to be written.
pub(crate) fn make_removable(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let Ok(meta) = fs_err::symlink_metadata(path) else { return };
    if !meta.is_dir() {
        return;
    }
    if meta.permissions().mode() & 0o700 != 0o700 {
        let _ = fs_err::set_permissions(path, std::fs::Permissions::from_mode(0o700));
    }
    for entry in fs_err::read_dir(path).into_iter().flatten().flatten() {
        make_removable(&entry.path());
    }
}

/// Ends the processes of attempts whose engine is gone, and removes their folders.
pub(crate) fn clear_leftovers(attempts: &Path) -> Result<usize, StoreError> {
    let doing = StoreError::io("look for leftovers");
    let mut cleared = 0;
    for entry in fs_err::read_dir(attempts).map_err(&doing)? {
        let path = entry.map_err(&doing)?.path();
        if !is_left_over(&path) {
            continue;
        }
        end_leftover(&path);
        make_removable(&path);
        if fs_err::remove_dir_all(&path).is_ok() {
            cleared += 1;
        }
    }
    Ok(cleared)
}

/// Whether the engine that made an attempt's folder is gone.
pub(crate) fn is_left_over(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if name.starts_with(NEW) {
        let age = fs_err::metadata(path).and_then(|meta| meta.modified()).map(|time| time.elapsed());
        return age.is_ok_and(|age| age.is_ok_and(|age| age > ABANDONED));
    }
    let Ok(lock) = fs_err::File::options().write(true).open(path.join("owner")) else { return false };
    name.starts_with(OWNED) && !matches!(lock.file().try_lock(), Err(TryLockError::WouldBlock | TryLockError::Error(_)))
}

/// Kills the process group that an attempt noted, if its leader is still the same process.
fn end_leftover(path: &Path) {
    let Ok(text) = fs_err::read_to_string(path.join("process")) else { return };
    let mut words = text.split_whitespace();
    let Some(id) = words.next().and_then(|id| id.parse::<u32>().ok()) else { return };
    let started = words.next().unwrap_or_default();
    let same = !started.is_empty() && start_time(id).as_deref() == Some(started);
    if same
        && let Some(group) = i32::try_from(id).ok().and_then(rustix::process::Pid::from_raw)
        && rustix::process::kill_process_group(group, rustix::process::Signal::KILL).is_ok()
    {
        tracing::warn!("process {id}, left by a killed run, was ended");
    }
}

/// When a process began, in a form that two processes of the same id do not share.
fn start_time(id: u32) -> Option<String> {
    #[cfg(target_os = "linux")]
    {
        let text = fs_err::read_to_string(format!("/proc/{id}/stat")).ok()?;
        // The name in parentheses may hold spaces; the start time is the 20th field after it.
        let (_, rest) = text.rsplit_once(')')?;
        rest.split_whitespace().nth(19).map(str::to_owned)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let output =
            std::process::Command::new("/bin/ps").args(["-o", "lstart=", "-p", &id.to_string()]).output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout).trim().replace(' ', "_");
        (!text.is_empty()).then_some(text)
    }
}

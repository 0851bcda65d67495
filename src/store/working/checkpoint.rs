//! Checkpoint folders: what a stage that was stopped goes on from. One for each key, kept until its record is written.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::digest::Key;
use crate::lock_file;
use crate::store::StoreError;
use crate::store::local::writing::write_atomically;

/// The file that lists the keys whose results the stage reads, one a line.
const NEEDS: &str = "needs";

/// The keys of what the stage of a checkpoint reads.
pub(crate) fn needs(folder: &Path) -> Vec<Key> {
    let text = fs_err::read_to_string(folder.join(NEEDS)).unwrap_or_default();
    text.lines().filter_map(|line| line.parse().ok()).collect()
}

/// An open checkpoint folder. No other engine has it at the same time.
#[derive(Debug)]
pub struct Checkpoint {
    folder: PathBuf,
    _lock: File,
}

#[derive(Default, Serialize, Deserialize)]
struct Spent {
    seconds: f64,
}

impl Checkpoint {
    pub(crate) fn open(root: &Path, key: &Key) -> Result<Self, StoreError> {
        let doing = StoreError::io("open a checkpoint");
        let folder = root.join(key.to_string());
        fs_err::create_dir_all(folder.join("data")).map_err(&doing)?;
        let lock = lock_file::open(&folder.join("lock")).map_err(&doing)?;
        lock.lock().map_err(&doing)?;
        // Its time tells when the checkpoint was opened last.
        lock.set_len(0).map_err(&doing)?;
        // Whoever had it before may have removed it meanwhile.
        fs_err::create_dir_all(folder.join("data")).map_err(&doing)?;
        Ok(Checkpoint { folder, _lock: lock })
    }

    /// Removes what stages of killed programs left although their records were written. `try_lock` keeps others off a
    /// key, `recorded` is the time of its record.
    pub(crate) fn clear_finished<L>(
        root: &Path,
        try_lock: impl Fn(&Key) -> Result<Option<L>, StoreError>,
        recorded: impl Fn(&Key) -> Option<SystemTime>,
    ) -> Result<(), StoreError> {
        let doing = StoreError::io("look for leftovers");
        for entry in fs_err::read_dir(root).map_err(&doing)? {
            let folder = entry.map_err(&doing)?.path();
            let name = folder.file_name().unwrap_or_default().to_string_lossy();
            let Ok(key) = name.parse::<Key>() else { continue };
            let Some(recorded) = recorded(&key) else { continue };
            let Some(_lock) = try_lock(&key)? else { continue };
            // One that was opened after the record was written belongs to a stage that was forced to run again. One
            // without its lock was about to be removed.
            let opened = fs_err::metadata(folder.join("lock")).and_then(|meta| meta.modified());
            if opened.map_or(true, |opened| opened <= recorded) {
                fs_err::remove_dir_all(&folder).map_err(&doing)?;
            }
        }
        Ok(())
    }

    /// The stage's own folder.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Seconds of work that earlier attempts put into what is kept here.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        let text = fs_err::read(self.folder.join("spent.json")).unwrap_or_default();
        serde_json::from_slice::<Spent>(&text).map_or(0.0, |spent| spent.seconds.max(0.0))
    }

    /// Adds the seconds of an attempt that did not finish.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn add_seconds(&self, seconds: f64) -> Result<(), StoreError> {
        fs_err::create_dir_all(&self.folder).map_err(StoreError::io("keep a checkpoint"))?;
        let text = serde_json::to_vec(&Spent { seconds: self.seconds() + seconds }).unwrap_or_default();
        write_atomically(&self.folder.join("spent.json"), &text).map_err(StoreError::io("keep a checkpoint"))
    }

    /// Notes what the stage reads, so that it is there when the stage goes on.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn note_needs<'a>(&self, keys: impl IntoIterator<Item = &'a Key>) -> Result<(), StoreError> {
        let text: String = keys.into_iter().map(|key| format!("{key}\n")).collect();
        write_atomically(&self.folder.join(NEEDS), text.as_bytes()).map_err(StoreError::io("keep a checkpoint"))
    }

    /// Forgets what is kept here.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn clear(&self) -> Result<(), StoreError> {
        let doing = StoreError::io("clear a checkpoint");
        removed(fs_err::remove_dir_all(self.data())).map_err(&doing)?;
        let _ = fs_err::remove_file(self.folder.join("spent.json"));
        fs_err::create_dir_all(self.data()).map_err(doing)
    }

    /// Removes the folder, once the record is written.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn remove(self) -> Result<(), StoreError> {
        removed(fs_err::remove_dir_all(&self.folder)).map_err(StoreError::io("remove a checkpoint"))
    }
}

/// A stage may have removed its checkpoint itself.
fn removed(done: std::io::Result<()>) -> std::io::Result<()> {
    done.or_else(|error| if error.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

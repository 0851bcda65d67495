//! Where the stages of one engine work: a folder for each attempt, with inputs, outputs and scratch.
//!
//! All lies in one folder whose `owner` file the engine keeps locked; `leftovers` finds the folders of engines that were
//! killed by it. A file system takes its time over making and removing files, so a folder that a stage left clean gets a
//! new name and serves again. One that may hold what is nowhere else is never removed, but kept for the person.

use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use crate::lock_file;
use crate::mutex::lock;
use crate::store::StoreError;
use crate::store::local::files::FileInput;
use crate::store::local::inventory;
use crate::store::working::adoption::Adopted;
use crate::store::working::guard::{self, Guard};
use crate::store::working::layout::{NEW, OWNED, OWNER, PARTS, PROCESS};
use crate::store::working::note::{self, AttemptNote};
use crate::store::working::{leftovers, removal, rescue};

const MODE: u32 = 0o755;

/// The folder of one engine; removed when dropped.
#[derive(Debug)]
pub(crate) struct Workplace {
    folder: PathBuf,
    /// Where folders go that may hold what is nowhere else.
    kept: PathBuf,
    /// Whether one of them could not go there, so that nothing may be removed.
    blocked: AtomicBool,
    _lock: File,
    /// Clean folders of attempts that are over, and whether a note of what one's stage read in place lies there still.
    spare: Mutex<Vec<(PathBuf, bool)>>,
    count: AtomicU64,
}

impl Workplace {
    pub(crate) fn new(attempts: &Path, kept: PathBuf) -> Result<Self, StoreError> {
        let doing = StoreError::io("make a folder for stages");
        let new = tempfile::Builder::new().prefix(NEW).tempdir_in(attempts).map_err(&doing)?;
        let lock = lock_file::open(&new.path().join(OWNER)).map_err(&doing)?;
        lock.lock().map_err(&doing)?;
        // Only now may others see it: a folder without a locked owner counts as left over.
        let name = new.path().file_name().unwrap_or_default().to_string_lossy();
        let folder = attempts.join(name.replacen(NEW, OWNED, 1));
        fs_err::rename(new.path(), &folder).map_err(&doing)?;
        let _ = new.keep();
        let (blocked, spare, count) = (AtomicBool::default(), Mutex::default(), AtomicU64::new(0));
        Ok(Workplace { folder, kept, blocked, _lock: lock, spare, count })
    }

    /// The folder itself.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
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
        let noted = spare.as_ref().is_some_and(|(_, noted)| *noted);
        match spare {
            Some((spare, _)) => fs_err::rename(spare, &path).map_err(doing)?,
            None => {
                for folder in std::iter::once(path.clone()).chain(PARTS.iter().map(|part| path.join(part))) {
                    fs_err::create_dir(&folder).map_err(&doing)?;
                    fs_err::set_permissions(&folder, Permissions::from_mode(MODE)).map_err(&doing)?;
                }
            }
        }
        // By the clock of the file system, since a file is compared with it.
        let began = fs_err::symlink_metadata(&path).map_err(StoreError::io("look at a folder for a stage"))?;
        let began = inventory::changed(&began);
        Ok(AttemptFolder {
            path,
            began,
            guarded: AtomicBool::default(),
            noted: AtomicBool::new(noted),
            elsewhere: AtomicBool::default(),
            stays: AtomicBool::default(),
            adopted: None,
            workplace: Arc::clone(self),
        })
    }

    /// The folder of an attempt that was taken over. It stays where it is.
    pub(crate) fn adopt(self: &Arc<Self>, found: Adopted) -> AttemptFolder {
        let Adopted { attempt: path, lock, .. } = found;
        AttemptFolder {
            began: leftovers::began(&path).unwrap_or(SystemTime::UNIX_EPOCH),
            path,
            guarded: AtomicBool::new(true),
            noted: AtomicBool::new(true),
            elsewhere: AtomicBool::new(true),
            stays: AtomicBool::default(),
            adopted: Some(lock),
            workplace: Arc::clone(self),
        }
    }

    /// Keeps a folder for the person instead of removing it.
    fn keep(&self, folder: &Path, name: &str, checkpoint: Option<&Path>) -> io::Result<PathBuf> {
        guard::keep(folder, &self.kept, name, checkpoint).inspect_err(|error| {
            self.blocked.store(true, Ordering::SeqCst);
            tracing::warn!("{} may hold what is nowhere else, and stays where it is: {error}", folder.display());
        })
    }
}

impl Drop for Workplace {
    fn drop(&mut self) {
        if !self.blocked.load(Ordering::SeqCst) {
            remove(&self.folder);
        }
    }
}

/// The folder of one attempt; emptied or removed when dropped.
#[derive(Debug)]
pub struct AttemptFolder {
    path: PathBuf,
    began: SystemTime,
    /// Whether a note says whose files the stage reads in place, and nobody made sure yet that they are there still.
    guarded: AtomicBool,
    /// Whether that note, or one of the folder's last attempt, is there.
    noted: AtomicBool,
    /// Whether a note says that it is not a process of this machine which carries it out.
    elsewhere: AtomicBool,
    /// Whether nothing of it is to be touched any more.
    stays: AtomicBool,
    /// Kept locked, if the attempt was begun by an engine that was killed.
    adopted: Option<File>,
    workplace: Arc<Workplace>,
}

/// What became of a person's files that a stage had taken away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rescued {
    /// What was put back.
    pub put_back: Vec<PathBuf>,
    /// Where all that the stage left is kept, because it may be the only copy of something.
    pub kept: Option<PathBuf>,
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

    /// The file to which it appends events.
    #[must_use]
    pub fn events(&self) -> PathBuf {
        self.path.join("events.jsonl")
    }

    /// Leaves the folder as it is, with all that is noted of it, for a later run to look after.
    pub fn leave(self) {
        self.stays.store(true, Ordering::SeqCst);
    }

    /// Names of what the stage left in its output folder.
    ///
    /// # Errors
    /// When the stage removed that folder, or put something else in its place; and when the disk fails.
    pub fn left(&self) -> Result<Vec<String>, StoreError> {
        let folder = self.outputs();
        let spoilt = |what: &str| {
            let why = format!("the stage {what}; its outputs are written into it, and the folder itself stays");
            StoreError::unfit(folder.display().to_string(), why)
        };
        let meta = match fs_err::symlink_metadata(&folder) {
            Ok(meta) if meta.is_dir() => meta,
            Ok(meta) if meta.is_symlink() => return Err(spoilt("put a link in the place of its output folder")),
            Ok(_) => return Err(spoilt("put a file in the place of its output folder")),
            Err(_) => return Err(spoilt("removed its output folder")),
        };
        // What it may not read, it can give back to itself.
        let mode = meta.permissions().mode();
        if mode & 0o700 != 0o700 {
            let _ = fs_err::set_permissions(&folder, Permissions::from_mode(mode & 0o7777 | 0o700));
        }
        let listed = fs_err::read_dir(&folder)
            .map_err(|error| spoilt(&format!("made its output folder unreadable ({error})")))?;
        let doing = StoreError::io("look at the outputs");
        listed.map(|entry| Ok(entry.map_err(&doing)?.file_name().to_string_lossy().into_owned())).collect()
    }

    /// Notes what the stage, which is about to start, reads in place: whatever becomes of the engine, these files are not
    /// lost with this folder.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn guard(&self, stage: &str, files: &[FileInput], checkpoint: Option<&Path>) -> Result<(), StoreError> {
        if !files.is_empty() || self.noted.load(Ordering::SeqCst) {
            guard::write(&self.path, stage, files, checkpoint).map_err(StoreError::io("note what a stage reads"))?;
            self.noted.store(!files.is_empty(), Ordering::SeqCst);
        }
        self.guarded.store(!files.is_empty(), Ordering::SeqCst);
        Ok(())
    }

    /// Everything that the stage reads in place is there as it was.
    pub fn all_is_there(&self) {
        self.guarded.store(false, Ordering::SeqCst);
    }

    /// Puts back what the stage took away of these, and keeps all that it left if that may be the only copy of something.
    pub fn rescue(&self, stage: &str, files: &[&FileInput], checkpoint: Option<&Path>) -> Rescued {
        self.guarded.store(false, Ordering::SeqCst);
        let found = rescue::put_back(files, &self.path, checkpoint);
        let kept = found.precious.then(|| self.workplace.keep(&self.path, stage, checkpoint).ok()).flatten();
        Rescued { put_back: found.put_back, kept }
    }

    /// What the stage reads in place, as it was before the stage began.
    #[must_use]
    pub fn guarded_files(&self) -> Vec<FileInput> {
        guard::read(&self.path).map_or_else(Vec::new, |guard| guard.files)
    }

    /// Notes who carries out the stage, so that another engine can go on with it, or end it, if this one is killed.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn note(&self, note: &AttemptNote) -> Result<(), StoreError> {
        self.elsewhere.store(!note.is_here(), Ordering::SeqCst);
        note::write(&self.path, note).map_err(StoreError::io("note who carries out a stage"))
    }

    /// Empties the folder, if the stage left it such that nothing of it can reach the next attempt.
    fn is_clean(&self) -> io::Result<bool> {
        // Nobody is to go on with what is over.
        if self.elsewhere.load(Ordering::SeqCst) {
            fs_err::remove_file(self.path.join(PROCESS))?;
        }
        removal::empty(&self.path, MODE, self.began)
    }
}

impl Drop for AttemptFolder {
    fn drop(&mut self) {
        if self.stays.load(Ordering::SeqCst) {
            return;
        }
        // The attempt broke off before anybody looked.
        if self.guarded.load(Ordering::SeqCst)
            && let Some(Guard { stage, files, checkpoint }) = guard::read(&self.path)
        {
            let rescued = self.rescue(&stage, &files.iter().collect::<Vec<_>>(), checkpoint.as_deref());
            guard::tell(&stage, &rescued.put_back, rescued.kept.as_deref());
        }
        if self.workplace.blocked.load(Ordering::SeqCst) {
            return;
        }
        if self.adopted.is_none() && self.is_clean().is_ok_and(|clean| clean) {
            lock(&self.workplace.spare).push((self.path.clone(), self.noted.load(Ordering::SeqCst)));
        } else if self.path.symlink_metadata().is_err() {
            // It was kept elsewhere.
        } else if removal::holds_older(&self.path.join("out"), self.began)
            || removal::holds_older(&self.path.join("scratch"), self.began)
        {
            if let Ok(kept) = self.workplace.keep(&self.path, "moved", None) {
                guard::tell("a stage", &[], Some(&kept));
            }
        } else {
            remove(&self.path);
        }
    }
}

/// Removes a folder with all that is in it, whatever a stage has made of it.
fn remove(folder: &Path) {
    if let Err(error) = removal::remove(folder) {
        tracing::warn!("the folder of a stage could not be removed: {error}");
    }
}

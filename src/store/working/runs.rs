//! Run folders: what each run planned, said and logged.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::digest::Key;
use crate::mutex::lock;
use crate::store::StoreError;
use crate::store::local::writing::write_atomically;
use crate::store::working::live::Live;

/// The folder of a run.
#[derive(Debug)]
pub struct RunFolder {
    /// Its id: time of its start and a random ending, so that ids sort by time.
    pub id: String,
    /// The folder.
    pub path: PathBuf,
    events: OnceLock<File>,
    /// Logs in which nothing was written: they serve again under the next name.
    spare: Mutex<Vec<PathBuf>>,
    /// The run goes on for as long as somebody has this.
    live: Arc<Live>,
}

/// What a run was and how it ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunSummary {
    /// Its id.
    pub id: String,
    /// Name of the pipeline.
    pub pipeline: String,
    /// When it began.
    pub started: Timestamp,
    /// Seconds that it took; none while it runs, or if it was killed.
    #[serde(default)]
    pub seconds: Option<f64>,
    /// `done`, `failed`, `interrupted`, or `unfinished`.
    pub state: String,
    /// Instances that were fresh.
    #[serde(default)]
    pub fresh: usize,
    /// Instances that ran.
    #[serde(default)]
    pub ran: usize,
    /// Instances that failed.
    #[serde(default)]
    pub failed: usize,
}

impl RunFolder {
    pub(crate) fn create(root: &Path, pipeline: &str) -> Result<Self, StoreError> {
        let doing = StoreError::io("make a run's folder");
        let started = Timestamp::now();
        let stamp = started.strftime("%Y%m%dT%H%M%S%.3fZ").to_string();
        let folder =
            tempfile::Builder::new().prefix(&format!("{stamp}-")).rand_bytes(5).tempdir_in(root).map_err(&doing)?;
        let path = folder.keep();
        let id = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        fs_err::create_dir(path.join("logs")).map_err(&doing)?;
        let live = Arc::new(Live::begin(&path).map_err(&doing)?);
        let run = RunFolder { id: id.clone(), path, events: OnceLock::new(), spare: Mutex::default(), live };
        let state = "unfinished".to_owned();
        let summary = RunSummary {
            id,
            pipeline: pipeline.to_owned(),
            started,
            seconds: None,
            state,
            fresh: 0,
            ran: 0,
            failed: 0,
        };
        run.write("run.json", &serde_json::to_vec_pretty(&summary).unwrap_or_default())?;
        Ok(run)
    }

    /// Writes a file of the run.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        write_atomically(&self.path.join(name), bytes).map_err(StoreError::io("write into a run's folder"))
    }

    /// Has a file in common with an earlier run; false if that one has none.
    pub fn share(&self, name: &str, earlier: &str) -> bool {
        let (from, to) = (self.path.with_file_name(earlier).join(name), self.path.join(name));
        // A file has only so many links, and some file systems have none.
        fs_err::hard_link(&from, &to).is_ok() || fs_err::copy(from, to).is_ok()
    }

    /// Appends a line to the run's events.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn append_event(&self, line: &str) -> Result<(), StoreError> {
        let append = || -> io::Result<()> {
            let mut file = match self.events.get() {
                Some(file) => file,
                None => {
                    let file =
                        fs_err::File::options().create(true).append(true).open(self.path.join("events.jsonl"))?;
                    self.events.get_or_init(|| file.into_file())
                }
            };
            file.write_all(format!("{line}\n").as_bytes())
        };
        append().map_err(StoreError::io("write into a run's folder"))
    }

    /// Where the log of an attempt lies. Instance names hold no slashes.
    #[must_use]
    pub fn log(&self, instance: &str, attempt: u32) -> PathBuf {
        self.path.join("logs").join(format!("{instance}.{attempt}.log"))
    }

    /// Creates the log of an attempt.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn create_log(&self, instance: &str, attempt: u32) -> Result<(), StoreError> {
        let path = self.log(instance, attempt);
        let spare = lock(&self.spare).pop();
        let made = match spare {
            Some(spare) => fs_err::rename(spare, &path),
            None => fs_err::File::create(path).map(drop),
        };
        made.map_err(StoreError::io("make a log"))
    }

    /// Has the log of an attempt in common with a killed run that began it. False if that cannot be, so that it has to be
    /// copied when it is whole.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn share_log(&self, instance: &str, attempt: u32, earlier: &Path) -> Result<bool, StoreError> {
        match fs_err::hard_link(earlier, self.log(instance, attempt)) {
            Ok(()) => Ok(true),
            Err(_) => self.create_log(instance, attempt).map(|_| false),
        }
    }

    /// Copies the log of an attempt from a killed run, if that still has it.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn copy_log(&self, instance: &str, attempt: u32, earlier: &Path) -> Result<(), StoreError> {
        match fs_err::copy(earlier, self.log(instance, attempt)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StoreError::io("copy a log")(error)),
            _ => Ok(()),
        }
    }

    /// Takes back the log of an attempt that is over, if nothing was written into it.
    pub fn end_log(&self, instance: &str, attempt: u32) {
        let path = self.log(instance, attempt);
        // An earlier run may have it too.
        if fs_err::metadata(&path).is_ok_and(|meta| meta.len() == 0 && meta.nlink() == 1) {
            lock(&self.spare).push(path);
        }
    }

    /// Notes that the run uses the result under a key as that of a stage: what a run uses is not removed while the run
    /// goes on.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn uses(&self, key: &Key, stage: &str) -> Result<(), StoreError> {
        self.live.note(&self.path, key, stage).map_err(StoreError::io("note what a run uses"))
    }

    /// Writes how the run ended.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn end(&self, summary: &RunSummary) -> Result<(), StoreError> {
        for spare in lock(&self.spare).drain(..) {
            let _ = fs_err::remove_file(spare);
        }
        self.write("run.json", &serde_json::to_vec_pretty(summary).unwrap_or_default())
    }
}

pub(crate) fn list(root: &Path) -> Result<Vec<RunSummary>, StoreError> {
    let doing = StoreError::io("list runs");
    let mut runs = Vec::new();
    for entry in fs_err::read_dir(root).map_err(&doing)? {
        let text = fs_err::read(entry.map_err(&doing)?.path().join("run.json")).unwrap_or_default();
        runs.extend(serde_json::from_slice::<RunSummary>(&text));
    }
    runs.sort_by(|a, b| (b.started, &b.id).cmp(&(a.started, &a.id)));
    Ok(runs)
}

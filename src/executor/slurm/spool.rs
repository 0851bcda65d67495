//! Where lanes lie: a folder for each engine, beside the store's other folders, and in it one for each kind of job.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use crate::executor::Handle;
use crate::executor::slurm::journal::Line;
use crate::executor::slurm::lane::{Lane, Lines, Terms};
use crate::executor::slurm::submission::Resources;
use crate::mutex::lock;

/// The executor's name in handles.
pub(crate) const NAME: &str = "slurm";
/// The file that an engine keeps locked.
const OWNER: &str = "owner";
/// How long the end of a stage is kept after its engine was killed.
const FORGOTTEN: Duration = Duration::from_secs(30 * 24 * 3600);
/// How names of engines' folders begin.
const ENGINE: &str = "e-";

/// Where a stage stands.
#[derive(Clone, Debug)]
pub(crate) struct Ticket {
    pub(crate) lane: Lane,
    /// Name of the jobs that serve the lane.
    pub(crate) jobs: String,
    /// Name of the stage in the lane.
    pub(crate) stage: String,
    /// By which another engine finds it.
    pub(crate) handle: Handle,
}

/// All lanes.
#[derive(Debug)]
pub(crate) struct Spool {
    folder: PathBuf,
    own: OnceLock<Own>,
    lanes: Mutex<BTreeMap<Resources, String>>,
    count: AtomicU64,
}

/// The folder of this engine.
#[derive(Debug)]
struct Own {
    name: String,
    _lock: File,
}

impl Spool {
    /// Nothing is made before it is needed.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Spool { folder, own: OnceLock::new(), lanes: Mutex::default(), count: AtomicU64::new(0) }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// A place for a stage in the lane of such jobs, which is made where there is none.
    pub(crate) fn place(&self, resources: &Resources) -> std::io::Result<Ticket> {
        let engine = self.own()?;
        let mut lanes = lock(&self.lanes);
        let lane = match lanes.get(resources) {
            Some(name) => name.clone(),
            None => {
                let name = lanes.len().to_string();
                let terms = Terms { arguments: resources.arguments(), shared_for: resources.shared_for() };
                Lane::create(&self.folder.join(engine).join(&name), &terms)?;
                lanes.insert(resources.clone(), name.clone());
                name
            }
        };
        let stage = format!("{:08}", self.count.fetch_add(1, Ordering::Relaxed));
        self.ticket(engine, &lane, &stage)
    }

    /// The place of a stage that another engine noted, as long as it waits, runs, or has an end that nobody has taken note of.
    pub(crate) fn find(&self, handle: &Handle) -> std::io::Result<Option<Ticket>> {
        let plain = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let parts: Vec<&str> = handle.id.split('/').filter(plain).collect();
        let [engine, lane, stage] = parts[..] else { return Ok(None) };
        match self.ticket(engine, lane, stage) {
            Ok(ticket) if ticket.lane.stages().contains(stage) => Ok(Some(ticket)),
            Ok(_) => Ok(None),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn ticket(&self, engine: &str, lane: &str, stage: &str) -> std::io::Result<Ticket> {
        Ok(Ticket {
            lane: Lane::open(&self.folder.join(engine).join(lane))?,
            jobs: format!("nnf-{engine}-{lane}"),
            stage: stage.to_owned(),
            handle: Handle { executor: NAME.into(), id: format!("{engine}/{lane}/{stage}") },
        })
    }

    fn own(&self) -> std::io::Result<&str> {
        if let Some(own) = self.own.get() {
            return Ok(&own.name);
        }
        fs_err::create_dir_all(&self.folder)?;
        let folder = tempfile::Builder::new().prefix(ENGINE).tempdir_in(&self.folder)?;
        let lock = fs_err::File::create(folder.path().join(OWNER))?.into_file();
        lock.lock()?;
        let name = folder.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
        // Of two that come at once, the folder of one is removed again.
        let own = self.own.get_or_init(|| {
            let _ = folder.keep();
            Own { name, _lock: lock }
        });
        Ok(&own.name)
    }

    /// Removes the folders of this engine and of those that are gone, where nothing waits or runs any more. Of those that
    /// are gone, ends that nobody has taken note of stay for a while.
    fn clear(&self) {
        let own = self.own.get().map(|own| OsString::from(&own.name));
        for entry in fs_err::read_dir(&self.folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let ours = own.as_ref() == Some(&name);
            if name.to_string_lossy().starts_with(ENGINE)
                && (ours || is_abandoned(&entry.path()))
                && is_over(&entry.path(), ours)
            {
                // What a job still writes there is of no use to anybody; the next one removes it.
                let _ = fs_err::remove_dir_all(entry.path());
            }
        }
        let _ = fs_err::remove_dir(&self.folder);
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        self.clear();
    }
}

fn is_abandoned(folder: &Path) -> bool {
    File::options().write(true).open(folder.join(OWNER)).is_ok_and(|owner| owner.try_lock().is_ok())
}

/// Whether nothing waits or runs in any lane of an engine; and whether nobody wants to know how it ended, but for oneself.
fn is_over(engine: &Path, ours: bool) -> bool {
    let lanes = fs_err::read_dir(engine).into_iter().flatten().flatten();
    lanes.filter_map(|entry| Lane::open(&entry.path()).ok()).all(|lane| {
        lane.stages().iter().all(|stage| {
            let Ok(journal) = fs_err::File::open(lane.journal(stage)) else { return true };
            let age = journal.metadata().and_then(|meta| meta.modified()).map(|time| time.elapsed());
            let lines: Vec<Line> = Lines::default().read(journal.into_file());
            let ended = lines.iter().any(|line| !matches!(line, Line::Taken { .. }));
            ended && (ours || age.is_ok_and(|age| age.is_ok_and(|age| age > FORGOTTEN)))
        })
    })
}

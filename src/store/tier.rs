//! What the store does with its remote tier: look-ups when they are needed, uploads in the background.
//!
//! It knows names of objects and the order in which they may appear, not which service keeps them. What the remote tier
//! is known to have is noted in one file, so that a run without work asks it nothing, and a run after a failed upload
//! sends again.

use std::collections::HashSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex};

use crate::digest::{Digest, Key};
use crate::record::{Form, Produced, Record};
use crate::store::blob::{Blobs, hash_file};
use crate::store::remote::{ObjectRemote, Remote, RemoteOptions, public};
use crate::store::{StoreError, index, lock, records, tree};

/// Uploads at a time, and records that may wait before stages are held up.
const UPLOADS: usize = 4;
const WAITING: usize = 64;

/// The remote tier of a store.
pub(crate) struct Tier {
    remote: Arc<dyn Remote>,
    jobs: SyncSender<Job>,
    state: Arc<State>,
}

struct Job {
    record: Record,
    blobs: Blobs,
}

#[derive(Default)]
struct State {
    waiting: Mutex<usize>,
    done: Condvar,
    error: Mutex<Option<StoreError>>,
    sent: Mutex<Sent>,
}

/// Keys whose record and content the remote tier is known to have, and the file that remembers them.
#[derive(Debug, Default)]
struct Sent {
    keys: HashSet<Key>,
    file: PathBuf,
}

impl Sent {
    fn open(file: PathBuf) -> Self {
        let text = fs_err::read(&file).unwrap_or_default();
        let keys = index::checked_lines(&text).filter_map(|line| serde_json::from_slice(line).ok()).collect();
        Sent { keys, file }
    }

    fn add(&mut self, key: Key) {
        if !self.keys.insert(key) {
            return;
        }
        let mut line = Vec::new();
        index::push_line(&mut line, &key);
        if let Err(error) = index::append(&self.file, &line) {
            tracing::debug!("what was sent was not remembered: {error}");
        }
    }
}

impl Tier {
    /// Opens the tier at a URL; `notes` is the folder that remembers what it has.
    pub(crate) fn open(options: &RemoteOptions, notes: &Path) -> Result<Self, StoreError> {
        let name = Digest::of(public(&options.url).as_bytes());
        Ok(Self::new(Arc::new(ObjectRemote::open(options)?), notes.join(format!("sent-{}", name.short()))))
    }

    pub(crate) fn new(remote: Arc<dyn Remote>, sent: PathBuf) -> Self {
        let (jobs, queue) = sync_channel::<Job>(WAITING);
        let queue = Arc::new(Mutex::new(queue));
        let state = Arc::new(State { sent: Mutex::new(Sent::open(sent)), ..State::default() });
        for _ in 0..UPLOADS {
            let (remote, queue, state) = (Arc::clone(&remote), Arc::clone(&queue), Arc::clone(&state));
            std::thread::spawn(move || work(&*remote, &queue, &state));
        }
        Tier { remote, jobs, state }
    }

    /// The record under a key.
    pub(crate) fn record(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        let doing = StoreError::io("read a record from the remote store");
        let file = tempfile::NamedTempFile::new().map_err(&doing)?;
        if !self.remote.get(&record_name(key), file.path())? {
            return Ok(None);
        }
        let bytes = fs_err::read(file.path()).map_err(doing)?;
        let record = records::parse(&bytes, key);
        if record.is_some() {
            lock(&self.state.sent).add(*key);
        } else if !records::is_newer(&bytes) {
            // A damaged one would stand in the way of every other under its name.
            self.remote.delete(&record_name(key))?;
        }
        Ok(record)
    }

    /// Whether the tier is known to have a record and its content.
    pub(crate) fn has(&self, key: &Key) -> bool {
        lock(&self.state.sent).keys.contains(key)
    }

    /// Brings a blob into the local tier.
    pub(crate) fn fetch_blob(&self, digest: &Digest, blobs: &Blobs) -> Result<(), StoreError> {
        let doing = StoreError::io("bring content from the remote store");
        let name = blob_name(digest);
        // Bytes that are wrong once may have been spoilt on their way.
        for _ in 0..2 {
            let file = blobs.temporary().map_err(&doing)?;
            if !self.remote.get(&name, file.path())? {
                return Err(StoreError::Missing(*digest));
            }
            if hash_file(file.path()).map_err(&doing)? == *digest {
                let (_, path) = file.keep().map_err(|e| doing(e.error))?;
                return blobs.seal(&path, digest);
            }
        }
        tracing::warn!("content {} is damaged in the remote store and counts as missing", digest.short());
        self.remote.delete(&name)?;
        Err(StoreError::Missing(*digest))
    }

    /// Sends a record and its content, when there is time.
    pub(crate) fn send(&self, record: &Record, blobs: &Blobs) {
        *lock(&self.state.waiting) += 1;
        let job = Job { record: record.clone(), blobs: blobs.clone() };
        if self.jobs.send(job).is_err() {
            *lock(&self.state.waiting) -= 1;
        }
    }

    /// Waits for all that was sent.
    pub(crate) fn finish(&self) -> Result<(), StoreError> {
        let mut waiting = lock(&self.state.waiting);
        while *waiting > 0 {
            waiting = self.state.done.wait(waiting).unwrap_or_else(std::sync::PoisonError::into_inner);
        }
        drop(waiting);
        lock(&self.state.error).take().map_or(Ok(()), Err)
    }
}

fn work(remote: &dyn Remote, queue: &Mutex<Receiver<Job>>, state: &State) {
    loop {
        let job = lock(queue).recv();
        let Ok(job) = job else { return };
        match upload(remote, &job) {
            Ok(true) => lock(&state.sent).add(job.record.key),
            Ok(false) => tracing::warn!("{} was not sent: content of it is gone", job.record.key.short()),
            Err(error) => drop(lock(&state.error).get_or_insert(error)),
        }
        *lock(&state.waiting) -= 1;
        state.done.notify_all();
    }
}

/// Content first, then the record: whoever sees a record finds its content. False if this store lacks content of it.
fn upload(remote: &dyn Remote, job: &Job) -> Result<bool, StoreError> {
    let outputs = job.record.outputs.values().filter_map(|produced| match produced {
        Produced::Artifact(artifact) => Some(artifact),
        Produced::Absent => None,
    });
    for artifact in outputs.chain(&job.record.log) {
        if artifact.form == Form::Folder {
            let tree = match tree::read(&job.blobs, &artifact.digest) {
                Err(StoreError::Missing(_) | StoreError::Damaged { .. }) => return Ok(false),
                tree => tree?,
            };
            for digest in tree.blobs() {
                if !upload_blob(remote, &digest, &job.blobs)? {
                    return Ok(false);
                }
            }
        }
        if !upload_blob(remote, &artifact.digest, &job.blobs)? {
            return Ok(false);
        }
    }
    let doing = StoreError::io("send a record");
    let mut file = tempfile::NamedTempFile::new().map_err(&doing)?;
    file.write_all(&records::to_bytes(&job.record)).map_err(&doing)?;
    let name = record_name(&job.record.key);
    if job.record.supersedes.is_some() {
        remote.delete(&name)?;
    }
    remote.put_if_absent(&name, file.path()).map(|_| true)
}

/// Sends content that is whole. What is damaged or gone here may be there already.
fn upload_blob(remote: &dyn Remote, digest: &Digest, blobs: &Blobs) -> Result<bool, StoreError> {
    let name = blob_name(digest);
    match blobs.checked(digest) {
        Ok(path) => remote.put_if_absent(&name, &path).map(|_| true),
        Err(StoreError::Missing(_) | StoreError::Damaged { .. }) => remote.exists(&name),
        Err(error) => Err(error),
    }
}

fn blob_name(digest: &Digest) -> String {
    let hex = digest.to_string();
    format!("blobs/v1/{}/{}", &hex[..2], &hex[2..])
}

fn record_name(key: &Key) -> String {
    let hex = key.to_string();
    format!("records/v1/{}/{}.json", &hex[..2], &hex[2..])
}

//! The store: a local folder of plain files, and a remote tier behind it where the pipeline names one.
//!
//! ```text
//! blobs/v1/ab/cdef…       content, named by its BLAKE3 digest, created once, read-only
//! records/v1/ab/<key>.json  what a stage produced; written last: this is the commit
//! runs/v1/<id>/           plan, events, logs, pipeline as resolved
//! heads/v1/<pipeline>     the last record of each instance, which `why` compares with
//! index/v1/               what records and files look like, so that a run without work reads two files; made anew when in doubt
//! checkpoints/v1/<key>/   what a killed stage goes on from
//! attempts/               scratch and output folders of stages that run now
//! quarantine/             blobs that were found damaged
//! latest/<pipeline>/      links to the outputs of the last run, by their names
//! ```
//!
//! It does not know stages, only content, records and keys. Everything that is read is checked: a record against its
//! checksum and key, a blob against its name, unless this disk's copy was checked before and has not changed since
//! (same inode, size and time of change of content). The risk is a program that alters a blob and sets its time back.

mod attempt;
mod blob;
mod checkpoint;
mod error;
mod files;
mod handout;
mod heads;
mod index;
mod latest;
mod records;
mod remote;
mod runs;
mod stamps;
#[cfg(test)]
mod tests;
mod tier;
mod tree;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use crate::digest::{Digest, Key};
use crate::record::{Artifact, Form, Record};

pub use attempt::AttemptFolder;
pub use checkpoint::Checkpoint;
pub use error::StoreError;
pub use files::FileInput;
pub use handout::HandedOut;
pub use index::Known;
pub use remote::{ObjectRemote, Remote, RemoteOptions};
pub use runs::{RunFolder, RunSummary};

use blob::Blobs;
use tier::Tier;

/// Where a store lies.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// The folder of the local tier, such as `artifacts`.
    pub local: PathBuf,
    /// The remote tier.
    pub remote: Option<RemoteOptions>,
}

/// A store. Cheap to share between threads by reference.
pub struct Store {
    root: PathBuf,
    blobs: Blobs,
    index: Mutex<index::Index>,
    stamps: Arc<Mutex<stamps::Stamps>>,
    tier: Option<Tier>,
}

impl Store {
    /// Opens a store, and creates its folders if they are not there.
    ///
    /// # Errors
    /// When the folder cannot be made or written, or the remote tier's URL is wrong.
    pub fn open(options: &StoreOptions) -> Result<Self, StoreError> {
        let root = &options.local;
        let create = |path: &Path| fs_err::create_dir_all(path).map_err(StoreError::io("create the store's folder"));
        create(root)?;
        let root = fs_err::canonicalize(root).map_err(StoreError::io("find the store's folder"))?;
        for part in ["blobs/v1", "records/v1", "runs/v1", "heads/v1", "index/v1", "checkpoints/v1", "attempts", "locks"]
        {
            create(&root.join(part))?;
        }
        let ignore = root.join(".gitignore");
        if !ignore.exists() {
            fs_err::write(&ignore, "*\n!.gitignore\n").map_err(StoreError::io("write into the store's folder"))?;
        }
        let stamps = Arc::new(Mutex::new(stamps::Stamps::open(&root.join("index/v1/stamps"))));
        let blobs = Blobs::new(root.clone(), Arc::clone(&stamps));
        let index = Mutex::new(index::Index::open(&root.join("index/v1/records")));
        let tier = options.remote.as_ref().map(|remote| Tier::open(remote, &root.join("index/v1"))).transpose()?;
        Ok(Store { root, blobs, index, stamps, tier })
    }

    /// The folder of the local tier.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The outputs under a key, if a stage has produced them: from the local tier, else from the remote one.
    ///
    /// # Errors
    /// When a tier fails. A damaged record counts as none, and is reported in the log.
    pub fn look_up(&self, key: &Key) -> Result<Option<Known>, StoreError> {
        let found = lock(&self.index).get(key);
        if let Some(known) = found
            && records::path(&self.root, key).exists()
        {
            return Ok(Some(known));
        }
        Ok(self.record(key)?.map(|record| Known::from(&record)))
    }

    /// The record under a key.
    ///
    /// # Errors
    /// As for [`Store::look_up`].
    pub fn record(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        if let Some(record) = records::read(&self.root, key)? {
            lock(&self.index).add(&record);
            return Ok(Some(record));
        }
        let Some(tier) = &self.tier else { return Ok(None) };
        let Some(record) = tier.record(key)? else { return Ok(None) };
        let record = records::commit(&self.root, &record)?;
        lock(&self.index).add(&record);
        Ok(Some(record))
    }

    /// Writes a record; the first one under a key wins. Returns the one that stands.
    ///
    /// # Errors
    /// When the local tier cannot be written. The remote tier is written in the background, see [`Store::finish`].
    pub fn commit(&self, record: &Record) -> Result<Record, StoreError> {
        let standing = records::commit(&self.root, record)?;
        lock(&self.index).add(&standing);
        if let Some(tier) = &self.tier {
            tier.send(&standing, &self.blobs);
        }
        Ok(standing)
    }

    /// Sends what is under a key to the remote tier, unless that is known to have it: an upload may have failed before,
    /// or the tier may be new.
    ///
    /// # Errors
    /// When the record cannot be read.
    pub fn share(&self, key: &Key) -> Result<(), StoreError> {
        let Some(tier) = self.tier.as_ref().filter(|tier| !tier.has(key)) else { return Ok(()) };
        if let Some(record) = self.record(key)? {
            tier.send(&record, &self.blobs);
        }
        Ok(())
    }

    /// Replaces the record under a key whose content was proven bad.
    ///
    /// # Errors
    /// When the local tier cannot be written.
    pub fn replace(&self, record: &Record) -> Result<(), StoreError> {
        records::replace(&self.root, record)?;
        lock(&self.index).add(record);
        if let Some(tier) = &self.tier {
            tier.send(record, &self.blobs);
        }
        Ok(())
    }

    /// Takes a file or folder that a stage wrote into the store. What was at `path` is moved or gone afterwards.
    ///
    /// # Errors
    /// When it holds what a tree cannot (links that lead outside, devices, names that are not UTF-8), or a disk fails.
    pub fn ingest(&self, path: &Path, media: &str) -> Result<Artifact, StoreError> {
        tree::ingest(&self.blobs, path, media)
    }

    /// Takes bytes in memory into the store.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn ingest_bytes(&self, bytes: &[u8], media: &str) -> Result<Artifact, StoreError> {
        let digest = self.blobs.put_bytes(bytes)?;
        Ok(Artifact { digest, form: Form::File, size: bytes.len() as u64, media: media.to_owned() })
    }

    /// Puts content at `to`, read-only, for a stage to read: a reflink, else a hard link. The content is checked.
    ///
    /// # Errors
    /// [`StoreError::Missing`] and [`StoreError::Damaged`] say that it has to be made again.
    pub fn hand_out(&self, artifact: &Artifact, to: &Path) -> Result<HandedOut, StoreError> {
        self.fetch(artifact)?;
        handout::hand_out(&self.blobs, artifact, to)
    }

    /// Checks that a stage has not changed what was handed out to it. Changed blobs go to quarantine.
    ///
    /// # Errors
    /// [`StoreError::Altered`] names what was changed.
    pub fn check_handed_out(&self, handed_out: &HandedOut) -> Result<(), StoreError> {
        handout::check(&self.blobs, handed_out)
    }

    /// Copies content to `to` for a person to keep: writable, and independent of the store.
    ///
    /// # Errors
    /// As for [`Store::hand_out`].
    pub fn copy_out(&self, artifact: &Artifact, to: &Path) -> Result<(), StoreError> {
        self.fetch(artifact)?;
        handout::copy_out(&self.blobs, artifact, to)
    }

    /// The bytes of a small file in the store.
    ///
    /// # Errors
    /// As for [`Store::hand_out`].
    pub fn read(&self, artifact: &Artifact) -> Result<Vec<u8>, StoreError> {
        self.fetch(artifact)?;
        let path = self.blobs.checked(&artifact.digest)?;
        fs_err::read(path).map_err(StoreError::io("read the store"))
    }

    /// Whether content is in the local tier and undamaged, or can be had from the remote one.
    ///
    /// # Errors
    /// As for [`Store::hand_out`].
    pub fn check(&self, artifact: &Artifact) -> Result<(), StoreError> {
        self.fetch(artifact)?;
        match artifact.form {
            Form::Folder => tree::check(&self.blobs, &artifact.digest),
            Form::File | Form::Executable => self.blobs.checked(&artifact.digest).map(|_| ()),
        }
    }

    /// Brings content from the remote tier if the local one lacks it.
    fn fetch(&self, artifact: &Artifact) -> Result<(), StoreError> {
        let Some(tier) = &self.tier else { return Ok(()) };
        let bring = |digest: &Digest| match self.blobs.checked(digest) {
            Err(StoreError::Missing(_) | StoreError::Damaged { .. }) => tier.fetch_blob(digest, &self.blobs),
            other => other.map(|_| ()),
        };
        bring(&artifact.digest)?;
        if artifact.form == Form::Folder {
            for digest in tree::read(&self.blobs, &artifact.digest)?.blobs() {
                bring(&digest)?;
            }
        }
        Ok(())
    }

    /// Digest of a file or folder outside the store, and what it looks like now.
    ///
    /// # Errors
    /// When it cannot be read, or a folder holds what a tree cannot.
    pub fn file(&self, path: &Path) -> Result<FileInput, StoreError> {
        files::digest(path, &self.root, &self.stamps)
    }

    /// Makes a folder for one attempt of a stage.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn attempt(&self) -> Result<AttemptFolder, StoreError> {
        AttemptFolder::new(&self.root.join("attempts"))
    }

    /// Removes what attempts of killed programs have left, after ending their processes. Returns how many there were.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn clear_leftovers(&self) -> Result<usize, StoreError> {
        attempt::clear_leftovers(&self.root.join("attempts"))
    }

    /// Opens the checkpoint folder of a key. Waits while another program has it.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn checkpoint(&self, key: &Key) -> Result<Checkpoint, StoreError> {
        Checkpoint::open(&self.root.join("checkpoints/v1"), key)
    }

    /// Begins a run's folder.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn new_run(&self, pipeline: &str) -> Result<RunFolder, StoreError> {
        RunFolder::create(&self.root.join("runs/v1"), pipeline)
    }

    /// All runs, the newest first.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn runs(&self) -> Result<Vec<RunSummary>, StoreError> {
        runs::list(&self.root.join("runs/v1"))
    }

    /// The key of the last record of each instance of a pipeline.
    #[must_use]
    pub fn heads(&self, pipeline: &str) -> std::collections::BTreeMap<String, Key> {
        heads::read(&self.root.join("heads/v1"), pipeline)
    }

    /// Remembers the last records of instances, besides the ones remembered already.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn set_heads<'a>(
        &self,
        pipeline: &str,
        heads: impl IntoIterator<Item = (&'a str, Key)>,
    ) -> Result<(), StoreError> {
        heads::write(&self.root.join("heads/v1"), pipeline, heads)
    }

    /// Links outputs under their names: `latest/<pipeline>/<instance>/<output>`. Links of `untouched` instances stay.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn publish(
        &self,
        pipeline: &str,
        outputs: &std::collections::BTreeMap<String, Known>,
        untouched: &std::collections::BTreeSet<String>,
    ) -> Result<PathBuf, StoreError> {
        let _lock = heads::lock(&self.root.join("heads/v1"), pipeline)?;
        latest::publish(&self.root, &self.blobs, pipeline, outputs, untouched)
    }

    /// A lock that only one program holds for a key at a time, and that dies with it. None while another holds it.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn try_lock(&self, key: &Key) -> Result<Option<KeyLock>, StoreError> {
        let doing = StoreError::io("lock a key");
        let path = self.root.join("locks").join(key.to_string());
        loop {
            let open = fs_err::File::options().create(true).truncate(false).write(true).open(&path);
            let file = open.map_err(&doing)?.into_file();
            match file.try_lock() {
                // Whoever had the lock before removed the file's name, so another file may stand under it by now.
                Ok(()) if !is_still(&file, &path) => {}
                Ok(()) => return Ok(Some(KeyLock { path, _file: file })),
                Err(std::fs::TryLockError::WouldBlock) => return Ok(None),
                Err(std::fs::TryLockError::Error(error)) => return Err(doing(error)),
            }
        }
    }

    /// Waits until the remote tier, if there is one, has all that was committed; and writes the indices.
    ///
    /// # Errors
    /// When the remote tier failed. The local results are kept.
    pub fn finish(&self) -> Result<(), StoreError> {
        lock(&self.stamps).save();
        match &self.tier {
            Some(tier) => tier.finish(),
            None => Ok(()),
        }
    }
}

/// A lock on a key; see [`Store::try_lock`].
#[derive(Debug)]
pub struct KeyLock {
    path: PathBuf,
    _file: std::fs::File,
}

impl Drop for KeyLock {
    fn drop(&mut self) {
        // It is locked still, so nobody else can have taken it for theirs.
        let _ = fs_err::remove_file(&self.path);
    }
}

/// Whether a path still names an open file.
fn is_still(file: &std::fs::File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let (Ok(open), Ok(named)) = (file.metadata(), fs_err::metadata(path)) else { return false };
    (open.dev(), open.ino()) == (named.dev(), named.ino())
}

/// A mutex is poisoned when a thread panicked; its data are caches here, and stay usable.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

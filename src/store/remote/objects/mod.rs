//! The remote tier: an object store behind the local one.
//!
//! This folder is the one place that knows `object_store` and its runtime. Content and records are created and never
//! overwritten; where a service has no conditional put, two writers of one name write the same content, or two records
//! of the same work of which either may stand.

mod address;
mod object;
mod open;
mod service;
mod transfer;
mod wording;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::store::{StoreError, apart};

pub use object::ObjectRemote;
pub use wording::public;

/// Where the remote tier is, and how patiently it is asked.
#[derive(Clone)]
pub struct RemoteOptions {
    /// Its URL: `s3://bucket/prefix`, `gs://…`, `az://…`, `file:///…` or `memory:///`.
    pub url: String,
    /// Settings and credentials by the names that `object_store` knows, such as `AWS_REGION`, from the environment.
    pub settings: BTreeMap<String, String>,
    /// How long a request may pass without a byte of an answer.
    pub silence: Duration,
    /// How often a request that failed is tried again, with growing pauses.
    pub retries: usize,
    /// How long a lease lasts whose owner shows no sign of life.
    pub lease: Duration,
}

impl RemoteOptions {
    /// A store with this URL and settings, asked with ordinary patience.
    #[must_use]
    pub fn new(url: impl Into<String>, settings: BTreeMap<String, String>) -> Self {
        let (silence, lease) = (Duration::from_secs(30), Duration::from_secs(60));
        RemoteOptions { url: url.into(), settings, silence, retries: 8, lease }
    }

    /// A folder that is the local tier at `root`, or lies in or around it, is no remote tier.
    pub(crate) fn is_apart_from(&self, root: &Path) -> Result<(), StoreError> {
        let folder = url::Url::parse(&self.url).ok().filter(|url| url.scheme() == "file");
        let why = folder.and_then(|url| url.to_file_path().ok()).and_then(|folder| apart::why_not(root, &folder));
        let Some(why) = why else { return Ok(()) };
        let why = format!("{why}; a remote store needs a folder of its own");
        Err(StoreError::BadRemote { url: public(&self.url), why })
    }
}

impl std::fmt::Debug for RemoteOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RemoteOptions").field("url", &public(&self.url)).finish_non_exhaustive()
    }
}

/// What a far store tells of an object in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FarObject {
    /// Its name.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// When it was written, by the far store's own clock; services round it to seconds.
    pub modified: SystemTime,
}

/// A far store of objects by name. Names are `/`-separated; an object is created once, unless it is replaced on purpose.
pub trait Remote: Send + Sync {
    /// Writes an object's bytes as they arrive; false if there is none. After an error what was written is worth nothing.
    ///
    /// # Errors
    /// When the store fails, or what is written to.
    fn read(&self, name: &str, to: &mut dyn Write) -> Result<bool, StoreError>;
    /// Writes an object into a local file; false if there is none.
    ///
    /// # Errors
    /// When the store or the disk fails.
    fn get(&self, name: &str, to: &Path) -> Result<bool, StoreError> {
        let file = fs_err::File::create(to).map_err(StoreError::io("write what came from the remote store"))?;
        self.read(name, &mut file.into_file())
    }
    /// Creates an object from a local file; false if there was one, which an attempt whose answer was lost may have made.
    ///
    /// # Errors
    /// When the store fails.
    fn put_if_absent(&self, name: &str, from: &Path) -> Result<bool, StoreError>;
    /// Creates an object from a few bytes; as [`Remote::put_if_absent`].
    ///
    /// # Errors
    /// When the store fails.
    fn create(&self, name: &str, bytes: &[u8]) -> Result<bool, StoreError>;
    /// Writes a few bytes under a name, whatever was there. Only for what may be lost or read in an older state.
    ///
    /// # Errors
    /// When the store fails.
    fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError>;
    /// Whether there is an object.
    ///
    /// # Errors
    /// When the store fails.
    fn exists(&self, name: &str) -> Result<bool, StoreError>;
    /// Names of all objects that begin with a folder's name, sorted.
    ///
    /// # Errors
    /// When the store fails.
    fn list(&self, folder: &str) -> Result<Vec<String>, StoreError> {
        Ok(self.objects(folder)?.into_iter().map(|object| object.name).collect())
    }
    /// All objects in a folder, sorted by name.
    ///
    /// # Errors
    /// When the store fails.
    fn objects(&self, folder: &str) -> Result<Vec<FarObject>, StoreError>;
    /// Removes an object, if there is one.
    ///
    /// # Errors
    /// When the store fails.
    fn delete(&self, name: &str) -> Result<(), StoreError>;
}

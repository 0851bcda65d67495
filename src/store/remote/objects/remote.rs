//! What a store needs of whatever keeps its remote tier: a few requests on objects by name. A new service is one file that
//! meets this trait, and passes the suite of `store/tests/conformance.rs`.

use std::io::Write;
use std::path::Path;
use std::time::SystemTime;

use crate::store::error::StoreError;

/// What a remote store tells of an object in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteObject {
    /// Its name.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// When it was written, by the remote store's own clock; services round it to seconds.
    pub modified: SystemTime,
}

/// A remote store of objects by name. Names are `/`-separated; an object is created once, unless it is replaced on purpose.
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
    fn objects(&self, folder: &str) -> Result<Vec<RemoteObject>, StoreError>;
    /// Removes an object, if there is one.
    ///
    /// # Errors
    /// When the store fails.
    fn delete(&self, name: &str) -> Result<(), StoreError>;
}

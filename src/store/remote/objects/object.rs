//! Any store that `object_store` can reach, as a remote tier.

use std::io::Write;
use std::path::Path;

use futures_util::TryStreamExt;
use object_store::path::Path as Name;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutPayload};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;

use super::options::RemoteOptions;
use super::remote::{Remote, RemoteObject};
use super::wording::{Redactor, public};
use super::{open, service};
use crate::store::StoreError;

/// Bytes that may be on their way to the store at a time, in [`UNIT`]s.
pub(super) const ON_THE_WAY: usize = (96 << 20) / UNIT;
/// What bytes on their way are counted in.
pub(super) const UNIT: usize = 64 << 10;

/// Any store that `object_store` can reach.
pub struct ObjectRemote {
    runtime: Runtime,
    pub(super) store: Box<dyn ObjectStore>,
    prefix: Name,
    url: String,
    redactor: Redactor,
    /// Keeps the memory of uploads bounded, however many there are.
    pub(super) room: Semaphore,
}

impl ObjectRemote {
    /// Opens a store by its URL.
    ///
    /// # Errors
    /// When the URL or the settings are wrong. Nothing is sent yet.
    pub fn open(options: &RemoteOptions) -> Result<Self, StoreError> {
        let url = public(&options.url);
        let redactor = Redactor::new(&options.settings);
        // Some errors repeat the URL, and with it a password.
        let bad = |why: String| {
            let why = if options.url.is_empty() { why } else { why.replace(&options.url, &url) };
            StoreError::BadRemote { url: url.clone(), why: redactor.clean(&why) }
        };
        // Another part of the process may have chosen a provider before; then that one serves.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (store, prefix) = open::open(options).map_err(&bad)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.map_err(|error| bad(error.to_string()))?;
        Ok(ObjectRemote { runtime, store, prefix, url, redactor, room: Semaphore::new(ON_THE_WAY) })
    }

    fn name(&self, name: &str) -> Name {
        name.split('/').fold(self.prefix.clone(), |path, part| path.join(part))
    }

    pub(super) fn failed(&self, error: &Error) -> StoreError {
        let said = self.redactor.clean(&service::words(&error.to_string()));
        StoreError::Remote(format!("{}: {said}", self.url))
    }
}

impl Remote for ObjectRemote {
    fn read(&self, name: &str, to: &mut dyn Write) -> Result<bool, StoreError> {
        self.runtime.block_on(self.download(&self.name(name), to))
    }

    fn put_if_absent(&self, name: &str, from: &Path) -> Result<bool, StoreError> {
        self.runtime.block_on(self.upload(&self.name(name), from))
    }

    fn create(&self, name: &str, bytes: &[u8]) -> Result<bool, StoreError> {
        self.runtime.block_on(self.put_new(&self.name(name), PutPayload::from(bytes.to_vec())))
    }

    fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let name = self.name(name);
        let put = self.store.put(&name, PutPayload::from(bytes.to_vec()));
        self.runtime.block_on(put).map(|_| ()).map_err(|error| self.failed(&error))
    }

    fn exists(&self, name: &str) -> Result<bool, StoreError> {
        self.runtime.block_on(self.is_there(&self.name(name)))
    }

    fn objects(&self, folder: &str) -> Result<Vec<RemoteObject>, StoreError> {
        let prefix = self.name(folder);
        let found = self.runtime.block_on(self.store.list(Some(&prefix)).try_collect::<Vec<_>>());
        let own = format!("{}/", self.prefix);
        let object = |meta: object_store::ObjectMeta| {
            let full = meta.location.to_string();
            let name = full.strip_prefix(own.as_str()).map_or(full.clone(), str::to_owned);
            RemoteObject { name, size: meta.size, modified: meta.last_modified.into() }
        };
        let mut objects: Vec<RemoteObject> =
            found.map_err(|error| self.failed(&error))?.into_iter().map(object).collect();
        objects.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(objects)
    }

    fn delete(&self, name: &str) -> Result<(), StoreError> {
        match self.runtime.block_on(self.store.delete(&self.name(name))) {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed(&error)),
        }
    }
}

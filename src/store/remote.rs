//! The remote tier: an object store behind the local one.
//!
//! The one place that knows `object_store` and its runtime. It does not know stages. Objects are created and never
//! overwritten; where a service has no conditional put, two writers of one name write the same content, or two records
//! of the same work of which either may stand.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::Path;

use futures_util::{StreamExt, TryStreamExt};
use object_store::path::Path as Name;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, WriteMultipart};

use crate::store::StoreError;

/// Parts of one upload that are under way at a time.
const PARTS: usize = 4;
/// From this size on an object is sent in parts of this size.
const PART: u64 = 16 << 20;

/// Where the remote tier is.
#[derive(Clone)]
pub struct RemoteOptions {
    /// Its URL: `s3://bucket/prefix`, `gs://…`, `az://…`, `file:///…` or `memory:///`.
    pub url: String,
    /// Settings and credentials by the names that `object_store` knows, such as `AWS_REGION`, from the environment.
    pub settings: BTreeMap<String, String>,
}

impl std::fmt::Debug for RemoteOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RemoteOptions").field("url", &public(&self.url)).finish_non_exhaustive()
    }
}

/// A far store of objects by name. Names are `/`-separated; an object is created once.
pub trait Remote: Send + Sync {
    /// Writes an object into a local file; false if there is none.
    ///
    /// # Errors
    /// When the store fails.
    fn get(&self, name: &str, to: &Path) -> Result<bool, StoreError>;
    /// Creates an object from a local file; false if there was one.
    ///
    /// # Errors
    /// When the store fails.
    fn put_if_absent(&self, name: &str, from: &Path) -> Result<bool, StoreError>;
    /// Whether there is an object.
    ///
    /// # Errors
    /// When the store fails.
    fn exists(&self, name: &str) -> Result<bool, StoreError>;
    /// Names of all objects that begin with a folder's name, sorted.
    ///
    /// # Errors
    /// When the store fails.
    fn list(&self, folder: &str) -> Result<Vec<String>, StoreError>;
    /// Removes an object, if there is one.
    ///
    /// # Errors
    /// When the store fails.
    fn delete(&self, name: &str) -> Result<(), StoreError>;
}

/// Any store that `object_store` can reach.
pub struct ObjectRemote {
    runtime: tokio::runtime::Runtime,
    store: Box<dyn ObjectStore>,
    prefix: Name,
    url: String,
}

impl ObjectRemote {
    /// Opens a store by its URL.
    ///
    /// # Errors
    /// When the URL or the settings are wrong. Nothing is sent yet.
    pub fn open(options: &RemoteOptions) -> Result<Self, StoreError> {
        let shown = public(&options.url);
        // Some errors repeat the URL, and with it a password.
        let bad = |why: String| StoreError::BadRemote { url: shown.clone(), why: why.replace(&options.url, &shown) };
        let url = url::Url::parse(&options.url).map_err(|error| bad(format!("it is no URL ({error})")))?;
        // Another part of the process may have chosen a provider before; then that one serves.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let settings = options.settings.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone()));
        let (store, prefix) =
            object_store::parse_url_opts(&url, settings).map_err(|error| bad(without_secrets(&error)))?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(|error| bad(error.to_string()))?;
        if url.scheme() == "file" {
            let folder = url.to_file_path().map_err(|()| bad("it is no path of this machine".into()))?;
            fs_err::create_dir_all(folder).map_err(|error| bad(error.to_string()))?;
        }
        Ok(ObjectRemote { runtime, store, prefix, url: public(&options.url) })
    }

    fn name(&self, name: &str) -> Name {
        name.split('/').fold(self.prefix.clone(), |path, part| path.join(part))
    }

    fn failed(&self, error: &Error) -> StoreError {
        StoreError::Remote(format!("{}: {}", self.url, without_secrets(error)))
    }

    async fn download(&self, name: &Name, to: &Path) -> Result<bool, StoreError> {
        let found = match self.store.get(name).await {
            Ok(found) => found,
            Err(Error::NotFound { .. }) => return Ok(false),
            Err(error) => return Err(self.failed(&error)),
        };
        let doing = StoreError::io("write what came from the remote store");
        let mut file = fs_err::File::create(to).map_err(&doing)?;
        let mut parts = found.into_stream();
        while let Some(part) = parts.next().await {
            file.write_all(&part.map_err(|error| self.failed(&error))?).map_err(&doing)?;
        }
        Ok(true)
    }

    async fn upload(&self, name: &Name, from: &Path) -> Result<bool, StoreError> {
        let doing = StoreError::io("read what goes to the remote store");
        let size = fs_err::metadata(from).map_err(&doing)?.len();
        if size > PART {
            return self.upload_in_parts(name, from).await;
        }
        let payload = PutPayload::from(fs_err::read(from).map_err(&doing)?);
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match self.store.put_opts(name, payload.clone(), options).await {
            Ok(_) => Ok(true),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(false),
            Err(Error::NotImplemented { .. } | Error::NotSupported { .. }) => {
                self.store.put(name, payload).await.map_err(|error| self.failed(&error))?;
                Ok(true)
            }
            Err(error) => Err(self.failed(&error)),
        }
    }

    /// Sends a large object. It is content under its digest, so a second writer would write the same.
    async fn upload_in_parts(&self, name: &Name, from: &Path) -> Result<bool, StoreError> {
        match self.store.head(name).await {
            Ok(_) => return Ok(false),
            Err(Error::NotFound { .. }) => {}
            Err(error) => return Err(self.failed(&error)),
        }
        let doing = StoreError::io("read what goes to the remote store");
        let upload = self.store.put_multipart(name).await.map_err(|error| self.failed(&error))?;
        let part = usize::try_from(PART).unwrap_or(usize::MAX);
        let mut upload = WriteMultipart::new_with_chunk_size(upload, part);
        let mut file = fs_err::File::open(from).map_err(&doing)?;
        let mut buffer = vec![0; 1 << 20];
        loop {
            let read = file.read(&mut buffer).map_err(&doing)?;
            if read == 0 {
                break;
            }
            upload.wait_for_capacity(PARTS).await.map_err(|error| self.failed(&error))?;
            upload.write(&buffer[..read]);
        }
        upload.finish().await.map_err(|error| self.failed(&error))?;
        Ok(true)
    }
}

impl Remote for ObjectRemote {
    fn get(&self, name: &str, to: &Path) -> Result<bool, StoreError> {
        self.runtime.block_on(self.download(&self.name(name), to))
    }

    fn put_if_absent(&self, name: &str, from: &Path) -> Result<bool, StoreError> {
        self.runtime.block_on(self.upload(&self.name(name), from))
    }

    fn exists(&self, name: &str) -> Result<bool, StoreError> {
        match self.runtime.block_on(self.store.head(&self.name(name))) {
            Ok(_) => Ok(true),
            Err(Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(self.failed(&error)),
        }
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, StoreError> {
        let prefix = self.name(folder);
        let found = self.runtime.block_on(self.store.list(Some(&prefix)).try_collect::<Vec<_>>());
        let own = format!("{}/", self.prefix);
        let name = |meta: object_store::ObjectMeta| {
            let full = meta.location.to_string();
            full.strip_prefix(own.as_str()).map_or(full.clone(), str::to_owned)
        };
        let mut names: Vec<String> = found.map_err(|error| self.failed(&error))?.into_iter().map(name).collect();
        names.sort();
        Ok(names)
    }

    fn delete(&self, name: &str) -> Result<(), StoreError> {
        match self.runtime.block_on(self.store.delete(&self.name(name))) {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed(&error)),
        }
    }
}

/// A URL without user, password and query.
pub(crate) fn public(text: &str) -> String {
    match url::Url::parse(text) {
        Ok(mut url) => {
            let _ = url.set_password(None);
            let _ = url.set_username("");
            url.set_query(None);
            url.to_string()
        }
        Err(_) => "(not a URL)".into(),
    }
}

/// The first line of an error; request dumps, which may carry signatures, come after it.
fn without_secrets(error: &Error) -> String {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    line.split(['?']).next().unwrap_or_default().chars().take(400).collect()
}

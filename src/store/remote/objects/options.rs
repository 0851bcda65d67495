//! Where a remote tier is and how patiently it is asked, as a person gave it.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::wording::public;
use crate::store::apart;
use crate::store::error::StoreError;

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

//! The room of pipelines: the last record of each instance, and what a person sees of the last run.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::digest::Key;
use crate::store::error::StoreError;
use crate::store::local::index::RecordSummary;
use crate::store::local::latest::Published;
use crate::store::local::{heads, latest};
use crate::store::tiers::Tiers;

/// What is known of pipelines, and shown of them; see [`Store::pipelines`](crate::store::Store::pipelines).
#[derive(Clone, Copy)]
pub struct Pipelines<'a> {
    pub(super) tiers: &'a Tiers,
}

impl Pipelines<'_> {
    /// Where the outputs of a pipeline's last run are linked.
    #[must_use]
    pub fn latest(&self, pipeline: &str) -> PathBuf {
        latest::folder(&self.tiers.root, pipeline)
    }

    /// The key of the last record of each instance of a pipeline.
    #[must_use]
    pub fn heads(&self, pipeline: &str) -> BTreeMap<String, Key> {
        heads::read(&self.tiers.root.join("heads/v1"), pipeline)
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
        heads::write(&self.tiers.root.join("heads/v1"), pipeline, heads)
    }

    /// Links outputs under their names: `latest/<pipeline>/<instance>/<output>`. Links of `untouched` instances stay.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn publish(
        &self,
        pipeline: &str,
        outputs: &BTreeMap<String, RecordSummary>,
        untouched: &BTreeSet<String>,
    ) -> Result<Published, StoreError> {
        let _lock = heads::lock(&self.tiers.root.join("heads/v1"), pipeline)?;
        latest::publish(&self.tiers.root, &self.tiers.blobs, pipeline, outputs, untouched)
    }
}

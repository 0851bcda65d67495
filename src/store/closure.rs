//! What a record reaches: its outputs, its log, and all that is in those of them that are folders. Whoever sends, brings,
//! keeps or removes results asks here, and who asks which results reach some content.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;

use crate::digest::{Digest, Key};
use crate::record::{Artifact, Form, Produced, Record};
use crate::store::error::StoreError;
use crate::store::local::blob::Blobs;
use crate::store::local::{inventory, records, tree};

/// The record under a key. One of a newer program names content that this one may not know of, so it is an error.
pub(crate) fn record(root: &Path, key: &Key) -> Result<Option<Record>, StoreError> {
    let path = records::path(root, key);
    let Some(_) = inventory::look(&path).map_err(StoreError::io("read a record"))? else { return Ok(None) };
    let bytes = fs_err::read(&path).map_err(StoreError::io("read a record"))?;
    match records::parse(&bytes, key) {
        None if records::is_newer(&bytes) => Err(StoreError::Newer(*key)),
        record => Ok(record),
    }
}

/// What a stage has put out.
pub(crate) fn outputs(record: &Record) -> impl Iterator<Item = &Artifact> {
    record.outputs.values().filter_map(|produced| match produced {
        Produced::Artifact(artifact) => Some(artifact),
        Produced::Absent => None,
    })
}

/// All that a record names: outputs and log.
pub(crate) fn artifacts(record: &Record) -> impl Iterator<Item = &Artifact> {
    outputs(record).chain(&record.log)
}

/// All content that a record reaches. Of a folder whose list of entries is gone or damaged that is the list alone, as the
/// folder has to be made again as a whole.
pub(crate) fn content(blobs: &Blobs, record: &Record) -> HashSet<Digest> {
    let mut found = HashSet::new();
    for artifact in artifacts(record) {
        found.insert(artifact.digest);
        if artifact.form == Form::Folder {
            let bytes = fs_err::read(blobs.path(&artifact.digest)).unwrap_or_default();
            let listed = serde_json::from_slice::<tree::Tree>(&bytes).unwrap_or_default();
            found.extend(listed.blobs());
        }
    }
    found
}

/// The same, sorted, for who needs all of it: none if this store lacks what lists some of it.
pub(crate) fn whole_content(blobs: &Blobs, record: &Record) -> Result<Option<Vec<Digest>>, StoreError> {
    let mut digests = Vec::new();
    for artifact in artifacts(record) {
        if artifact.form == Form::Folder {
            match tree::read(blobs, &artifact.digest) {
                Err(StoreError::Missing(_) | StoreError::Damaged { .. }) => return Ok(None),
                tree => digests.extend(tree?.blobs()),
            }
        }
        digests.push(artifact.digest);
    }
    digests.sort();
    digests.dedup();
    Ok(Some(digests))
}

/// What the local tier lacks of some content.
pub(crate) fn lacking(blobs: &Blobs, digests: BTreeSet<Digest>) -> Result<Vec<Digest>, StoreError> {
    let mut lacking = Vec::new();
    for digest in digests {
        match blobs.checked(&digest) {
            Ok(_) => {}
            Err(StoreError::Missing(_) | StoreError::Damaged { .. }) => lacking.push(digest),
            Err(error) => return Err(error),
        }
    }
    Ok(lacking)
}

/// The same of what is in these, where they are folders whose lists of entries are here.
pub(crate) fn lacking_inside(blobs: &Blobs, artifacts: &[&Artifact]) -> Result<Vec<Digest>, StoreError> {
    let mut inside = BTreeSet::new();
    for artifact in artifacts.iter().filter(|artifact| artifact.form == Form::Folder) {
        match tree::read(blobs, &artifact.digest) {
            Err(StoreError::Missing(_) | StoreError::Damaged { .. }) => {}
            tree => inside.extend(tree?.blobs()),
        }
    }
    lacking(blobs, inside)
}

/// Which results reach which content: the way back from a digest to records.
#[derive(Debug, Default)]
pub(crate) struct Readers(HashMap<Digest, Vec<Key>>);

impl Readers {
    /// Adds what the record of a key reaches.
    pub(crate) fn add(&mut self, key: Key, content: &HashSet<Digest>) {
        content.iter().for_each(|digest| self.0.entry(*digest).or_default().push(key));
    }

    /// Whether anything reaches some content.
    pub(crate) fn has(&self, digest: &Digest) -> bool {
        self.0.contains_key(digest)
    }

    /// The result of a key goes. Whether nothing reaches the content any more then.
    pub(crate) fn remove(&mut self, key: &Key, digest: &Digest) -> bool {
        let Some(keys) = self.0.get_mut(digest) else { return true };
        keys.retain(|reader| reader != key);
        keys.is_empty()
    }
}

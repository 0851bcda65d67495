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

/// What is in a folder by its list of entries, wherever that was read. None if it is damaged, or means nothing.
pub(crate) fn listed(list: &[u8], folder: &Digest) -> Option<Vec<Digest>> {
    let tree = (Digest::of(list) == *folder).then(|| tree::parse(list, folder).ok()).flatten();
    tree.map(|tree| tree.blobs().collect())
}

/// Who reaches which content: the way back from a digest to records.
#[derive(Debug)]
pub(crate) struct Readers<R>(HashMap<Digest, Vec<R>>);

impl<R> Default for Readers<R> {
    fn default() -> Self {
        Readers(HashMap::new())
    }
}

impl<R> Readers<R> {
    pub(crate) fn add(&mut self, digest: Digest, readers: impl IntoIterator<Item = R>) {
        self.0.entry(digest).or_default().extend(readers);
    }

    /// Who reaches some content.
    pub(crate) fn of(&self, digest: &Digest) -> &[R] {
        self.0.get(digest).map_or(&[], Vec::as_slice)
    }

    /// All content that anybody reaches, with those who do.
    pub(crate) fn into_all(self) -> impl Iterator<Item = (Digest, Vec<R>)> {
        self.0.into_iter()
    }

    /// Some of those who reach some content go. Whether nothing reaches it any more then.
    pub(crate) fn remove(&mut self, digest: &Digest, goes: impl Fn(&R) -> bool) -> bool {
        let Some(readers) = self.0.get_mut(digest) else { return true };
        readers.retain(|reader| !goes(reader));
        readers.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_that_two_results_reach_is_unread_when_both_are_gone() {
        let mut readers = Readers::default();
        let [shared, own] = [b"shared", b"own..."].map(|bytes| Digest::of(bytes));
        readers.add(shared, ["one", "two"]);
        readers.add(own, ["one"]);
        assert_eq!((readers.of(&shared), readers.of(&Digest::of(b"none"))), (&["one", "two"][..], &[][..]));
        assert!(readers.remove(&own, |reader| *reader == "one"));
        assert!(!readers.remove(&shared, |reader| *reader == "one"));
        assert!(readers.remove(&shared, |reader| *reader == "two"));
    }
}

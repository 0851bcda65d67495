//! A record on its way to the remote tier, and what content belongs to it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::digest::{Digest, Key};
use crate::record::{Artifact, Form, Produced, Record};
use crate::store::StoreError;
use crate::store::local::blob::Blobs;
use crate::store::local::{records, tree};

/// A record whose content is on its way.
pub(crate) struct Parcel {
    pub(crate) record: Record,
    pub(crate) blobs: Blobs,
    /// Whether the remote tier has the record.
    pub(crate) there: bool,
    left: AtomicUsize,
    /// Content of it is in no tier, or could not be sent.
    incomplete: AtomicBool,
    moved: AtomicBool,
}

impl Parcel {
    /// A record with so many pieces of content.
    pub(crate) fn new(record: Record, blobs: Blobs, pieces: usize, there: bool) -> Self {
        // One more for the record itself, so that it goes last even if there is no content.
        let (incomplete, moved) = (AtomicBool::default(), AtomicBool::default());
        Parcel { record, blobs, there, left: AtomicUsize::new(pieces + 1), incomplete, moved }
    }

    /// The remote tier lacked a piece of it.
    pub(crate) fn has_moved(&self) {
        self.moved.store(true, Ordering::SeqCst);
    }

    /// Whether the remote tier lacked anything of it.
    pub(crate) fn moved(&self) -> bool {
        self.moved.load(Ordering::SeqCst)
    }

    /// A piece of it could not be sent.
    pub(crate) fn is_incomplete(&self) {
        self.incomplete.store(true, Ordering::SeqCst);
    }

    /// A piece is over, sent or not. After the last one, whether all were sent.
    pub(crate) fn one_less(&self) -> Option<bool> {
        let last = self.left.fetch_sub(1, Ordering::SeqCst) == 1;
        last.then(|| !self.incomplete.load(Ordering::SeqCst))
    }
}

/// The record of a key and the digests of all its content. None if this store lacks some of what lists it.
pub(crate) fn contents(blobs: &Blobs, key: &Key) -> Result<Option<(Record, Vec<Digest>)>, StoreError> {
    let Some(record) = records::read(blobs.root(), key)? else { return Ok(None) };
    let mut digests = Vec::new();
    for artifact in artifacts(&record) {
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
    Ok(Some((record, digests)))
}

/// All that a record names: outputs and log.
pub(crate) fn artifacts(record: &Record) -> impl Iterator<Item = &Artifact> {
    outputs(record).chain(&record.log)
}

/// What a stage has put out.
pub(crate) fn outputs(record: &Record) -> impl Iterator<Item = &Artifact> {
    record.outputs.values().filter_map(|produced| match produced {
        Produced::Artifact(artifact) => Some(artifact),
        Produced::Absent => None,
    })
}

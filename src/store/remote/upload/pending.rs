//! A record on its way to the remote tier.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::record::Record;
use crate::store::local::blob::Blobs;

/// A record whose content is on its way.
pub(crate) struct PendingUpload {
    pub(crate) record: Record,
    pub(crate) blobs: Blobs,
    /// Whether the remote tier has the record.
    pub(crate) there: bool,
    left: AtomicUsize,
    /// Content of it is in no tier, or could not be sent.
    incomplete: AtomicBool,
    moved: AtomicBool,
}

impl PendingUpload {
    /// A record with so many pieces of content.
    pub(crate) fn new(record: Record, blobs: Blobs, pieces: usize, there: bool) -> Self {
        // One more for the record itself, so that it goes last even if there is no content.
        let (incomplete, moved) = (AtomicBool::default(), AtomicBool::default());
        PendingUpload { record, blobs, there, left: AtomicUsize::new(pieces + 1), incomplete, moved }
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

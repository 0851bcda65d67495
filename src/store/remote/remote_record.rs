//! What stands under a key in the remote tier itself, whatever a pipeline's head says, and what is in its folders.

use crate::digest::{Digest, Key};
use crate::record::Record;
use crate::store::StoreError;
use crate::store::closure;
use crate::store::local::records;
use crate::store::remote::names;
use crate::store::remote::objects::Remote;

/// What stands under a key.
pub(crate) enum RemoteRecord {
    Absent,
    /// What is no record of this key.
    Damaged,
    /// A record that a newer version of this program wrote.
    Newer,
    Whole(Box<Record>),
}

impl RemoteRecord {
    pub(crate) fn of(remote: &dyn Remote, key: &Key) -> Result<Self, StoreError> {
        let mut bytes = Vec::new();
        if !remote.read(&names::record(key), &mut bytes)? {
            return Ok(RemoteRecord::Absent);
        }
        Ok(match records::parse(&bytes, key) {
            Some(record) => RemoteRecord::Whole(Box::new(record)),
            None if records::is_newer(&bytes) => RemoteRecord::Newer,
            None => RemoteRecord::Damaged,
        })
    }
}

/// What is in a folder by its list of entries in the remote tier. None if that is gone, damaged, or means nothing.
pub(crate) fn inside(remote: &dyn Remote, folder: &Digest) -> Result<Option<Vec<Digest>>, StoreError> {
    let mut list = Vec::new();
    let there = remote.read(&names::blob(folder), &mut list)?;
    Ok(if there { closure::listed(&list, folder) } else { None })
}

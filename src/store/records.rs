//! Records on disk. Writing one is the commit of a stage.
//!
//! It does not know what is in an index or a remote tier.

use std::io;
use std::path::{Path, PathBuf};

use crate::digest::{Digest, Key};
use crate::record::Record;
use crate::store::StoreError;
use crate::store::blob::write_atomically;

/// Version of record documents.
pub(crate) const RECORD_VERSION: u32 = 1;

pub(crate) fn path(root: &Path, key: &Key) -> PathBuf {
    let hex = key.to_string();
    root.join("records/v1").join(&hex[..2]).join(format!("{}.json", &hex[2..]))
}

/// The record under a key. A damaged one counts as none.
pub(crate) fn read(root: &Path, key: &Key) -> Result<Option<Record>, StoreError> {
    match fs_err::read(path(root, key)) {
        Ok(bytes) => Ok(parse(&bytes, key)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::io("read a record")(error)),
    }
}

/// Checks a record's checksum and that it belongs to the key.
pub(crate) fn parse(bytes: &[u8], key: &Key) -> Option<Record> {
    let record: Record = match serde_json::from_slice(bytes) {
        Ok(record) => record,
        Err(error) => {
            tracing::warn!("the record {} is damaged and counts as missing: {error}", key.short());
            return None;
        }
    };
    let whole = is_whole(&record, key);
    if !whole {
        tracing::warn!("the record {} does not match its checksum and counts as missing", key.short());
    }
    whole.then_some(record)
}

/// Whether a record is what was written, and belongs to the key.
pub(crate) fn is_whole(record: &Record, key: &Key) -> bool {
    record.version <= RECORD_VERSION
        && record.checksum == checksum(record)
        && record.key == *key
        && Key::of_document(record.document.as_bytes()) == *key
}

/// Whether a document was written by a newer version of this program, and is whole as far as this one can tell.
pub(crate) fn is_newer(bytes: &[u8]) -> bool {
    let document: serde_json::Value = serde_json::from_slice(bytes).unwrap_or_default();
    document["version"].as_u64().is_some_and(|version| version > u64::from(RECORD_VERSION))
}

/// Digest of the record with an empty checksum.
pub(crate) fn checksum(record: &Record) -> String {
    let bare = Record { checksum: String::new(), ..record.clone() };
    let value = serde_json::to_value(&bare).unwrap_or_default();
    let mut text = String::new();
    crate::key::write_canonical(&value, &mut text);
    Digest::of(text.as_bytes()).to_string()
}

/// A record with its checksum, as it is written.
pub(crate) fn to_bytes(record: &Record) -> Vec<u8> {
    let sealed = Record { checksum: checksum(record), ..record.clone() };
    serde_json::to_vec_pretty(&sealed).unwrap_or_default()
}

/// Writes a record unless there is one; returns the one that stands.
pub(crate) fn commit(root: &Path, record: &Record) -> Result<Record, StoreError> {
    let doing = StoreError::io("write a record");
    let to = path(root, &record.key);
    let folder = to.parent().unwrap_or(root);
    fs_err::create_dir_all(folder).map_err(&doing)?;
    let temporary = tempfile::Builder::new().prefix(".record-").tempfile_in(folder).map_err(&doing)?;
    fs_err::write(temporary.path(), to_bytes(record)).map_err(&doing)?;
    // A link fails where the name exists, so the first one wins, whole.
    match fs_err::hard_link(temporary.path(), &to) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match read(root, &record.key)? {
            Some(standing) => return Ok(standing),
            None => replace(root, record)?,
        },
        Err(error) => return Err(doing(error)),
    }
    Ok(Record { checksum: checksum(record), ..record.clone() })
}

/// Writes a record in place of the one that is there.
pub(crate) fn replace(root: &Path, record: &Record) -> Result<(), StoreError> {
    let doing = StoreError::io("write a record");
    let to = path(root, &record.key);
    fs_err::create_dir_all(to.parent().unwrap_or(root)).map_err(&doing)?;
    write_atomically(&to, &to_bytes(record)).map_err(doing)
}

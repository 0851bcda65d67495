//! Names of objects in the remote tier.
//!
//! They are part of the format: stores that were filled once must be read for ever.

use crate::digest::{Digest, Key};

pub(crate) fn blob(digest: &Digest) -> String {
    let hex = digest.to_string();
    format!("blobs/v1/{}/{}", &hex[..2], &hex[2..])
}

pub(crate) fn record(key: &Key) -> String {
    let hex = key.to_string();
    format!("records/v1/{}/{}.json", &hex[..2], &hex[2..])
}

/// The last records of a pipeline. Names of pipelines are plain words.
pub(crate) fn head(pipeline: &str) -> String {
    format!("heads/v1/{pipeline}.jsonl")
}

/// The folder of a key's leases.
pub(crate) fn leases(key: &Key) -> String {
    format!("leases/v1/{key}")
}

pub(crate) fn lease(key: &Key, epoch: u32) -> String {
    format!("leases/v1/{key}/{epoch}")
}

/// What shows that the owner of a lease lives.
pub(crate) fn beat(key: &Key, epoch: u32) -> String {
    format!("leases/v1/{key}/{epoch}.beat")
}

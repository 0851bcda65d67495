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

/// The last records of the pipelines of a name. What tells pipelines of one name apart in a local store, after the `@`,
/// is that store's own. Services do not agree on what but plain letters a name may have.
pub(crate) fn head(pipeline: &str) -> String {
    let name = pipeline.split('@').next().unwrap_or_default();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.chars().all(plain) {
        return format!("heads/v1/{name}.jsonl");
    }
    let readable: String = name.chars().map(|c| if plain(c) { c } else { '_' }).collect();
    format!("heads/v1/{readable}@{}.jsonl", &Digest::of(name.as_bytes()).to_string()[..8])
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

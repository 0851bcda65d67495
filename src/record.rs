//! What a stage produced, under the key of what went into it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use nnf_contract::Machine;
use serde::{Deserialize, Serialize};

use crate::digest::{Digest, Key};

/// Content in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// Digest of the bytes, or of the tree document for a folder.
    pub digest: Digest,
    /// File or folder.
    pub form: Form,
    /// Bytes of the content; of all files of a folder together.
    pub size: u64,
    /// Media type as declared.
    pub media: String,
}

/// Whether content is one file or a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// One file without the executable bit.
    File,
    /// One file with the executable bit.
    Executable,
    /// A folder; its digest names a tree document.
    Folder,
}

/// What a stage left under the name of an output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Produced {
    /// Content.
    Artifact(Artifact),
    /// Nothing: the output is optional, and the stage left it out.
    Absent,
}

/// The record of one finished stage. Written last: it is the commit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Version of this document.
    pub version: u32,
    /// The key, equal to the hash of `document`.
    pub key: Key,
    /// The canonical key document (JSON text) that hashes to `key`.
    pub document: String,
    /// Outputs by name.
    pub outputs: BTreeMap<String, Produced>,
    /// Last value of every metric that the stage reported.
    #[serde(default)]
    pub metrics: BTreeMap<String, f64>,
    /// When the successful attempt began.
    pub started: Timestamp,
    /// Seconds of work, summed over the attempts that the result rests on.
    pub seconds: f64,
    /// Number of attempts, the successful one included.
    pub attempts: u32,
    /// The machine that did the work.
    pub machine: Machine,
    /// Facts worth knowing that are not keyed: program digests, library versions, threads.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// The log, if it was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<Artifact>,
    /// Makes two records of the same work tell apart.
    pub nonce: String,
    /// The record that this one replaces, when its blobs were proven bad.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supersedes: Option<String>,
    /// Digest of this document with an empty checksum.
    pub checksum: String,
}

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
    /// The nonce of the record that this one replaces: its content was proven bad, or this one was asked for in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supersedes: Option<String>,
    /// The nonces of those in whose place it was asked for, by force, the latest first: a remote tier that still has one of
    /// them takes this one instead.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replaces: Vec<String>,
    /// Digest of this document with an empty checksum.
    pub checksum: String,
}

/// Most records that one remembers to stand for.
const MOST_REPLACED: usize = 100;

impl Record {
    /// Makes this the record that takes the place of another here: by force, or because content of that one was lost.
    pub fn supersede(&mut self, other: &Record, forced: bool) {
        // A run that makes the same twice supersedes its own.
        let own = other.nonce == self.nonce;
        self.supersedes = if own { other.supersedes.clone() } else { Some(other.nonce.clone()) };
        let replaced = (forced && !own).then_some(&other.nonce);
        self.replaces = replaced.into_iter().chain(&other.replaces).take(MOST_REPLACED).cloned().collect();
    }

    /// Whether this was asked for in the place of another, or of what took its place.
    #[must_use]
    pub fn stands_for(&self, other: &Record) -> bool {
        self.replaces.contains(&other.nonce)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn record(nonce: &str) -> Record {
        let text = format!(
            r#"{{"version":1,"key":"{}","document":"{{}}","outputs":{{}},"started":"2024-05-01T00:00:00Z","seconds":0.0,
            "attempts":1,"machine":{},"nonce":"{nonce}","checksum":""}}"#,
            Key::of_document(b"{}"),
            serde_json::to_string(&crate::machine::this_machine()).unwrap(),
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn a_record_knows_all_that_it_stands_for() {
        let first = record("0");
        let mut last = first.clone();
        for number in 1..=150 {
            let mut next = record(&number.to_string());
            next.supersede(&last, true);
            assert!(next.stands_for(&last) && !next.stands_for(&next) && !last.stands_for(&next));
            assert_eq!(next.stands_for(&first), number <= 100, "{number}");
            last = next;
        }
        let mut again = record("150");
        again.supersede(&last, true);
        assert_eq!((again.supersedes, again.replaces), (last.supersedes.clone(), last.replaces.clone()), "its own");
        let mut lost = record("151");
        lost.supersede(&last, false);
        assert_eq!((lost.supersedes.as_deref(), lost.stands_for(&last)), (Some("150"), false));
        assert_eq!(lost.replaces, last.replaces, "it goes on to stand for what that one stood for");
    }
}

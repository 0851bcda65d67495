//! What a look through a store can bring to light.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::Serialize;

use crate::digest::{Digest, Key};

/// What is wrong in a store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum Fault {
    /// A record that does not match its checksum or its key.
    DamagedRecord {
        /// The key that its name says.
        key: Key,
        /// The instances that it is known to be of.
        stages: BTreeSet<String>,
    },
    /// Content that does not match its name, or cannot be read.
    DamagedContent {
        /// Its name.
        content: Digest,
        /// The results that need it.
        users: Vec<User>,
        /// Whether a remote tier is known to have it.
        elsewhere: bool,
    },
    /// Whole content whose file has another mode than all content has.
    WrongMode {
        /// Its name.
        content: Digest,
        /// The results that need it.
        users: Vec<User>,
        /// The mode.
        mode: u32,
    },
    /// Content that a record names, and that neither this tier nor, as far as is known, another one has.
    MissingContent {
        /// Its name.
        content: Digest,
        /// The results that need it.
        users: Vec<User>,
    },
    /// A folder whose list of entries is whole but means nothing.
    BadFolder {
        /// The digest of the list.
        content: Digest,
        /// The results that need it.
        users: Vec<User>,
        /// What is wrong with it.
        why: String,
    },
    /// A pin that cannot be read.
    DamagedPin {
        /// Its name.
        name: String,
    },
    /// A pin that keeps a result which is not there.
    BrokenPin {
        /// Its name.
        name: String,
        /// The instances whose records are gone.
        stages: BTreeSet<String>,
    },
    /// The index tells another thing of a record than the record itself.
    WrongIndex {
        /// The key of the record.
        key: Key,
    },
    /// A file that has no business in the store.
    Stray {
        /// Its path.
        path: PathBuf,
    },
}

/// A result that needs some content.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct User {
    /// The key of its record.
    pub key: Key,
    /// The output, with the path inside it where it is a folder; none for the log.
    pub output: Option<String>,
    /// The instances that the record is known to be of.
    pub stages: BTreeSet<String>,
}

/// What was looked at, and what was found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Verified {
    /// Records that were read.
    pub records: u64,
    /// Blobs that were read.
    pub blobs: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Pins.
    pub pins: u64,
    /// Results whose content is, as far as is known, in a remote tier only.
    pub elsewhere: u64,
    /// Records of a newer version of this program, whose content was not looked for.
    pub newer: u64,
    /// What killed programs left; it is no fault.
    pub leftovers: u64,
    /// What is wrong, sorted.
    pub faults: Vec<Fault>,
}

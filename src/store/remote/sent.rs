//! What the remote tier is known to have: keys whose record and content were sent to it or read from it.
//!
//! Noted in one file for each remote tier, so that a run without work asks it nothing, and what was not sent is known
//! without asking. Losing it costs requests only.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::digest::{Digest, Key};
use crate::store::StoreError;
use crate::store::local::writing::write_atomically;
use crate::store::local::{inventory, lines};
use crate::store::remote::objects::public;

/// How the names of the files begin.
const PREFIX: &str = "sent-";

/// Keys whose record and content the remote tier is known to have, and the file that remembers them.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    keys: HashSet<Key>,
    file: PathBuf,
}

impl Sent {
    /// The file of a remote tier in the folder of indices.
    pub(crate) fn file(notes: &Path, url: &str) -> PathBuf {
        // Two ways to write one URL are one store.
        let shown = public(url);
        let one = url::Url::parse(&shown).map_or(shown, |url| url.to_string());
        notes.join(format!("{PREFIX}{}", Digest::of(one.as_bytes()).short()))
    }

    pub(crate) fn open(file: PathBuf) -> Self {
        let text = fs_err::read(&file).unwrap_or_default();
        let keys = lines::checked_lines(&text).filter_map(|line| serde_json::from_slice(line).ok()).collect();
        Sent { keys, file }
    }

    pub(crate) fn has(&self, key: &Key) -> bool {
        self.keys.contains(key)
    }

    /// Forgets all keys but these, in the file as well.
    pub(crate) fn retain(&mut self, keys: &HashSet<Key>) -> Result<(), StoreError> {
        self.keep(|key| keys.contains(key))
    }

    /// Forgets a key, in the file as well.
    pub(crate) fn forget(&mut self, forgotten: &Key) -> Result<(), StoreError> {
        self.keep(|key| key != forgotten)
    }

    /// Forgets a key in the files of all remote tiers.
    pub(crate) fn forget_everywhere(notes: &Path, key: &Key) -> Result<(), StoreError> {
        for file in Self::files(notes)? {
            let mut sent = Sent::open(file);
            if sent.has(key) {
                sent.forget(key)?;
            }
        }
        Ok(())
    }

    /// Keys whose record and content any remote tier is known to have.
    pub(crate) fn anywhere(notes: &Path) -> Result<HashSet<Key>, StoreError> {
        Ok(Self::files(notes)?.into_iter().flat_map(|file| Sent::open(file).keys).collect())
    }

    /// The files of all remote tiers.
    fn files(notes: &Path) -> Result<Vec<PathBuf>, StoreError> {
        let names = inventory::names(notes).map_err(StoreError::io("look up what remote stores have"))?;
        Ok(names.into_iter().filter(|name| name.starts_with(PREFIX)).map(|name| notes.join(name)).collect())
    }

    fn keep(&mut self, keep: impl Fn(&Key) -> bool) -> Result<(), StoreError> {
        // Another program may have added some since.
        let mut now = Sent::open(self.file.clone()).keys;
        now.retain(keep);
        let mut text = Vec::new();
        now.iter().for_each(|key| lines::push_line(&mut text, key));
        write_atomically(&self.file, &text).map_err(StoreError::io("note what the remote store has"))?;
        self.keys = now;
        Ok(())
    }

    pub(crate) fn add(&mut self, key: Key) {
        if !self.keys.insert(key) {
            return;
        }
        let mut line = Vec::new();
        lines::push_line(&mut line, &key);
        if let Err(error) = lines::append(&self.file, &line) {
            tracing::debug!("what was sent was not remembered: {error}");
        }
    }
}

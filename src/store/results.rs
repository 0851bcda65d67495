//! Records in both tiers: what is known under a key, and what is written there.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use crate::digest::Key;
use crate::record::Record;
use crate::store::keeping::pins;
use crate::store::local::records;
use crate::store::local::stamps::Stamp;
use crate::store::remote::sent::Sent;
use crate::store::remote::standing::Standing;
use crate::store::{Known, Store, StoreError, lock};

impl Store {
    /// The outputs under a key, if a stage has produced them: from the local tier, else from the remote one.
    ///
    /// # Errors
    /// When a tier fails. A damaged record counts as none, and is reported in the log.
    pub fn look_up(&self, key: &Key) -> Result<Option<Known>, StoreError> {
        let found = lock(&self.index).get(key);
        if let Some((known, Some(look))) = found
            && Stamp::of_path(&records::path(&self.root, key)) == Some(look)
        {
            return Ok(Some(known));
        }
        Ok(self.record(key)?.map(|record| Known::from(&record)))
    }

    /// The record under a key.
    ///
    /// # Errors
    /// As for [`Store::look_up`].
    pub fn record(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        let look = Stamp::of_path(&records::path(&self.root, key));
        if let Some(record) = look.and_then(|_| records::read(&self.root, key).transpose()).transpose()? {
            lock(&self.index).add(&record, look);
            return Ok(Some(record));
        }
        let Some(tier) = &self.tier else { return Ok(None) };
        let Some(record) = tier.record(key)? else { return Ok(None) };
        let record = records::commit(&self.root, &record)?;
        self.added(&record);
        Ok(Some(record))
    }

    /// Writes a record; the first one under a key wins. Returns the one that stands.
    ///
    /// # Errors
    /// When the local tier cannot be written. The remote tier is written in the background, see [`Store::finish`].
    pub fn commit(&self, record: &Record) -> Result<Record, StoreError> {
        let standing = records::commit(&self.root, record)?;
        self.added(&standing);
        if let Some(tier) = &self.tier {
            tier.send(standing.key, &self.blobs);
        }
        Ok(standing)
    }

    /// Where another machine's record was in the remote tier first, and has other outputs than the one here, it takes its
    /// place, so that all who share the tier read the same. Returns how many did.
    pub(crate) fn adopt(&self) -> Result<usize, StoreError> {
        let Some(tier) = &self.tier else { return Ok(0) };
        let refused = tier.refused();
        let pinned = if refused.is_empty() { BTreeSet::new() } else { pins::keys(&self.root)? };
        let mut adopted = 0;
        for key in refused {
            let standing = Standing::of(tier.remote(), &key)?;
            let (Some(_), Standing::Record(first)) = (records::read(&self.root, &key)?, standing) else { continue };
            let short = key.short();
            if pinned.contains(&key) {
                tracing::warn!("{short}: the remote store has another result; the one here is pinned and stays");
                continue;
            }
            tracing::warn!("{short}: another result was in the remote store first; it replaces the one here");
            records::replace(&self.root, &first)?;
            self.added(&first);
            tier.note(key);
            adopted += 1;
        }
        Ok(adopted)
    }

    fn added(&self, record: &Record) {
        self.unsaved.store(true, Ordering::SeqCst);
        let look = Stamp::of_path(&records::path(&self.root, &record.key));
        lock(&self.index).add(record, look);
    }

    /// Whether there is a remote tier.
    #[must_use]
    pub fn has_remote(&self) -> bool {
        self.tier.is_some()
    }

    /// Sends what is under a key to the remote tier, unless that is known to have it: an upload may have failed before,
    /// or the tier may be new.
    ///
    /// # Errors
    /// When the record cannot be read.
    pub fn share(&self, key: &Key) -> Result<(), StoreError> {
        let Some(tier) = self.tier.as_ref().filter(|tier| !tier.has(key)) else { return Ok(()) };
        if let Some(record) = self.record(key)? {
            tier.send(record.key, &self.blobs);
        }
        Ok(())
    }

    /// Whether the remote tier, if there is one, is known to have what is under a key.
    pub(crate) fn is_shared(&self, key: &Key) -> bool {
        self.tier.as_ref().is_none_or(|tier| tier.has(key))
    }

    /// Replaces the record under a key: its content was proven bad, or this one was asked for in its place.
    ///
    /// # Errors
    /// When the local tier cannot be written.
    pub fn replace(&self, record: &Record) -> Result<(), StoreError> {
        // Other remote tiers have what is replaced.
        Sent::forget_everywhere(&self.root.join("index/v1"), &record.key)?;
        records::replace(&self.root, record)?;
        self.added(record);
        if let Some(tier) = &self.tier {
            tier.forget(&record.key)?;
            tier.send(record.key, &self.blobs);
        }
        Ok(())
    }
}

//! The room of records, in both tiers: what is known under a key, and what is written there.

use std::collections::BTreeSet;

use crate::digest::Key;
use crate::mutex::lock;
use crate::record::Record;
use crate::store::error::StoreError;
use crate::store::local::index::RecordSummary;
use crate::store::local::pins;
use crate::store::local::records;
use crate::store::local::stamps::Stamp;
use crate::store::remote::remote_record::RemoteRecord;
use crate::store::remote::sent::Sent;
use crate::store::tiers::Tiers;

/// What stages produced; see [`Store::records`](crate::store::Store::records).
#[derive(Clone, Copy)]
pub struct Records<'a> {
    pub(super) tiers: &'a Tiers,
}

impl Records<'_> {
    /// The outputs under a key, if a stage has produced them: from the local tier, else from the remote one.
    ///
    /// # Errors
    /// When a tier fails. A damaged record counts as none, and is reported in the log.
    pub fn look_up(&self, key: &Key) -> Result<Option<RecordSummary>, StoreError> {
        let found = lock(&self.tiers.index).get(key);
        if let Some((known, Some(look))) = found
            && Stamp::of_path(&records::path(&self.tiers.root, key)) == Some(look)
        {
            return Ok(Some(known));
        }
        Ok(self.get(key)?.map(|record| RecordSummary::from(&record)))
    }

    /// The record under a key.
    ///
    /// # Errors
    /// As for [`Records::look_up`].
    pub fn get(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        let look = Stamp::of_path(&records::path(&self.tiers.root, key));
        if look.is_some()
            && let Some(record) = records::read(&self.tiers.root, key)?
        {
            lock(&self.tiers.index).add(&record, look);
            return Ok(Some(record));
        }
        let Some(tier) = &self.tiers.tier else { return Ok(None) };
        let Some(record) = tier.record(key)? else { return Ok(None) };
        let record = records::commit(&self.tiers.root, &record)?;
        self.added(&record);
        Ok(Some(record))
    }

    /// Writes a record; the first one under a key wins. Returns the one that stands.
    ///
    /// # Errors
    /// When the local tier cannot be written. The remote tier is written in the background, see
    /// [`Store::finish`](crate::store::Store::finish).
    pub fn commit(&self, record: &Record) -> Result<Record, StoreError> {
        let standing = records::commit(&self.tiers.root, record)?;
        self.added(&standing);
        if let Some(tier) = &self.tiers.tier {
            tier.send(standing.key, &self.tiers.blobs);
        }
        Ok(standing)
    }

    /// Where another machine's record was in the remote tier first, and has other outputs than the one here, it takes its
    /// place, so that all who share the tier read the same. Returns how many did.
    pub(crate) fn adopt(&self) -> Result<usize, StoreError> {
        let Some(tier) = &self.tiers.tier else { return Ok(0) };
        let refused = tier.refused();
        let pinned = if refused.is_empty() { BTreeSet::new() } else { pins::keys(&self.tiers.root)? };
        let mut adopted = 0;
        for key in refused {
            let standing = RemoteRecord::of(tier.remote(), &key)?;
            let (Some(_), RemoteRecord::Whole(first)) = (records::read(&self.tiers.root, &key)?, standing) else {
                continue;
            };
            let short = key.short();
            if pinned.contains(&key) {
                tracing::warn!("{short}: the remote store has another result; the one here is pinned and stays");
                continue;
            }
            tracing::warn!("{short}: another result was in the remote store first; it replaces the one here");
            records::replace(&self.tiers.root, &first)?;
            self.added(&first);
            tier.note(key);
            adopted += 1;
        }
        Ok(adopted)
    }

    fn added(&self, record: &Record) {
        self.tiers.record_was_written();
        let look = Stamp::of_path(&records::path(&self.tiers.root, &record.key));
        lock(&self.tiers.index).add(record, look);
    }

    /// Replaces the record under a key: its content was proven bad, or this one was asked for in its place.
    ///
    /// # Errors
    /// When the local tier cannot be written.
    pub fn replace(&self, record: &Record) -> Result<(), StoreError> {
        // Other remote tiers have what is replaced.
        Sent::forget_everywhere(&self.tiers.root.join("index/v1"), &record.key)?;
        records::replace(&self.tiers.root, record)?;
        self.added(record);
        if let Some(tier) = &self.tiers.tier {
            tier.forget(&record.key)?;
            tier.send(record.key, &self.tiers.blobs);
        }
        Ok(())
    }
}

//! The room of the remote tier: results moved between the tiers on demand, leases taken, and what a remote tier is not
//! known to have.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use crate::digest::{Digest, Key};
use crate::mutex::lock;
use crate::record::{Artifact, Record};
use crate::store::closure;
use crate::store::error::StoreError;
use crate::store::local::{heads, records};
use crate::store::owners::Owner;
use crate::store::records::Records;
use crate::store::remote::lease::{Claim, Watch};
use crate::store::remote::sent::Sent;
use crate::store::remote::transfer_stats::TransferStats;
use crate::store::tiers::Tiers;

/// The right to do the work of a key, among machines that share a remote tier; see [`RemoteTier::claim`].
pub struct Lease<'a> {
    tiers: &'a Tiers,
    key: Key,
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        if let Some(tier) = &self.tiers.tier {
            tier.release(&self.key);
        }
    }
}

/// Who has the lease of a key.
pub enum Claimed<'a> {
    /// This program, as long as this is kept; if the result is committed, until it has arrived in the remote tier.
    Ours(Option<Lease<'a>>),
    /// A program on this host.
    Others(String),
}

/// What a program that waits for a lease has seen of it.
#[derive(Debug, Default)]
pub struct Waiting(Watch);

/// Results moved between the tiers, and leases; see [`Store::remote`](crate::store::Store::remote).
#[derive(Clone, Copy)]
pub struct RemoteTier<'a> {
    pub(super) tiers: &'a Tiers,
}

impl<'a> RemoteTier<'a> {
    /// Tries to take the lease of a key. Where there is no remote tier, or it fails, the work may be done without one.
    /// The caller has the key's local lock.
    pub fn claim(&self, key: &Key, waiting: &mut Waiting) -> Claimed<'a> {
        let Some(tier) = &self.tiers.tier else { return Claimed::Ours(None) };
        match tier.claim(key, &mut waiting.0) {
            Ok(Claim::Held) => Claimed::Ours(Some(Lease { tiers: self.tiers, key: *key })),
            Ok(Claim::Taken(host)) => Claimed::Others(host),
            Err(error) => {
                tracing::debug!("the work is done without a lease: {error}");
                Claimed::Ours(None)
            }
        }
    }

    /// Records of this pipeline will be looked up; the remote tier keeps them together.
    pub fn expect(&self, pipeline: &str, owner: &Owner) {
        if let Some(tier) = &self.tiers.tier {
            tier.expect(pipeline, owner.digest());
        }
    }

    /// Leaves the last records of a pipeline in the remote tier, together, once all that they name is there.
    ///
    /// # Errors
    /// When the remote tier fails.
    pub fn publish_head(&self, pipeline: &str) -> Result<(), StoreError> {
        let Some(tier) = &self.tiers.tier else { return Ok(()) };
        let mut records = Vec::new();
        for (instance, key) in heads::read(&self.tiers.root.join("heads/v1"), pipeline) {
            if tier.has(&key)
                && let Some(record) = records::read(&self.tiers.root, &key)?
            {
                records.push((instance, record));
            }
        }
        tier.publish(pipeline, records)
    }

    /// Sends what lies under keys to the remote tier, and waits until it is there. What is noted as sent is asked for.
    /// Where another's result was there first, it takes the place of the one here.
    ///
    /// # Errors
    /// When a tier fails.
    pub fn push(
        &self,
        keys: &BTreeSet<Key>,
        tell: &mut dyn FnMut(&TransferStats),
    ) -> Result<TransferStats, StoreError> {
        let Some(tier) = &self.tiers.tier else { return Ok(TransferStats::default()) };
        for key in keys {
            tier.send_if_missing(*key, &self.tiers.blobs);
        }
        let sent = tier.finish(tell);
        let adopted = Records { tiers: self.tiers }.adopt();
        let sent = sent?;
        let moved = TransferStats { adopted: adopted?, ..sent };
        if moved.results > 0 {
            tier.head_is_stale();
        }
        Ok(moved)
    }

    /// Brings all content of results from the remote tier that the local one lacks.
    ///
    /// # Errors
    /// When a tier fails. Content that is in no tier is counted, and is no error.
    pub fn pull(
        &self,
        keys: &BTreeSet<Key>,
        tell: &(dyn Fn(&TransferStats) + Sync),
    ) -> Result<TransferStats, StoreError> {
        let (mut records, blobs) = (Vec::new(), &self.tiers.blobs);
        for key in keys {
            records.extend(Records { tiers: self.tiers }.get(key)?);
        }
        let pull = Pull { tiers: self.tiers, tell, state: Mutex::default() };
        let artifacts: Vec<&Artifact> = records.iter().flat_map(closure::artifacts).collect();
        pull.bring(&closure::lacking(blobs, artifacts.iter().map(|artifact| artifact.digest).collect())?)?;
        // Now the lists of folders are here, and say what is in them.
        pull.bring(&closure::lacking_inside(blobs, &artifacts)?)?;
        let (mut moved, brought) = pull.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        for record in &records {
            match self.content_of(record)? {
                None => moved.lost += 1,
                Some(content) if !content.iter().any(|digest| brought.contains(digest)) => moved.there += 1,
                Some(_) => moved.results += 1,
            }
        }
        Ok(moved)
    }

    /// All content of a record, if the local tier has it.
    fn content_of(&self, record: &Record) -> Result<Option<Vec<Digest>>, StoreError> {
        let Some(content) = closure::whole_content(&self.tiers.blobs, record)? else { return Ok(None) };
        let lacks = closure::lacking(&self.tiers.blobs, content.iter().copied().collect())?;
        Ok(lacks.is_empty().then_some(content))
    }

    /// Whether there is a remote tier.
    #[must_use]
    pub fn is_there(&self) -> bool {
        self.tiers.tier.is_some()
    }

    /// Sends what is under a key to the remote tier, unless that is known to have it: an upload may have failed before,
    /// or the tier may be new.
    ///
    /// # Errors
    /// When the record cannot be read.
    pub fn share(&self, key: &Key) -> Result<(), StoreError> {
        let Some(tier) = self.tiers.tier.as_ref().filter(|tier| !tier.has(key)) else { return Ok(()) };
        if let Some(record) = (Records { tiers: self.tiers }).get(key)? {
            tier.send(record.key, &self.tiers.blobs);
        }
        Ok(())
    }

    /// How many of these keys have a result here that the remote tier at a URL is not known to have. Asks nobody.
    #[must_use]
    pub fn not_sent(&self, url: &str, keys: &BTreeSet<Key>) -> usize {
        let sent = Sent::open(Sent::file(&self.tiers.root.join("index/v1"), url));
        keys.iter().filter(|key| !sent.has(key)).count()
    }
}

/// Content on its way to the local tier.
struct Pull<'a> {
    tiers: &'a Tiers,
    tell: &'a (dyn Fn(&TransferStats) + Sync),
    /// Sums, and what arrived.
    state: Mutex<(TransferStats, BTreeSet<Digest>)>,
}

impl Pull<'_> {
    fn bring(&self, digests: &[Digest]) -> Result<(), StoreError> {
        let Some(tier) = &self.tiers.tier else { return Ok(()) };
        tier.fetch_blobs(digests, &self.tiers.blobs, &|digest, fetched| match fetched {
            Ok(size) => {
                let mut state = lock(&self.state);
                state.0.files += 1;
                state.0.bytes += size;
                state.1.insert(*digest);
                (self.tell)(&state.0);
                Ok(())
            }
            Err(StoreError::Missing(_) | StoreError::Damaged { .. }) => Ok(()),
            Err(error) => Err(error),
        })
    }
}

//! Results moved between the tiers on demand, leases taken, and what a remote tier is not known to have.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use crate::digest::{Digest, Key};
use crate::record::{Artifact, Form, Record};
use crate::store::closure;
use crate::store::local::tree;
use crate::store::remote::lease::{Claim, Watch};
use crate::store::remote::sent::Sent;
use crate::store::{Owner, Store, StoreError, lock};

/// What was moved between the tiers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// Results that were moved.
    pub results: usize,
    /// Results that were where they should be.
    pub there: usize,
    /// Of these, those that took the place of other outputs here.
    pub adopted: usize,
    /// Results of which content is in no tier.
    pub lost: usize,
    /// Files that were moved.
    pub files: usize,
    /// Bytes of these files.
    pub bytes: u64,
}

/// The right to do the work of a key, among machines that share a remote tier; see [`Store::claim`].
pub struct Lease<'a> {
    store: &'a Store,
    key: Key,
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        if let Some(tier) = &self.store.tier {
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

impl Store {
    /// Tries to take the lease of a key. Where there is no remote tier, or it fails, the work may be done without one.
    /// The caller has the key's local lock.
    pub fn claim(&self, key: &Key, waiting: &mut Waiting) -> Claimed<'_> {
        let Some(tier) = &self.tier else { return Claimed::Ours(None) };
        match tier.claim(key, &mut waiting.0) {
            Ok(Claim::Held) => Claimed::Ours(Some(Lease { store: self, key: *key })),
            Ok(Claim::Taken(host)) => Claimed::Others(host),
            Err(error) => {
                tracing::debug!("the work is done without a lease: {error}");
                Claimed::Ours(None)
            }
        }
    }

    /// Records of this pipeline will be looked up; the remote tier keeps them together.
    pub fn expect(&self, pipeline: &str, owner: &Owner) {
        if let Some(tier) = &self.tier {
            tier.expect(pipeline, owner.digest());
        }
    }

    /// Leaves the last records of a pipeline in the remote tier, together, once all that they name is there.
    ///
    /// # Errors
    /// When the remote tier fails.
    pub fn publish_head(&self, pipeline: &str) -> Result<(), StoreError> {
        let Some(tier) = &self.tier else { return Ok(()) };
        let mut records = Vec::new();
        for (instance, key) in self.heads(pipeline) {
            if tier.has(&key)
                && let Some(record) = crate::store::local::records::read(&self.root, &key)?
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
    pub fn push(&self, keys: &BTreeSet<Key>, tell: &mut dyn FnMut(&Moved)) -> Result<Moved, StoreError> {
        let Some(tier) = &self.tier else { return Ok(Moved::default()) };
        for key in keys {
            tier.send_if_missing(*key, &self.blobs);
        }
        let sent = tier.finish(tell);
        let adopted = self.adopt();
        let sent = sent?;
        let moved = Moved { adopted: adopted?, ..sent };
        if moved.results > 0 {
            tier.head_is_stale();
        }
        Ok(moved)
    }

    /// Brings all content of results from the remote tier that the local one lacks.
    ///
    /// # Errors
    /// When a tier fails. Content that is in no tier is counted, and is no error.
    pub fn pull(&self, keys: &BTreeSet<Key>, tell: &(dyn Fn(&Moved) + Sync)) -> Result<Moved, StoreError> {
        let mut records = Vec::new();
        for key in keys {
            records.extend(self.record(key)?);
        }
        let pull = Pull { store: self, tell, state: Mutex::default() };
        let artifacts: Vec<&Artifact> = records.iter().flat_map(closure::artifacts).collect();
        pull.bring(&self.missing(artifacts.iter().map(|artifact| artifact.digest).collect())?)?;
        // Now the lists of folders are here, and say what is in them.
        pull.bring(&self.lacking_inside(&artifacts)?)?;
        let (mut moved, brought) = pull.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        for record in &records {
            match self.content_of(record)? {
                None => moved.lost += 1,
                Some(content) if content.is_disjoint(&brought) => moved.there += 1,
                Some(_) => moved.results += 1,
            }
        }
        Ok(moved)
    }

    /// All content of a record, if the local tier has it.
    fn content_of(&self, record: &Record) -> Result<Option<BTreeSet<Digest>>, StoreError> {
        let artifacts: Vec<&Artifact> = closure::artifacts(record).collect();
        let mut content: BTreeSet<Digest> = artifacts.iter().map(|artifact| artifact.digest).collect();
        if !self.missing(content.clone())?.is_empty() {
            return Ok(None);
        }
        for artifact in artifacts.iter().filter(|artifact| artifact.form == Form::Folder) {
            content.extend(tree::read(&self.blobs, &artifact.digest)?.blobs());
        }
        Ok(self.missing(content.clone())?.is_empty().then_some(content))
    }

    /// What the local tier lacks of what is in these, where they are folders.
    pub(crate) fn lacking_inside(&self, artifacts: &[&Artifact]) -> Result<Vec<Digest>, StoreError> {
        let mut digests = BTreeSet::new();
        for artifact in artifacts.iter().filter(|artifact| artifact.form == Form::Folder) {
            match tree::read(&self.blobs, &artifact.digest) {
                Err(StoreError::Missing(_) | StoreError::Damaged { .. }) => {}
                tree => digests.extend(tree?.blobs()),
            }
        }
        self.missing(digests)
    }

    fn missing(&self, digests: BTreeSet<Digest>) -> Result<Vec<Digest>, StoreError> {
        let mut missing = Vec::new();
        for digest in digests {
            match self.blobs.checked(&digest) {
                Ok(_) => {}
                Err(StoreError::Missing(_) | StoreError::Damaged { .. }) => missing.push(digest),
                Err(error) => return Err(error),
            }
        }
        Ok(missing)
    }

    /// How many of these keys have a result here that the remote tier at a URL is not known to have. Asks nobody.
    #[must_use]
    pub fn not_sent(&self, url: &str, keys: &BTreeSet<Key>) -> usize {
        let sent = Sent::open(Sent::file(&self.root.join("index/v1"), url));
        keys.iter().filter(|key| !sent.has(key)).count()
    }
}

/// Content on its way to the local tier.
struct Pull<'a> {
    store: &'a Store,
    tell: &'a (dyn Fn(&Moved) + Sync),
    /// Sums, and what arrived.
    state: Mutex<(Moved, BTreeSet<Digest>)>,
}

impl Pull<'_> {
    fn bring(&self, digests: &[Digest]) -> Result<(), StoreError> {
        let Some(tier) = &self.store.tier else { return Ok(()) };
        tier.fetch_blobs(digests, &self.store.blobs, &|digest, fetched| match fetched {
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

//! What of a remote tier is needed, as far as this store and the tier itself can tell.
//!
//! Pins and runs of other stores that share it are not seen from here.

use std::collections::{BTreeSet, HashSet};
use std::sync::Mutex;

use crate::digest::{Digest, Key};
use crate::mutex::lock;
use crate::record::{Form, Record};
use crate::store::closure::artifacts;
use crate::store::error::StoreError;
use crate::store::local::blob::Blobs;
use crate::store::local::tree;
use crate::store::maintenance::live_set::LiveSet;
use crate::store::maintenance::room::Maintenance;
use crate::store::remote::objects::Remote;
use crate::store::remote::remote_head::RemoteHead;
use crate::store::remote::remote_record::{self, RemoteRecord};

/// Requests at a time.
const REQUESTS: usize = 16;

impl Maintenance<'_> {
    /// Keys that pins, runs that go on, the last runs and what is shown here need, and the heads of the remote tier.
    pub(crate) fn remote_live_keys(&self, remote: &dyn Remote, keep_runs: usize) -> Result<HashSet<Key>, StoreError> {
        let alone = self.tiers.alone()?;
        let mut live = LiveSet::now(&self.tiers.root, &self.tiers.blobs)?;
        drop(alone);
        live.add_runs(keep_runs)?;
        live.add_shown()?;
        let mut keys = live.into_keys();
        for name in remote.list("heads/v1")? {
            let mut bytes = Vec::new();
            if remote.read(&name, &mut bytes)? {
                keys.extend(RemoteHead::keys(&bytes).ok_or(StoreError::DamagedHead(name))?);
            }
        }
        Ok(keys)
    }
}

/// The content of the records under these keys, as they stand in the remote tier, with what is inside folders.
pub(crate) fn content(remote: &dyn Remote, blobs: &Blobs, keys: &[Key]) -> Result<HashSet<Digest>, StoreError> {
    let (found, folders) = (Mutex::new(HashSet::new()), Mutex::new(BTreeSet::new()));
    each(keys, &|key| {
        let Some(record) = record(remote, key)? else { return Ok(()) };
        for artifact in artifacts(&record) {
            lock(&found).insert(artifact.digest);
            if artifact.form == Form::Folder {
                lock(&folders).insert(artifact.digest);
            }
        }
        Ok(())
    })?;
    let folders: Vec<Digest> = lock(&folders).iter().copied().collect();
    each(&folders, &|folder| {
        let inside = listed(remote, blobs, folder)?;
        lock(&found).extend(inside);
        Ok(())
    })?;
    Ok(found.into_inner().unwrap_or_default())
}

/// A record as it stands there; a damaged one counts as none.
fn record(remote: &dyn Remote, key: &Key) -> Result<Option<Record>, StoreError> {
    match RemoteRecord::of(remote, key)? {
        RemoteRecord::Whole(record) => Ok(Some(*record)),
        RemoteRecord::Newer => Err(StoreError::Newer(*key)),
        RemoteRecord::Damaged | RemoteRecord::Absent => Ok(None),
    }
}

/// What is in a folder; nothing if its list is lost, since it has to be made again as a whole then.
fn listed(remote: &dyn Remote, blobs: &Blobs, folder: &Digest) -> Result<Vec<Digest>, StoreError> {
    match tree::read(blobs, folder) {
        Ok(tree) => Ok(tree.blobs().collect()),
        Err(StoreError::Missing(_) | StoreError::Damaged { .. }) => {
            Ok(remote_record::inside(remote, folder)?.unwrap_or_default())
        }
        Err(error) => Err(error),
    }
}

/// Does something with each of many, several at a time. The first failure ends it.
pub(crate) fn each<T: Sync>(
    many: &[T],
    work: &(dyn Fn(&T) -> Result<(), StoreError> + Sync),
) -> Result<(), StoreError> {
    let (next, failed) = (Mutex::new(many.iter()), Mutex::new(None));
    let worker = || {
        loop {
            let one = lock(&next).next();
            match one {
                Some(one) if lock(&failed).is_none() => {
                    if let Err(error) = work(one) {
                        lock(&failed).get_or_insert(error);
                    }
                }
                _ => return,
            }
        }
    };
    std::thread::scope(|scope| (0..REQUESTS.min(many.len())).for_each(|_| drop(scope.spawn(worker))));
    lock(&failed).take().map_or(Ok(()), Err)
}

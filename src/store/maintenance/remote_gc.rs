//! Collection in the remote tier, as far as the times of its objects allow.
//!
//! Records go before content. Nothing locks a remote tier: what another machine relies on in the very moment in which it
//! is removed has to be made again, and so have its older results, which this store knows nothing of. That results are
//! right never rests on what is there.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use serde::Serialize;

use crate::digest::{Digest, Key};
use crate::store::error::StoreError;
use crate::store::maintenance::amount::Amount;
use crate::store::maintenance::gc::remove_all;
use crate::store::maintenance::remote_live_set::{content, each};
use crate::store::maintenance::room::Maintenance;
use crate::store::remote::names;
use crate::store::remote::objects::{Remote, RemoteObject};
use crate::store::remote::tier::Tier;

/// What to keep in the remote tier although nothing is known to need it.
#[derive(Clone, Copy, Debug)]
pub struct CollectRemote {
    /// Runs of each pipeline of this store whose results are kept.
    pub keep_runs: usize,
    /// What was written since then is kept.
    pub grace: Duration,
    /// Only tell what would be removed.
    pub dry_run: bool,
}

/// What a collection of the remote tier removed, or would remove.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RemoteCollected {
    /// Records.
    pub results: Amount,
    /// Blobs.
    pub content: Amount,
    /// Leases that killed programs left, with their heartbeats.
    pub leases: Amount,
    /// Records that are kept.
    pub kept_results: Amount,
    /// Blobs that are kept.
    pub kept_content: Amount,
}

/// An object under the name of a digest or a key.
struct Item<N> {
    name: N,
    size: u64,
    modified: SystemTime,
}

struct Collection<'a> {
    store: Maintenance<'a>,
    remote: &'a dyn Remote,
    options: &'a CollectRemote,
    now: SystemTime,
    needed: HashSet<Key>,
}

impl Maintenance<'_> {
    /// Removes from the remote tier what this store and the tier's heads do not need. None if there is no such tier.
    ///
    /// # Errors
    /// When a tier fails, a pin or a head is damaged, or a record that is kept was written by a newer program.
    pub fn collect_remote(&self, options: &CollectRemote) -> Result<Option<RemoteCollected>, StoreError> {
        let Some(tier) = &self.tiers.tier else { return Ok(None) };
        let _one_at_a_time = self.gc_lock()?;
        let remote = tier.remote();
        let needed = self.remote_live_keys(remote, options.keep_runs)?;
        let now = now(remote)?;
        Collection { store: *self, remote, options, now, needed }.collect(tier).map(Some)
    }

    /// Runs look again whether the remote tier has what they need.
    fn forget_notes(&self) -> Result<(), StoreError> {
        remove_all(&self.tiers.root.join("index/v1/settled"))
    }
}

impl Collection<'_> {
    fn collect(&self, tier: &Tier) -> Result<RemoteCollected, StoreError> {
        let mut done = RemoteCollected::default();
        let (mut kept, old): (Vec<_>, Vec<_>) = self
            .records()?
            .into_iter()
            .partition(|item| self.needed.contains(&item.name) || self.is_young(item.modified));
        done.kept_results = sum(&kept);
        let leases = self.leases()?;
        let mut stays = self.content_of(&kept)?;
        let blobs = items::<Digest>(self.remote, "blobs/v1", "")?;
        done.results = self.remove(&old, names::record)?;
        // Others may have sent more meanwhile, whose content was there already.
        let since: HashSet<Key> = kept.iter().chain(&old).map(|item| item.name).collect();
        let late: Vec<_> = self.records()?.into_iter().filter(|item| !since.contains(&item.name)).collect();
        stays.extend(self.content_of(&late)?);
        kept.extend(late);
        let (stay, go): (Vec<_>, Vec<_>) =
            blobs.into_iter().partition(|item| stays.contains(&item.name) || self.is_young(item.modified));
        done.kept_content = sum(&stay);
        done.content = self.remove(&go, names::blob)?;
        done.leases = self.remove(&leases, String::clone)?;
        if !self.options.dry_run {
            tier.has_only(&kept.iter().map(|item| item.name).collect())?;
            self.store.forget_notes()?;
        }
        Ok(done)
    }

    fn is_young(&self, modified: SystemTime) -> bool {
        modified + self.options.grace > self.now
    }

    fn records(&self) -> Result<Vec<Item<Key>>, StoreError> {
        items(self.remote, "records/v1", ".json")
    }

    fn content_of(&self, records: &[Item<Key>]) -> Result<HashSet<Digest>, StoreError> {
        let keys: Vec<Key> = records.iter().map(|item| item.name).collect();
        content(self.remote, &self.store.tiers.blobs, &keys)
    }

    /// Objects of leases none of which has changed for long. Whoever lives rewrites a heartbeat.
    fn leases(&self) -> Result<Vec<Item<String>>, StoreError> {
        let mut of_each: BTreeMap<String, Vec<RemoteObject>> = BTreeMap::new();
        for object in self.remote.objects("leases/v1")? {
            let key = object.name.rsplit_once('/').map(|(key, _)| key.to_owned()).unwrap_or_default();
            of_each.entry(key).or_default().push(object);
        }
        of_each.retain(|_, objects| !objects.iter().any(|object| self.is_young(object.modified)));
        let item = |object: RemoteObject| Item { name: object.name, size: object.size, modified: object.modified };
        Ok(of_each.into_values().flatten().map(item).collect())
    }

    fn remove<N: Sync>(&self, items: &[Item<N>], name: impl Fn(&N) -> String + Sync) -> Result<Amount, StoreError> {
        if self.options.dry_run {
            return Ok(sum(items));
        }
        let (count, bytes) = (AtomicU64::new(0), AtomicU64::new(0));
        each(items, &|item| {
            self.remote.delete(&name(&item.name))?;
            count.fetch_add(1, Ordering::Relaxed);
            bytes.fetch_add(item.size, Ordering::Relaxed);
            Ok(())
        })?;
        Ok(Amount { count: count.into_inner(), bytes: bytes.into_inner() })
    }
}

/// The objects of a folder by their digests or keys; others are left alone.
fn items<N: FromStr>(remote: &dyn Remote, folder: &str, ending: &str) -> Result<Vec<Item<N>>, StoreError> {
    let item = |object: RemoteObject| {
        let hex = object.name.strip_prefix(folder)?.strip_suffix(ending)?.replace('/', "");
        Some(Item { name: hex.parse().ok()?, size: object.size, modified: object.modified })
    };
    Ok(remote.objects(folder)?.into_iter().filter_map(item).collect())
}

fn sum<N>(items: &[Item<N>]) -> Amount {
    let mut amount = Amount::default();
    items.iter().for_each(|item| amount.add(item.size));
    amount
}

/// The time by the remote store's own clock: that of an object which is written and removed again.
fn now(remote: &dyn Remote) -> Result<SystemTime, StoreError> {
    use std::hash::{BuildHasher, RandomState};
    let name = format!("clock/v1/{}-{:016x}", std::process::id(), RandomState::new().hash_one(0));
    remote.replace(&name, b"now")?;
    let times: HashMap<String, SystemTime> =
        remote.objects("clock/v1")?.into_iter().map(|object| (object.name, object.modified)).collect();
    remote.delete(&name)?;
    times.get(&name).copied().ok_or_else(|| StoreError::Remote(format!("`{name}` was written and is not listed")))
}

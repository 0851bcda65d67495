//! Collection: removes what nothing needs and what is older than a grace period.
//!
//! It may go on beside runs. What they rely on is found under the lock of `gc_barrier`, a few files at a time. Records go
//! before content, so that a kill at any moment leaves no record without content.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::Serialize;

use crate::digest::{Digest, Key};
use crate::mutex::lock;
use crate::store::error::StoreError;
use crate::store::local::inventory::{self, Item};
use crate::store::local::records;
use crate::store::local::writing::sync;
use crate::store::maintenance::amount::Amount;
use crate::store::maintenance::live_set::LiveSet;
use crate::store::maintenance::room::Maintenance;
use crate::store::working::{adoption, checkpoint, removal, temporary};

/// Files that are removed at a time; runs wait that long.
const AT_A_TIME: usize = 64;

/// What to keep although nothing needs it.
#[derive(Clone, Copy, Debug)]
pub struct CollectOptions {
    /// Runs of each pipeline whose results are kept.
    pub keep_runs: usize,
    /// What was put, linked or found again since then is kept.
    pub grace: Duration,
    /// Age at which the checkpoint of a stage that never went on is removed.
    pub checkpoint_age: Duration,
    /// Age at which damaged content that was put aside is removed.
    pub quarantine_age: Duration,
    /// Only tell what would be removed.
    pub dry_run: bool,
}

/// What a collection removed, or would remove.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Collected {
    /// Records.
    pub results: Amount,
    /// Blobs.
    pub content: Amount,
    /// Folders of runs.
    pub runs: Amount,
    /// Checkpoints.
    pub checkpoints: Amount,
    /// Damaged content that was put aside.
    pub quarantined: Amount,
    /// What killed programs left.
    pub leftovers: Amount,
    /// Records that are kept.
    pub kept_results: Amount,
    /// Blobs that are kept.
    pub kept_content: Amount,
    /// Runs that go on meanwhile.
    pub live_runs: usize,
}

impl Collected {
    /// Bytes of all that was removed.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let parts = [self.results, self.content, self.runs, self.checkpoints, self.quarantined, self.leftovers]
            .map(|a| a.bytes);
        parts.iter().sum()
    }
}

/// What may be removed, and the moments that bound it.
struct Collection<'a> {
    store: Maintenance<'a>,
    live: LiveSet<'a>,
    options: &'a CollectOptions,
    now: SystemTime,
    done: Collected,
}

impl Maintenance<'_> {
    /// Removes what is not needed. Runs may go on meanwhile; two collections of one store wait for each other.
    ///
    /// # Errors
    /// When the store cannot be read or written, a pin is damaged, or a record was written by a newer program.
    pub fn collect(&self, options: &CollectOptions) -> Result<Collected, StoreError> {
        let _one_at_a_time = self.gc_lock()?;
        let now = inventory::now(&self.tiers.root.join("attempts")).map_err(StoreError::io("ask for the time"))?;
        let alone = self.tiers.alone()?;
        let live = LiveSet::now(&self.tiers.root, &self.tiers.blobs)?;
        drop(alone);
        let mut collection = Collection { store: *self, live, options, now, done: Collected::default() };
        let old_runs = collection.live.add_runs(options.keep_runs)?;
        collection.live.add_shown()?;
        collection.checkpoints()?;
        collection.results()?;
        collection.runs(&old_runs)?;
        collection.leftovers()?;
        collection.done.live_runs = collection.live.live_runs();
        let done = collection.done;
        if !options.dry_run {
            if done.results.count > 0 {
                self.index_anew()?;
            }
            self.forget_removed()?;
            self.measured(done.kept_content.bytes + done.kept_results.bytes);
        }
        Ok(done)
    }

    /// Forgets what content looked like that is gone, so that the list of it does not grow for ever.
    fn forget_removed(&self) -> Result<(), StoreError> {
        if lock(&self.tiers.stamps).prune(&self.tiers.root.join("blobs/v1")) {
            // They vouch for content, so the disk has to have that first.
            sync(&self.tiers.root).map_err(StoreError::io("have the disk keep the results"))?;
            lock(&self.tiers.stamps).save();
        }
        Ok(())
    }

    /// Removes records that are not needed and have not changed since they were listed.
    pub(crate) fn remove_records(&self, live: &mut LiveSet<'_>, items: &[Item<Key>]) -> Result<Amount, StoreError> {
        self.remove(live, items, |key| records::path(&self.tiers.root, key), |live, key| live.keys.contains(key))
    }

    /// Removes content that is not needed and has not changed since it was listed.
    pub(crate) fn remove_content(&self, live: &mut LiveSet<'_>, items: &[Item<Digest>]) -> Result<Amount, StoreError> {
        self.remove(live, items, |digest| self.tiers.blobs.path(digest), |live, digest| live.content.contains(digest))
    }

    fn remove<N>(
        &self,
        live: &mut LiveSet<'_>,
        items: &[Item<N>],
        path: impl Fn(&N) -> PathBuf,
        needed: impl Fn(&LiveSet<'_>, &N) -> bool,
    ) -> Result<Amount, StoreError> {
        let doing = StoreError::io("remove from the store");
        let mut removed = Amount::default();
        for some in items.chunks(AT_A_TIME) {
            let _alone = self.tiers.alone()?;
            live.refresh()?;
            for item in some.iter().filter(|item| !needed(live, &item.name)) {
                let path = path(&item.name);
                let same =
                    inventory::look(&path).map_err(&doing)?.is_some_and(|m| inventory::changed(&m) == item.changed);
                // What was put since a run began is that run's, also when its record is not written yet.
                if same && live.since.is_none_or(|since| item.changed < since) {
                    fs_err::remove_file(&path).map_err(&doing)?;
                    removed.add(item.size);
                }
            }
        }
        Ok(removed)
    }
}

impl Collection<'_> {
    /// Whether something was put or used lately, or since the oldest run that goes on began.
    fn is_young(&self, changed: SystemTime) -> bool {
        changed + self.options.grace > self.now || self.live.since.is_some_and(|since| changed >= since)
    }

    fn is_older(&self, changed: SystemTime, age: Duration) -> bool {
        changed + age <= self.now
    }

    /// Records and content.
    fn results(&mut self) -> Result<(), StoreError> {
        let records = inventory::list::<Key>(&self.store.tiers.root.join("records/v1"), ".json")?;
        let (mut old, mut kept) = (Vec::new(), Amount::default());
        for item in records.items {
            // This also reads each record that is kept: its content is needed.
            if self.live.keys.contains(&item.name) || self.is_young(item.changed) {
                self.live.add_key(item.name)?;
                kept.add(item.size);
            } else {
                old.push(item);
            }
        }
        let content = inventory::list::<Digest>(&self.store.tiers.root.join("blobs/v1"), "")?;
        let needed = |item: &Item<Digest>| self.live.content.contains(&item.name) || self.is_young(item.changed);
        let (stay, go): (Vec<_>, Vec<_>) = content.items.into_iter().partition(needed);
        let mut kept_content = Amount::default();
        stay.iter().for_each(|item| kept_content.add(item.size));
        if self.options.dry_run {
            old.iter().for_each(|item| self.done.results.add(item.size));
            go.iter().for_each(|item| self.done.content.add(item.size));
        } else {
            self.done.results = self.store.remove_records(&mut self.live, &old)?;
            self.done.content = self.store.remove_content(&mut self.live, &go)?;
        }
        self.done.kept_results = rest(kept, &old, self.done.results);
        self.done.kept_content = rest(kept_content, &go, self.done.content);
        Ok(())
    }

    /// Folders of runs that are over, beyond those whose results are kept.
    fn runs(&mut self, old: &[String]) -> Result<(), StoreError> {
        // A job that outlives the run which submitted it goes on to write its log there.
        let attempts = self.store.tiers.root.join("attempts");
        let logs = adoption::runs_with_logs(&attempts).map_err(StoreError::io("list attempts"))?;
        for id in old.iter().filter(|id| !self.live.is_live(id) && !logs.contains(*id)) {
            let path = self.store.tiers.root.join("runs/v1").join(id);
            let (bytes, changed) = inventory::weigh(&path);
            if self.is_older(changed, self.options.grace) {
                self.remove_folder(&path)?;
                self.done.runs.add(bytes);
            }
        }
        Ok(())
    }

    /// Checkpoints that are of no use any more; what the others need is kept.
    fn checkpoints(&mut self) -> Result<(), StoreError> {
        let folder = self.store.tiers.root.join("checkpoints/v1");
        for name in inventory::names(&folder).map_err(StoreError::io("list checkpoints"))? {
            let Ok(key) = name.parse::<Key>() else { continue };
            let path = folder.join(&name);
            let (bytes, changed) = inventory::weigh(&path);
            let finished = records::path(&self.store.tiers.root, &key).exists();
            let lock = self.store.tiers.try_lock(&key)?;
            let old = self.is_older(changed, self.options.checkpoint_age);
            if lock.is_some() && (old || finished && !self.is_young(changed)) {
                self.remove_folder(&path)?;
                self.done.checkpoints.add(bytes);
            } else {
                self.live.add_keys(checkpoint::needs(&path))?;
            }
        }
        Ok(())
    }

    /// What killed programs left, and what was put aside long ago.
    fn leftovers(&mut self) -> Result<(), StoreError> {
        let root = self.store.tiers.root.clone();
        let doing = StoreError::io("list the store");
        let aside = root.join("quarantine");
        for name in inventory::names(&aside).map_err(&doing)? {
            let (bytes, changed) = inventory::weigh(&aside.join(&name));
            if self.is_older(changed, self.options.quarantine_age) {
                self.remove_folder(&aside.join(&name))?;
                self.done.quarantined.add(bytes);
            }
        }
        let folders: Vec<_> =
            temporary::leftover_folders(&root)?.into_iter().map(|path| (inventory::weigh(&path).0, path)).collect();
        if !self.options.dry_run {
            self.store.clear_leftovers()?;
        }
        for (bytes, path) in folders {
            // What may be the only copy of something stays.
            if self.options.dry_run || inventory::look(&path).map_err(&doing)?.is_none() {
                self.done.leftovers.add(bytes);
            }
        }
        for path in temporary::leftover_files(&root)? {
            let bytes = inventory::weigh(&path).0;
            self.remove_folder(&path)?;
            self.done.leftovers.add(bytes);
        }
        for name in inventory::names(&root.join("locks")).map_err(&doing)? {
            // A lock that can be taken is removed when it is let go of.
            if let (false, Ok(key)) = (self.options.dry_run, name.parse::<Key>()) {
                drop(self.store.tiers.try_lock(&key)?);
            }
        }
        Ok(())
    }

    fn remove_folder(&self, path: &Path) -> Result<(), StoreError> {
        if self.options.dry_run { Ok(()) } else { remove_all(path) }
    }
}

/// Removes a file or a folder with all that is in it, if it is there.
pub(crate) fn remove_all(path: &Path) -> Result<(), StoreError> {
    let doing = StoreError::io("remove from the store");
    match inventory::look(path).map_err(&doing)? {
        Some(meta) if meta.is_dir() => removal::remove(path).map_err(doing),
        Some(_) => fs_err::remove_file(path).map_err(doing),
        None => Ok(()),
    }
}

/// What is kept: what was meant to be, and what was to be removed and was not.
fn rest<N>(kept: Amount, listed: &[Item<N>], removed: Amount) -> Amount {
    let bytes: u64 = listed.iter().map(|item| item.size).sum();
    let count = kept.count + listed.len() as u64 - removed.count;
    Amount { count, bytes: (kept.bytes + bytes).saturating_sub(removed.bytes) }
}

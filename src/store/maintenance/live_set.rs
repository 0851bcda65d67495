//! What of a store is needed: by pins, by runs that go on or ended lately, by what is shown, by checkpoints.
//!
//! It only ever grows while a collection goes on: what becomes needed meanwhile is found by `refresh`, under the barrier.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::time::SystemTime;

use crate::digest::{Digest, Key};
use crate::store::closure::{content, record};
use crate::store::error::StoreError;
use crate::store::local::blob::Blobs;
use crate::store::local::{heads, inventory, pins};
use crate::store::working::{live, runs};

/// Keys and content that are needed. It only ever grows.
pub(crate) struct LiveSet<'a> {
    root: &'a Path,
    blobs: &'a Blobs,
    pub(crate) keys: HashSet<Key>,
    pub(crate) content: HashSet<Digest>,
    /// When the oldest of the runs that go on began: what was put since then is theirs.
    pub(crate) since: Option<SystemTime>,
    /// Runs by id, and how long the list of their keys was when it was read.
    going_on: HashMap<String, u64>,
    over: HashSet<String>,
    pins: HashSet<String>,
}

impl<'a> LiveSet<'a> {
    /// What pins and runs that go on need. Nobody else may rely on anything anew meanwhile.
    pub(crate) fn now(root: &'a Path, blobs: &'a Blobs) -> Result<Self, StoreError> {
        let (going_on, over) = (HashMap::new(), HashSet::new());
        let (keys, content, pins) = (HashSet::new(), HashSet::new(), HashSet::new());
        let mut live = LiveSet { root, blobs, keys, content, since: None, going_on, over, pins };
        let folder = root.join("runs/v1");
        // What ended before this moment is no business of `refresh`.
        for id in inventory::names(&folder).map_err(StoreError::io("list runs"))? {
            if live::since(&folder.join(&id)).is_none() {
                live.over.insert(id);
            }
        }
        live.refresh()?;
        Ok(live)
    }

    /// Adds what became needed since. Nobody else may rely on anything anew meanwhile.
    pub(crate) fn refresh(&mut self) -> Result<(), StoreError> {
        let folder = self.root.join("runs/v1");
        for id in inventory::names(&folder).map_err(StoreError::io("list runs"))? {
            if self.over.contains(&id) {
                continue;
            }
            let path = folder.join(&id);
            match live::since(&path) {
                Some(began) => self.since = Some(self.since.map_or(began, |since| since.min(began))),
                // It ended while this went on, so it counts as one that goes on.
                None => drop(self.over.insert(id.clone())),
            }
            let length = fs_err::metadata(path.join(live::KEYS)).map_or(0, |meta| meta.len());
            if self.going_on.insert(id, length) != Some(length) {
                self.add_keys(live::keys(&path))?;
            }
        }
        for (name, pin) in pins::list(self.root)? {
            if self.pins.contains(&name) {
                continue;
            }
            let pin = pin.ok_or_else(|| StoreError::DamagedPin(name.clone()))?;
            self.pins.insert(name);
            self.add_keys(pin.instances.into_values())?;
        }
        Ok(())
    }

    /// How many runs go on.
    pub(crate) fn live_runs(&self) -> usize {
        self.going_on.keys().filter(|id| !self.over.contains(*id)).count()
    }

    /// Whether a run goes on, or did when this began.
    pub(crate) fn is_live(&self, id: &str) -> bool {
        self.going_on.contains_key(id)
    }

    pub(crate) fn add_keys(&mut self, keys: impl IntoIterator<Item = Key>) -> Result<(), StoreError> {
        keys.into_iter().try_for_each(|key| self.add_key(key))
    }

    /// Adds a key and the content of its record, if there is one.
    pub(crate) fn add_key(&mut self, key: Key) -> Result<(), StoreError> {
        if self.keys.insert(key)
            && let Some(record) = record(self.root, &key)?
        {
            for digest in content(self.blobs, &record) {
                self.content.insert(digest);
            }
        }
        Ok(())
    }

    /// Keys alone, without a look at what is under them.
    pub(crate) fn into_keys(self) -> HashSet<Key> {
        self.keys
    }

    /// Adds what the newest runs of each pipeline used; returns the ids of all others.
    pub(crate) fn add_runs(&mut self, of_each: usize) -> Result<Vec<String>, StoreError> {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        let mut others = Vec::new();
        let folder = self.root.join("runs/v1");
        for run in runs::list(&folder)? {
            let count = counts.entry(run.pipeline).or_default();
            *count += 1;
            if *count <= of_each {
                self.add_keys(live::keys(&folder.join(&run.id)))?;
            } else {
                others.push(run.id);
            }
        }
        Ok(others)
    }

    /// Adds what `latest` shows of each pipeline.
    pub(crate) fn add_shown(&mut self) -> Result<(), StoreError> {
        let doing = StoreError::io("list the latest results");
        for pipeline in inventory::names(&self.root.join("latest")).map_err(&doing)? {
            let shown = inventory::names(&self.root.join("latest").join(&pipeline)).unwrap_or_default();
            let mut heads = heads::read(&self.root.join("heads/v1"), &pipeline);
            heads.retain(|instance, _| shown.binary_search(instance).is_ok());
            self.add_keys(heads.into_values())?;
        }
        Ok(())
    }
}

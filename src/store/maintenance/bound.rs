//! Bounds the size of the local tier: what was not used for the longest time goes first.
//!
//! What pins, runs that go on and the run that has just ended need stays, whatever the bound. Where the remote tier is
//! known to have a result, only its content here goes, and comes back when it is read; elsewhere the record goes too,
//! and the result is made again when it is needed. How much there is is measured seldom: each program notes what it
//! added, and only a sum above the bound makes it look at the files.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::os::unix::fs::MetadataExt;
use std::time::SystemTime;

use serde::Serialize;

use crate::digest::{Digest, Key};
use crate::store::closure::{self, Readers, record};
use crate::store::error::StoreError;
use crate::store::local::inventory::{self, Item};
use crate::store::local::lines;
use crate::store::local::writing::write_atomically;
use crate::store::maintenance::amount::Amount;
use crate::store::maintenance::live_set::LiveSet;
use crate::store::maintenance::room::Maintenance;
use crate::store::working::{live, runs};

/// A bound on the bytes of content and records in the local tier.
#[derive(Clone, Copy, Debug)]
pub struct Bound<'a> {
    /// Most bytes.
    pub bytes: u64,
    /// The run that has just ended, whose results stay.
    pub run: Option<&'a str>,
    /// Only tell what would be removed.
    pub dry_run: bool,
}

/// What was removed to stay within a bound.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Bounded {
    /// The bound, in bytes.
    pub bound: u64,
    /// Bytes of content and records before.
    pub before: u64,
    /// Bytes of content and records now.
    pub after: u64,
    /// Results that are gone from here; they would be made again.
    pub dropped: Amount,
    /// Results whose content is in the remote tier only now.
    pub moved_out: Amount,
    /// Bytes that nothing needed.
    pub unneeded: u64,
    /// Bytes that pins and runs need, where that alone is more than the bound.
    pub too_small_for: Option<u64>,
}

/// A result that may go.
struct Candidate {
    item: Item<Key>,
    content: HashSet<Digest>,
    used: SystemTime,
}

/// What is to go.
#[derive(Default)]
struct Going {
    records: Vec<Item<Key>>,
    content: BTreeSet<Digest>,
    dropped: Amount,
    moved_out: Amount,
    unneeded: u64,
}

impl Maintenance<'_> {
    /// Removes results, the least recently used first, until the local tier is within the bound by a tenth. Nothing if
    /// it is within the bound as it is.
    ///
    /// # Errors
    /// When the store cannot be read or written, a pin is damaged, or a record was written by a newer program.
    pub fn bound(&self, bound: &Bound<'_>) -> Result<Option<Bounded>, StoreError> {
        if self.is_within(bound.bytes) {
            return Ok(None);
        }
        let _one_at_a_time = self.gc_lock()?;
        let records = inventory::list::<Key>(&self.tiers.root.join("records/v1"), ".json")?.items;
        let content = inventory::list::<Digest>(&self.tiers.root.join("blobs/v1"), "")?.items;
        let before = sum(&records) + sum(&content);
        self.measured(before);
        if before <= bound.bytes {
            return Ok(None);
        }
        let alone = self.tiers.alone()?;
        let mut live = LiveSet::now(&self.tiers.root, &self.tiers.blobs)?;
        drop(alone);
        if let Some(run) = bound.run {
            live.add_keys(live::keys(&self.tiers.root.join("runs/v1").join(run)))?;
        }
        let needed = stays(&records, |key| live.keys.contains(key)) + stays(&content, |d| live.content.contains(d));
        let going = self.choose(&mut live, records, &content, before - bound.bytes / 10 * 9)?;
        let mut bounded = Bounded {
            bound: bound.bytes,
            before,
            dropped: going.dropped,
            moved_out: going.moved_out,
            unneeded: going.unneeded,
            too_small_for: (needed > bound.bytes).then_some(needed),
            ..Bounded::default()
        };
        bounded.after = before - going.dropped.bytes - going.moved_out.bytes - going.unneeded;
        if !bound.dry_run {
            let items: Vec<_> = content.into_iter().filter(|item| going.content.contains(&item.name)).collect();
            let records = self.remove_records(&mut live, &going.records)?;
            let content = self.remove_content(&mut live, &items)?;
            bounded.after = before - records.bytes - content.bytes;
            self.index_anew()?;
            self.measured(bounded.after);
        }
        Ok(Some(bounded))
    }

    /// Half of what the disk of the content holds in all, in bytes; nothing where the system does not tell.
    #[must_use]
    pub fn half_of_disk(&self) -> Option<u64> {
        let disk = rustix::fs::statvfs(self.tiers.root.join("blobs/v1")).ok()?;
        disk.f_blocks.checked_mul(disk.f_frsize).map(|bytes| bytes / 2).filter(|bytes| *bytes > 0)
    }

    /// Whether the local tier is known to be within a bound of so many bytes, without a look at its files.
    #[must_use]
    pub fn is_within(&self, bytes: u64) -> bool {
        self.noted_size().is_some_and(|size| size <= bytes)
    }

    /// Chooses what is to go: what nothing live, then whole results, until that makes so many bytes.
    fn choose(
        &self,
        live: &mut LiveSet<'_>,
        records: Vec<Item<Key>>,
        content: &[Item<Digest>],
        excess: u64,
    ) -> Result<Going, StoreError> {
        let sizes: HashMap<Digest, u64> = content.iter().map(|item| (item.name, item.size)).collect();
        let mut readers = Readers::default();
        let mut candidates = Vec::new();
        let last_use = self.last_use()?;
        for item in records {
            let Some(record) = record(&self.tiers.root, &item.name)? else { continue };
            let content = closure::content(&self.tiers.blobs, &record);
            content.iter().for_each(|digest| readers.add(*digest, [item.name]));
            let young = live.since.is_some_and(|since| item.changed >= since);
            if !live.keys.contains(&item.name) && !young {
                let used = last_use.get(&item.name).copied().unwrap_or(item.changed).max(item.changed);
                candidates.push(Candidate { item, content, used });
            }
        }
        let mut going = Going::default();
        let mut freed = 0;
        for item in content.iter().filter(|item| readers.of(&item.name).is_empty()) {
            if live.since.is_none_or(|since| item.changed < since) && freed < excess {
                going.content.insert(item.name);
                going.unneeded += item.size;
                freed += item.size;
            }
        }
        candidates.sort_by_key(|candidate| candidate.used);
        for Candidate { item, content, .. } in candidates {
            if freed >= excess {
                break;
            }
            let elsewhere = self.tiers.tier.as_ref().is_some_and(|tier| tier.has(&item.name));
            let mut bytes = if elsewhere { 0 } else { item.size };
            for digest in content {
                let unread = readers.remove(&digest, |reader| *reader == item.name);
                if unread && !live.content.contains(&digest) && going.content.insert(digest) {
                    bytes += sizes.get(&digest).copied().unwrap_or(0);
                }
            }
            freed += bytes;
            if elsewhere {
                going.moved_out.add(bytes);
            } else {
                going.dropped.add(bytes);
                going.records.push(item);
            }
        }
        Ok(going)
    }

    /// When each result was used last, as far as the folders of runs tell.
    fn last_use(&self) -> Result<HashMap<Key, SystemTime>, StoreError> {
        let folder = self.tiers.root.join("runs/v1");
        let mut used = HashMap::new();
        let mut read = HashSet::new();
        // The newest run comes first, so the first one that names a key tells.
        for run in runs::list(&folder)? {
            let path = folder.join(&run.id);
            // Runs that used the same may share one file.
            let file = fs_err::metadata(path.join(live::KEYS)).map(|meta| (meta.dev(), meta.ino()));
            if file.is_ok_and(|file| read.insert(file)) {
                let began = SystemTime::from(run.started);
                for key in live::keys(&path) {
                    used.entry(key).or_insert(began);
                }
            }
        }
        Ok(used)
    }

    /// The bytes that there are at most, as programs noted them; nothing if that has to be measured.
    fn noted_size(&self) -> Option<u64> {
        let file = self.tiers.root.join("index/v1/size");
        let added = self.tiers.blobs.take_added();
        let text = fs_err::read_to_string(&file).ok()?;
        if added > 0 && lines::append(&file, format!("{added}\n").as_bytes()).is_err() {
            return None;
        }
        let noted =
            text.lines().map(str::parse::<u64>).try_fold(added, |sum, line| Some(sum.saturating_add(line.ok()?)));
        noted.filter(|_| text.len() < (1 << 16))
    }

    /// Notes what was measured. What another program adds in this very moment may be missed until the next time.
    pub(crate) fn measured(&self, bytes: u64) {
        self.tiers.blobs.take_added();
        if let Err(error) = write_atomically(&self.tiers.root.join("index/v1/size"), format!("{bytes}\n").as_bytes()) {
            tracing::debug!("the size of the store was not noted: {error}");
        }
    }
}

fn sum<N>(items: &[Item<N>]) -> u64 {
    items.iter().map(|item| item.size).sum()
}

fn stays<N>(items: &[Item<N>], needed: impl Fn(&N) -> bool) -> u64 {
    items.iter().filter(|item| needed(&item.name)).map(|item| item.size).sum()
}

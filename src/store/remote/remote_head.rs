//! The last records of a pipeline as one object of the remote tier: a second machine asks once, not once a record.
//!
//! It is a cache of records that are there under their own names: each is checked as if it had come from there, and
//! losing the object, or finding an old one, costs requests only. The last run that ended writes it.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use crate::digest::Key;
use crate::record::Record;
use crate::store::StoreError;
use crate::store::local::records;
use crate::store::remote::names;
use crate::store::remote::objects::Remote;

/// Longest object that is read or written.
pub(crate) const LONGEST: usize = 64 << 20;

/// Pipelines of one name whose records an object holds; those that were written longest ago go first.
const MOST_OWNERS: usize = 16;

/// What is known of the object.
#[derive(Default)]
pub(crate) struct RemoteHead {
    pipeline: Option<String>,
    /// Whose records are written: pipelines of other projects may have the name too.
    owner: Option<String>,
    read: bool,
    /// Records by key, as they were read.
    records: HashMap<Key, Record>,
    /// The last records of instances, and whose they are, in the order of writing.
    last: Vec<Last>,
    stale: bool,
}

/// The last record of an instance.
#[derive(Clone, PartialEq, Eq)]
struct Last {
    instance: String,
    key: Key,
    of: Option<String>,
}

/// One line of the object.
#[derive(Serialize, Deserialize)]
struct Line {
    instance: String,
    key: Key,
    /// Whose instance it is. Older versions did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    of: Option<String>,
    /// The record's own text: its checksum is that of the text.
    record: String,
}

impl RemoteHead {
    /// Records of this pipeline will be looked up, and written as those of this owner.
    pub(crate) fn expect(&mut self, pipeline: &str, owner: Option<String>) {
        if self.pipeline.as_deref() != Some(pipeline) {
            *self = RemoteHead { pipeline: Some(pipeline.to_owned()), ..RemoteHead::default() };
        }
        self.owner = owner.or(self.owner.take());
    }

    /// A record was met that the object lacks.
    pub(crate) fn lacks_something(&mut self) {
        self.stale = true;
    }

    /// The record under a key, if the object has it. It is read when it is first asked for.
    pub(crate) fn record(&mut self, remote: &dyn Remote, key: &Key) -> Result<Option<Record>, StoreError> {
        self.load(remote)?;
        Ok(self.records.get(key).cloned())
    }

    fn load(&mut self, remote: &dyn Remote) -> Result<(), StoreError> {
        if let Some(pipeline) = self.pipeline.clone()
            && !std::mem::replace(&mut self.read, true)
        {
            let mut bytes = Bounded(Vec::new());
            if remote.read(&names::head(&pipeline), &mut bytes)? {
                self.take(&bytes.0);
            }
        }
        Ok(())
    }

    /// The keys that an object names; none if it is damaged.
    pub(crate) fn keys(bytes: &[u8]) -> Option<Vec<Key>> {
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_slice::<Line>(line).ok().map(|line| line.key)).collect()
    }

    fn take(&mut self, bytes: &[u8]) {
        for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let Ok(Line { instance, key, of, record }) = serde_json::from_slice(line) else { continue };
            if let Some(record) = records::parse(record.as_bytes(), &key) {
                self.last.push(Last { instance, key, of });
                self.records.insert(key, record);
            }
        }
    }

    /// Writes the object, if it would say something new. What it said of other instances, and of other owners, is kept.
    pub(crate) fn publish(
        &mut self,
        remote: &dyn Remote,
        pipeline: &str,
        records: Vec<(String, Record)>,
    ) -> Result<(), StoreError> {
        self.expect(pipeline, None);
        if !self.stale {
            return Ok(());
        }
        self.load(remote)?;
        self.update(records);
        let mut text = Vec::new();
        for Last { instance, key, of } in &self.last {
            let Some(record) = self.records.get(key) else { continue };
            let record = String::from_utf8_lossy(&records::to_bytes(record)).into_owned();
            let line = Line { instance: instance.clone(), key: *key, of: of.clone(), record };
            text.extend(serde_json::to_vec(&line).unwrap_or_default());
            text.push(b'\n');
        }
        if text.len() <= LONGEST {
            remote.replace(&names::head(pipeline), &text)?;
        }
        self.stale = false;
        Ok(())
    }

    /// Puts these records in place of the owner's own, and of those of which nobody says whose they are.
    fn update(&mut self, records: Vec<(String, Record)>) {
        let mut own: BTreeMap<String, Key> = BTreeMap::new();
        let mut others = Vec::new();
        for last in std::mem::take(&mut self.last) {
            match last.of.is_none() || last.of == self.owner {
                true => drop(own.insert(last.instance, last.key)),
                false => others.push(last),
            }
        }
        for (instance, record) in records {
            own.insert(instance, record.key);
            // Another machine may have replaced what this one goes on with.
            if !self.records.get(&record.key).is_some_and(|there| there.stands_for(&record)) {
                self.records.insert(record.key, record);
            }
        }
        // Clones of a project agree on most.
        others.retain(|last| own.get(&last.instance) != Some(&last.key));
        let mut owners: Vec<&Option<String>> = others.iter().map(|last| &last.of).collect();
        owners.dedup();
        let gone: Vec<_> =
            owners[..owners.len().saturating_sub(MOST_OWNERS - 1)].iter().map(|of| (*of).clone()).collect();
        others.retain(|last| !gone.contains(&last.of));
        let own = own.into_iter().map(|(instance, key)| Last { instance, key, of: self.owner.clone() });
        self.last = others.into_iter().chain(own).collect();
    }
}

/// Bytes in memory, up to a limit; what comes later is left out.
struct Bounded(Vec<u8>);

impl std::io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let room = LONGEST.saturating_sub(self.0.len()).min(bytes.len());
        self.0.extend_from_slice(&bytes[..room]);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

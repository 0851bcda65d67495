//! Looks through a whole local tier: every record, every blob, every folder, every pin.
//!
//! Content is read and hashed whatever is remembered of it, on all cores and a few megabytes at a time. It changes
//! nothing; `repair` does. Runs may go on meanwhile.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Mutex;

use rayon::prelude::*;

use crate::digest::{Digest, Key};
use crate::mutex::lock;
use crate::record::{Form, Produced, Record};
use crate::store::closure::{Readers, artifacts, record};
use crate::store::error::StoreError;
use crate::store::local::attributes::BLOB_MODE;
use crate::store::local::hashing::hash_file_telling;
use crate::store::local::index::RecordSummary;
use crate::store::local::inventory::{self, Item};
use crate::store::local::pins;
use crate::store::local::{heads, index, records, tree};
use crate::store::maintenance::fault::{Fault, User, Verified};
use crate::store::maintenance::room::Maintenance;
use crate::store::remote::sent::Sent;
use crate::store::working::temporary::{self, is_temporary};

/// How far the reading of content is: bytes done, and bytes in all.
pub type Progress<'a> = dyn Fn(u64, u64) + Sync + 'a;

/// What a look at all records brings to light.
#[derive(Default)]
struct Wanted {
    whole: Vec<RecordSummary>,
    content: Readers<User>,
    folders: BTreeSet<Digest>,
    names: HashMap<Key, BTreeSet<String>>,
}

impl Maintenance<'_> {
    /// Looks through the local tier.
    ///
    /// # Errors
    /// When a folder of the store cannot be listed.
    pub fn verify(&self, progress: &Progress<'_>) -> Result<Verified, StoreError> {
        let leftovers =
            temporary::leftover_folders(&self.tiers.root)?.len() + temporary::leftover_files(&self.tiers.root)?.len();
        let mut verified = Verified { leftovers: leftovers as u64, ..Verified::default() };
        let mut wanted = Wanted { names: self.stage_names(), ..Wanted::default() };
        self.verify_records(&mut wanted, &mut verified)?;
        let blobs = inventory::list::<Digest>(&self.tiers.root.join("blobs/v1"), "")?;
        verified
            .faults
            .extend(blobs.strays.into_iter().filter(|path| !is_temporary(path)).map(|path| Fault::Stray { path }));
        let damaged = self.read_all(&blobs.items, progress);
        (verified.blobs, verified.bytes) = (blobs.items.len() as u64, blobs.items.iter().map(|item| item.size).sum());
        let there: HashSet<Digest> = blobs.items.iter().map(|item| item.name).collect();
        self.verify_folders(&mut wanted, &there, &damaged, &mut verified);
        for item in blobs.items.iter().filter(|item| item.mode != BLOB_MODE && !damaged.contains(&item.name)) {
            let users = wanted.content.of(&item.name).to_vec();
            verified.faults.push(Fault::WrongMode { content: item.name, users, mode: item.mode });
        }
        self.verify_content(&mut wanted, &there, damaged, &mut verified)?;
        self.verify_pins(&mut verified)?;
        self.verify_index(&wanted, &mut verified);
        verified.faults.sort();
        Ok(verified)
    }

    fn verify_records(&self, wanted: &mut Wanted, verified: &mut Verified) -> Result<(), StoreError> {
        let listing = inventory::list::<Key>(&self.tiers.root.join("records/v1"), ".json")?;
        verified.records = listing.items.len() as u64;
        let strays = listing.strays.into_iter().filter(|path| !is_temporary(path));
        verified.faults.extend(strays.map(|path| Fault::Stray { path }));
        for item in listing.items {
            match record(&self.tiers.root, &item.name) {
                Ok(Some(record)) => wanted.add(record),
                Err(StoreError::Newer(_)) => verified.newer += 1,
                // It may have been removed a moment ago.
                _ if inventory::look(&records::path(&self.tiers.root, &item.name)).ok().flatten().is_none() => {}
                _ => {
                    let stages = wanted.names.get(&item.name).cloned().unwrap_or_default();
                    verified.faults.push(Fault::DamagedRecord { key: item.name, stages });
                }
            }
        }
        Ok(())
    }

    /// The blobs whose bytes do not hash to their names, or cannot be read.
    fn read_all(&self, items: &[Item<Digest>], progress: &Progress<'_>) -> BTreeSet<Digest> {
        let total = items.iter().map(|item| item.size).sum();
        let done = Mutex::new(0);
        let step = |bytes: usize| {
            let mut done = lock(&done);
            *done += bytes as u64;
            progress(*done, total);
        };
        let damaged = items.par_iter().filter(|item| {
            let path = self.tiers.blobs.path(&item.name);
            let whole = hash_file_telling(&path, &step).is_ok_and(|found| found == item.name);
            !whole && inventory::look(&path).ok().flatten().is_some()
        });
        damaged.map(|item| item.name).collect()
    }

    /// Adds what is inside folders to what is wanted.
    fn verify_folders(
        &self,
        wanted: &mut Wanted,
        there: &HashSet<Digest>,
        damaged: &BTreeSet<Digest>,
        verified: &mut Verified,
    ) {
        for folder in std::mem::take(&mut wanted.folders) {
            if !there.contains(&folder) || damaged.contains(&folder) {
                continue;
            }
            let users = wanted.content.of(&folder).to_vec();
            match fs_err::read(self.tiers.blobs.path(&folder))
                .map_err(StoreError::io("read a folder"))
                .and_then(|b| tree::parse(&b, &folder))
            {
                Ok(tree) => wanted.add_folder(&tree, &users),
                Err(error) => {
                    let why = error.to_string();
                    verified.faults.push(Fault::BadFolder { content: folder, users, why });
                }
            }
        }
    }

    fn verify_content(
        &self,
        wanted: &mut Wanted,
        there: &HashSet<Digest>,
        damaged: BTreeSet<Digest>,
        verified: &mut Verified,
    ) -> Result<(), StoreError> {
        let sent = Sent::anywhere(&self.tiers.root.join("index/v1"))?;
        let elsewhere = |users: &[User]| users.iter().any(|user| sent.contains(&user.key));
        for content in &damaged {
            let users = wanted.content.of(content).to_vec();
            let elsewhere = elsewhere(&users);
            verified.faults.push(Fault::DamagedContent { content: *content, users, elsewhere });
        }
        let mut far = HashSet::new();
        for (content, mut users) in std::mem::take(&mut wanted.content).into_all() {
            // A run may have put it, or removed the record, since all was listed.
            if damaged.contains(&content) || there.contains(&content) || self.tiers.blobs.path(&content).exists() {
                continue;
            }
            if elsewhere(&users) {
                far.extend(users.iter().map(|user| user.key));
                continue;
            }
            users.retain(|user| records::path(&self.tiers.root, &user.key).exists());
            if !users.is_empty() {
                verified.faults.push(Fault::MissingContent { content, users });
            }
        }
        verified.elsewhere = far.len() as u64;
        Ok(())
    }

    fn verify_pins(&self, verified: &mut Verified) -> Result<(), StoreError> {
        for (name, pin) in pins::list(&self.tiers.root)? {
            verified.pins += 1;
            let Some(pin) = pin else {
                verified.faults.push(Fault::DamagedPin { name });
                continue;
            };
            let gone = |key: &Key| matches!(record(&self.tiers.root, key), Ok(None));
            let stages: BTreeSet<String> =
                pin.instances.into_iter().filter(|(_, key)| gone(key)).map(|(stage, _)| stage).collect();
            if !stages.is_empty() {
                verified.faults.push(Fault::BrokenPin { name, stages });
            }
        }
        Ok(())
    }

    fn verify_index(&self, wanted: &Wanted, verified: &mut Verified) {
        let mut index = index::Index::new(self.tiers.root.join("index/v1/records"));
        for whole in &wanted.whole {
            if index.get(&whole.key).is_some_and(|(known, _)| known.outputs != whole.outputs) {
                verified.faults.push(Fault::WrongIndex { key: whole.key });
            }
        }
    }

    /// The instances of which a key is known to be the last record, with their pipelines.
    fn stage_names(&self) -> HashMap<Key, BTreeSet<String>> {
        let mut names: HashMap<Key, BTreeSet<String>> = HashMap::new();
        let folder = self.tiers.root.join("heads/v1");
        for file in inventory::names(&folder).unwrap_or_default() {
            let Some(pipeline) = file.strip_suffix(".json") else { continue };
            for (instance, key) in heads::read(&folder, pipeline) {
                names.entry(key).or_default().insert(format!("{pipeline}: {instance}"));
            }
        }
        names
    }
}

impl Wanted {
    fn add(&mut self, record: Record) {
        let stages = self.names.entry(record.key).or_default();
        // The name that the stage had when it ran stands at the end of the nonce, after the id of the run.
        if let (true, Some(name)) = (stages.is_empty(), record.nonce.splitn(3, '-').nth(2)) {
            stages.insert(name.to_owned());
        }
        let stages = stages.clone();
        let mut want = |digest, output| {
            let user = User { key: record.key, output, stages: stages.clone() };
            self.content.add(digest, [user]);
        };
        for (name, produced) in &record.outputs {
            if let Produced::Artifact(artifact) = produced {
                want(artifact.digest, Some(name.clone()));
            }
        }
        if let Some(log) = &record.log {
            want(log.digest, None);
        }
        self.folders.extend(artifacts(&record).filter(|a| a.form == Form::Folder).map(|a| a.digest));
        self.whole.push(RecordSummary::from(&record));
    }

    fn add_folder(&mut self, tree: &tree::Tree, users: &[User]) {
        // The same content may stand in a folder many times; one place is enough to find it.
        let mut places: BTreeMap<Digest, &str> = BTreeMap::new();
        for (path, entry) in &tree.entries {
            if let tree::Entry::File { digest, .. } | tree::Entry::Executable { digest, .. } = entry {
                places.entry(*digest).or_insert(path);
            }
        }
        for (digest, path) in places {
            let inside = |user: &User| User {
                output: user.output.as_ref().map(|name| format!("{name}/{path}")),
                ..user.clone()
            };
            self.content.add(digest, users.iter().map(inside));
        }
    }
}

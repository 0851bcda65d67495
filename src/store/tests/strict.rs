//! A remote tier in memory that is stricter than any service: it refuses what the store must never ask for.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::SystemTime;

use crate::digest::Digest;
use crate::record::{Artifact, Form, Produced, Record};
use crate::store::local::tree::Tree;
use crate::store::{Remote, RemoteObject, StoreError};

/// The double.
#[derive(Default)]
pub(super) struct Strict {
    objects: Mutex<BTreeMap<String, Vec<u8>>>,
    /// When each was written. Those that a test put there itself have lain there for ever.
    pub(super) times: Mutex<BTreeMap<String, SystemTime>>,
    /// How many more writes are to fail.
    pub(super) failures: AtomicUsize,
    /// How many more writes are to panic.
    pub(super) panics: AtomicUsize,
    /// How often it was asked for anything.
    pub(super) calls: AtomicUsize,
}

impl Strict {
    pub(super) fn kept(&self) -> MutexGuard<'_, BTreeMap<String, Vec<u8>>> {
        self.objects.lock().unwrap()
    }

    /// The one object whose name begins so.
    pub(super) fn only(&self, folder: &str) -> String {
        let names = self.list(folder).unwrap();
        assert_eq!(names.len(), 1, "{names:?}");
        names.into_iter().next().unwrap()
    }

    fn called(&self, name: &str) {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let parts: Vec<&str> = name.split('/').collect();
        let plain = |part: &&str| !part.is_empty() && *part != "." && *part != ".." && part.is_ascii();
        assert!(parts.iter().all(plain), "`{name}` is no name of an object");
        let known = ["blobs/v1", "records/v1", "runs/v1", "pins/v1", "leases/v1", "heads/v1", "clock/v1", "test"];
        assert!(known.iter().any(|folder| name.starts_with(folder)), "`{name}` is in no known folder");
    }

    fn written(&self, name: &str) {
        self.times.lock().unwrap().insert(name.to_owned(), SystemTime::now());
    }

    fn has_blob(&self, digest: &Digest) -> bool {
        let hex = digest.to_string();
        self.kept().contains_key(&format!("blobs/v1/{}/{}", &hex[..2], &hex[2..]))
    }

    fn has(&self, artifact: &Artifact) -> bool {
        let hex = artifact.digest.to_string();
        let tree = self.kept().get(&format!("blobs/v1/{}/{}", &hex[..2], &hex[2..])).cloned();
        let Some(bytes) = tree else { return false };
        artifact.form != Form::Folder
            || serde_json::from_slice::<Tree>(&bytes).unwrap().blobs().all(|d| self.has_blob(&d))
    }

    /// Content is named by its digest, and a record comes after all of its content.
    fn check(&self, name: &str, bytes: &[u8]) {
        if let Some(rest) = name.strip_prefix("blobs/v1/") {
            assert_eq!(Digest::of(bytes).to_string(), rest.replace('/', ""), "content under a wrong name");
        }
        if let Some(rest) = name.strip_prefix("records/v1/") {
            let record: Record = serde_json::from_slice(bytes).unwrap();
            assert_eq!(format!("{}.json", record.key), rest.replace('/', ""), "a record under a wrong name");
            for artifact in record.outputs.values().filter_map(artifact).chain(&record.log) {
                assert!(self.has(artifact), "a record before its content");
            }
        }
    }
}

fn artifact(produced: &Produced) -> Option<&Artifact> {
    match produced {
        Produced::Artifact(artifact) => Some(artifact),
        Produced::Absent => None,
    }
}

impl Remote for Strict {
    fn read(&self, name: &str, to: &mut dyn Write) -> Result<bool, StoreError> {
        self.called(name);
        let Some(bytes) = self.kept().get(name).cloned() else { return Ok(false) };
        to.write_all(&bytes).unwrap();
        Ok(true)
    }

    fn put_if_absent(&self, name: &str, from: &Path) -> Result<bool, StoreError> {
        self.create(name, &fs_err::read(from).unwrap())
    }

    fn create(&self, name: &str, bytes: &[u8]) -> Result<bool, StoreError> {
        self.called(name);
        let fails = |left: usize| left.checked_sub(1);
        let panics = self.panics.fetch_update(Ordering::SeqCst, Ordering::SeqCst, fails).is_ok();
        assert!(!panics, "the double panics");
        if self.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, fails).is_ok() {
            return Err(StoreError::Remote("the network is down".into()));
        }
        self.check(name, bytes);
        let mut objects = self.kept();
        if objects.contains_key(name) {
            return Ok(false);
        }
        objects.insert(name.to_owned(), bytes.to_vec());
        self.written(name);
        Ok(true)
    }

    fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        self.called(name);
        let may_be_lost = name.starts_with("heads/v1/")
            || name.starts_with("clock/v1/")
            || name.ends_with(".beat")
            || name.starts_with("test/");
        assert!(may_be_lost, "`{name}` must not be replaced");
        self.kept().insert(name.to_owned(), bytes.to_vec());
        self.written(name);
        Ok(())
    }

    fn exists(&self, name: &str) -> Result<bool, StoreError> {
        self.called(name);
        Ok(self.kept().contains_key(name))
    }

    fn objects(&self, folder: &str) -> Result<Vec<RemoteObject>, StoreError> {
        self.called(folder);
        let inside = format!("{folder}/");
        let time = |name: &String| self.times.lock().unwrap().get(name).copied().unwrap_or(SystemTime::UNIX_EPOCH);
        let object = |(name, bytes): (&String, &Vec<u8>)| RemoteObject {
            name: name.clone(),
            size: bytes.len() as u64,
            modified: time(name),
        };
        Ok(self.kept().iter().filter(|(name, _)| name.starts_with(&inside)).map(object).collect())
    }

    fn delete(&self, name: &str) -> Result<(), StoreError> {
        self.called(name);
        let hex = name.strip_prefix("blobs/v1/").map(|rest| rest.replace('/', ""));
        let there = self.kept().get(name).cloned();
        if let (Some(hex), Some(bytes)) = (hex, there) {
            // What is damaged has to make room.
            let named = |(name, bytes): (&String, &Vec<u8>)| {
                name.starts_with("records/v1/") && String::from_utf8_lossy(bytes).contains(&hex)
            };
            let whole = Digest::of(&bytes).to_string() == hex;
            assert!(!whole || !self.kept().iter().any(named), "content goes before the record that names it");
        }
        self.kept().remove(name);
        Ok(())
    }
}

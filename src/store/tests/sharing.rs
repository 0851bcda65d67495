//! Stores of two machines that share a remote tier, against the strict double.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::strict::Strict;
use crate::digest::Key;
use crate::machine::this_machine;
use crate::record::{Artifact, Produced, Record};
use crate::store::remote::tier::Tier;
use crate::store::{CollectRemote, Store, StoreError, StoreOptions};

/// A store with the double behind it.
fn store(folder: &Path, remote: &Arc<Strict>) -> Store {
    let mut store = Store::open(&StoreOptions { local: folder.join("artifacts"), remote: None }).unwrap();
    let shared: Arc<dyn crate::store::Remote> = Arc::clone(remote) as _;
    store.tiers.tier = Some(Tier::new(shared, folder.join("artifacts/index/v1/sent-test")));
    store
}

/// Two machines.
struct World {
    remote: Arc<Strict>,
    folders: [tempfile::TempDir; 2],
}

impl World {
    fn new() -> Self {
        World { remote: Arc::default(), folders: [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()] }
    }

    fn store(&self, machine: usize) -> Store {
        store(self.folders[machine].path(), &self.remote)
    }
}

/// What a stage would leave: a file, a folder, and a log.
fn record(store: &Store, scratch: &Path) -> Record {
    let tree = scratch.join("tree");
    fs_err::create_dir_all(tree.join("deep")).unwrap();
    fs_err::write(tree.join("deep/leaf"), "leaf").unwrap();
    let file = store.content().ingest_bytes(b"a file", "text/plain").unwrap();
    let folder = store.content().ingest(&tree, "inode/directory").unwrap();
    let log = store.content().ingest_bytes(b"a log", "text/plain").unwrap();
    let outputs = [("file", file), ("folder", folder)].map(|(name, a)| (name.to_owned(), Produced::Artifact(a)));
    Record {
        version: 1,
        key: Key::of_document(b"{}"),
        document: "{}".into(),
        outputs: outputs.into_iter().chain([("none".to_owned(), Produced::Absent)]).collect(),
        metrics: BTreeMap::new(),
        started: jiff::Timestamp::UNIX_EPOCH,
        seconds: 1.0,
        attempts: 1,
        machine: this_machine(),
        environment: BTreeMap::new(),
        log: Some(log),
        nonce: "one".into(),
        supersedes: None,
        replaces: Vec::new(),
        checksum: String::new(),
    }
}

fn artifact(record: &Record, name: &str) -> Artifact {
    let Produced::Artifact(artifact) = &record.outputs[name] else { panic!("{name} is absent") };
    artifact.clone()
}

fn produce(world: &World, machine: usize) -> Record {
    let store = world.store(machine);
    let record = record(&store, world.folders[machine].path());
    store.records().commit(&record).unwrap();
    store.finish().unwrap();
    record
}

#[test]
fn what_one_machine_made_another_reads() {
    let world = World::new();
    let record = produce(&world, 0);
    assert_eq!(world.remote.kept().len(), 5, "record, file, tree, leaf, log");
    let store = world.store(1);
    let known = store.records().look_up(&record.key).unwrap().unwrap();
    assert_eq!(known.outputs, record.outputs);
    assert_eq!(store.content().read(&artifact(&record, "file")).unwrap(), b"a file");
    let copy = world.folders[1].path().join("copy");
    store.content().copy_out(&artifact(&record, "folder"), &copy).unwrap();
    assert_eq!(fs_err::read_to_string(copy.join("deep/leaf")).unwrap(), "leaf");
    let before = world.remote.calls.load(Ordering::SeqCst);
    store.remote().share(&record.key).unwrap();
    store.records().look_up(&record.key).unwrap();
    store.finish().unwrap();
    assert_eq!(world.remote.calls.load(Ordering::SeqCst), before, "what both have is asked for no more");
}

#[test]
fn a_failed_upload_is_told_and_made_up_for_later() {
    let world = World::new();
    world.remote.failures.store(1, Ordering::SeqCst);
    let store = world.store(0);
    let record = record(&store, world.folders[0].path());
    store.records().commit(&record).unwrap();
    assert!(matches!(store.finish(), Err(StoreError::Remote(_))));
    assert!(world.remote.list_records().is_empty(), "no record without its content");
    let store = world.store(0);
    assert!(store.records().look_up(&record.key).unwrap().is_some(), "the local result is kept");
    store.remote().share(&record.key).unwrap();
    store.finish().unwrap();
    assert_eq!(world.remote.list_records().len(), 1);
    assert!(world.store(1).records().look_up(&record.key).unwrap().is_some());
}

#[test]
fn damaged_content_far_away_counts_as_missing_and_can_be_put_again() {
    let world = World::new();
    let record = produce(&world, 0);
    let file = artifact(&record, "file");
    let hex = file.digest.to_string();
    let name = format!("blobs/v1/{}/{}", &hex[..2], &hex[2..]);
    world.remote.kept().insert(name.clone(), b"spoilt".to_vec());
    let store = world.store(1);
    assert!(store.records().look_up(&record.key).unwrap().is_some());
    assert!(matches!(store.content().check(&file), Err(StoreError::Missing(_))));
    let again = self::record(&store, world.folders[1].path());
    store.records().commit(&again).unwrap();
    store.finish().unwrap();
    assert_eq!(world.remote.kept()[&name], b"a file");
}

#[test]
fn a_damaged_record_far_away_counts_as_missing_and_a_newer_one_is_left_alone() {
    for (text, stays) in [("{", false), ("{\"version\":1}", false), ("{\"version\":2,\"key\":0}", true)] {
        let world = World::new();
        let record = produce(&world, 0);
        let name = world.remote.only("records/v1");
        world.remote.kept().insert(name.clone(), text.as_bytes().to_vec());
        let store = world.store(1);
        assert!(store.records().look_up(&record.key).unwrap().is_none(), "{text}");
        assert_eq!(world.remote.kept().contains_key(&name), stays, "{text}");
        store.records().commit(&self::record(&store, world.folders[1].path())).unwrap();
        store.finish().unwrap();
        assert_eq!(world.remote.kept()[&name] == text.as_bytes(), stays, "{text}");
    }
}

#[test]
fn damaged_content_here_is_never_sent_and_is_fetched_from_afar() {
    let world = World::new();
    let record = produce(&world, 0);
    let file = artifact(&record, "file");
    let damage = |store: &Store| {
        let path = store.tiers.blobs.path(&file.digest);
        fs_err::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
        fs_err::write(&path, "spoilt").unwrap();
    };
    damage(&world.store(0));
    assert_eq!(world.store(0).content().read(&file).unwrap(), b"a file", "the remote tier has it");
    // A new remote tier must not get it, and a record without content is none.
    let other = World { remote: Arc::default(), folders: world.folders };
    fs_err::remove_file(other.folders[0].path().join("artifacts/index/v1/sent-test")).unwrap();
    damage(&other.store(0));
    let store = other.store(0);
    store.remote().share(&record.key).unwrap();
    store.finish().unwrap();
    assert!(other.remote.list_records().is_empty());
}

#[test]
fn a_collection_far_away_removes_records_before_content_and_keeps_what_young_records_name() {
    let world = World::new();
    let record = produce(&world, 0);
    let old = || world.remote.times.lock().unwrap().clear();
    let collect = || {
        let options = CollectRemote { keep_runs: 1, grace: Duration::from_secs(3600), dry_run: false };
        let done = world.store(0).maintenance().collect_remote(&options).unwrap().unwrap();
        (done.results.count, done.content.count, done.kept_content.count)
    };
    assert_eq!(collect(), (0, 0, 4));
    old();
    // The content was there long before the record.
    let name = world.remote.only("records/v1");
    world.remote.times.lock().unwrap().insert(name.clone(), std::time::SystemTime::now());
    assert_eq!(collect(), (0, 0, 4), "what a young record names stays, and what is in its folder");
    old();
    assert_eq!(collect(), (1, 4, 0));
    assert_eq!(world.remote.kept().len(), 0);
    let store = world.store(0);
    store.remote().share(&record.key).unwrap();
    store.finish().unwrap();
    assert_eq!(world.remote.kept().len(), 5, "it is not believed to be there any more");
}

#[test]
fn a_fault_while_sending_is_told_and_nobody_waits_for_ever() {
    let world = World::new();
    let store = world.store(0);
    let record = record(&store, world.folders[0].path());
    store.records().commit(&record).unwrap();
    store.finish().unwrap();
    world.remote.panics.store(1, Ordering::SeqCst);
    store.records().replace(&Record { supersedes: Some("one".into()), nonce: "two".into(), ..record.clone() }).unwrap();
    let error = store.finish().unwrap_err().to_string();
    assert!(error.contains("a fault of nnf: the double panics") && error.contains("1 result is kept here"), "{error}");
    store.records().replace(&Record { supersedes: Some("one".into()), nonce: "two".into(), ..record }).unwrap();
    store.finish().unwrap();
}

impl Strict {
    fn list_records(&self) -> Vec<String> {
        crate::store::Remote::list(self, "records/v1").unwrap()
    }
}

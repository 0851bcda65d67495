//! What a collection leaves alone although it had listed it: what somebody came to rely on meanwhile.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::digest::{Digest, Key};
use crate::machine::this_machine;
use crate::record::{Produced, Record};
use crate::store::local::inventory::{self, Item};
use crate::store::maintenance::live_set::LiveSet;
use crate::store::working::note::{self, AttemptNote};
use crate::store::{Bound, CollectOptions, Collected, Store, StoreOptions};

pub(super) struct World {
    _folder: tempfile::TempDir,
    pub(super) store: Store,
    machine: nnf_contract::Machine,
}

impl World {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&StoreOptions { local: folder.path().join("artifacts"), remote: None }).unwrap();
        World { _folder: folder, store, machine: this_machine() }
    }

    /// A record of nothing.
    fn record(&self) -> Record {
        Record {
            version: 1,
            key: Key::of_document(b""),
            document: String::new(),
            outputs: BTreeMap::new(),
            metrics: BTreeMap::new(),
            started: jiff::Timestamp::UNIX_EPOCH,
            seconds: 1.0,
            attempts: 1,
            machine: self.machine.clone(),
            environment: BTreeMap::new(),
            log: None,
            nonce: "one".into(),
            supersedes: None,
            replaces: Vec::new(),
            checksum: String::new(),
        }
    }

    /// A record with one output of this text.
    pub(super) fn commit(&self, text: &str) -> Key {
        let output = Produced::Artifact(self.store.content().ingest_bytes(text.as_bytes(), "text/plain").unwrap());
        let document = format!("{{\"of\":\"{}\"}}", Digest::of(text.as_bytes()));
        let key = Key::of_document(document.as_bytes());
        let record = Record { key, document, outputs: BTreeMap::from([("out".to_owned(), output)]), ..self.record() };
        self.store.records().commit(&record).unwrap();
        // The next thing happens at another tick of the file system's clock.
        std::thread::sleep(Duration::from_millis(20));
        key
    }

    fn has(&self, text: &str) -> bool {
        self.store.tiers.blobs.path(&Digest::of(text.as_bytes())).exists()
    }

    fn content(&self) -> Vec<Item<Digest>> {
        inventory::list(&self.store.tiers.root.join("blobs/v1"), "").unwrap().items
    }

    fn records(&self) -> Vec<Item<Key>> {
        inventory::list(&self.store.tiers.root.join("records/v1"), ".json").unwrap().items
    }

    fn needs(&self) -> LiveSet<'_> {
        LiveSet::now(&self.store.tiers.root, &self.store.tiers.blobs).unwrap()
    }

    fn collect(&self) -> Collected {
        let age = Duration::ZERO;
        let options =
            CollectOptions { keep_runs: 1, grace: age, checkpoint_age: age, quarantine_age: age, dry_run: false };
        self.store.maintenance().collect(&options).unwrap()
    }
}

#[test]
fn what_nothing_needs_goes_and_what_a_run_uses_stays() {
    let world = World::new();
    let used = world.commit("used");
    world.commit("unused");
    let run = world.store.runs().begin("p").unwrap();
    run.uses(&used, "stage").unwrap();
    world.commit("made meanwhile");
    let done = world.collect();
    assert_eq!((done.results.count, done.content.count, done.live_runs), (1, 1, 1));
    assert!(world.has("used") && world.has("made meanwhile") && !world.has("unused"));
    drop(run);
    let done = world.collect();
    assert_eq!((done.results.count, done.live_runs), (1, 0), "the run that is over is the last one, and used one");
    assert!(world.has("used") && !world.has("made meanwhile"));
}

#[test]
fn the_folder_stays_into_which_a_job_that_outlived_its_run_writes_its_log() {
    let world = World::new();
    let runs = [(); 3].map(|()| {
        let run = world.store.runs().begin("p").unwrap();
        let id = run.id.clone();
        drop(run);
        id
    });
    let folder = |id: &str| world.store.tiers.root.join("runs/v1").join(id);
    let attempt = world.store.tiers.root.join("attempts/r-gone/1");
    fs_err::create_dir_all(&attempt).unwrap();
    let note = |executor: &str, id: &str| AttemptNote {
        key: Some(Key::of_document(b"1")),
        executor: executor.into(),
        id: "1".into(),
        log: format!("runs/v1/{id}/logs/stage.1.log"),
    };
    note::write(&attempt, &note("slurm", &runs[0])).unwrap();
    let done = world.collect();
    assert_eq!((done.runs.count, folder(&runs[0]).exists(), folder(&runs[1]).exists()), (1, true, false));
    fs_err::remove_dir_all(attempt.parent().unwrap()).unwrap();
    assert_eq!(world.collect().runs.count, 1);
    assert!(!folder(&runs[0]).exists() && folder(&runs[2]).exists(), "the last run stays");
}

#[test]
fn what_removed_content_looked_like_is_forgotten() {
    let world = World::new();
    let used = world.commit("used");
    world.commit("unused");
    let run = world.store.runs().begin("p").unwrap();
    run.uses(&used, "stage").unwrap();
    world.store.finish().unwrap();
    let remembered = |text: &str| {
        let stamps = fs_err::read_to_string(world.store.tiers.root.join("index/v1/stamps")).unwrap();
        stamps.contains(world.store.tiers.blobs.path(&Digest::of(text.as_bytes())).to_str().unwrap())
    };
    assert!(remembered("used") && remembered("unused"));
    world.collect();
    assert!(remembered("used") && !remembered("unused"));
}

#[test]
fn content_that_is_found_again_after_it_was_listed_stays() {
    let world = World::new();
    world.store.content().ingest_bytes(b"again", "text/plain").unwrap();
    world.store.content().ingest_bytes(b"gone", "text/plain").unwrap();
    std::thread::sleep(Duration::from_millis(20));
    let (listed, mut live) = (world.content(), world.needs());
    // No record names it yet, and no run is known that began before.
    world.store.content().ingest_bytes(b"again", "text/plain").unwrap();
    let removed = world.store.maintenance().remove_content(&mut live, &listed).unwrap();
    assert_eq!((removed.count, removed.bytes), (1, 4));
    assert!(world.has("again") && !world.has("gone"));
}

#[test]
fn a_file_that_is_found_again_counts_as_new_but_as_unchanged() {
    let world = World::new();
    world.store.content().ingest_bytes(b"content", "text/plain").unwrap();
    std::thread::sleep(Duration::from_millis(20));
    let digest = Digest::of(b"content");
    let look = || fs_err::symlink_metadata(world.store.tiers.blobs.path(&digest)).unwrap();
    let before = look();
    let file = world.store.tiers.root.join("attempts/blob-mine");
    fs_err::write(&file, "content").unwrap();
    world.store.content().ingest(&file, "text/plain").unwrap();
    assert!(inventory::changed(&look()) > inventory::changed(&before));
    assert_eq!(look().modified().unwrap(), before.modified().unwrap(), "so it need not be read again");
}

#[test]
fn a_result_that_a_new_run_finds_after_it_was_listed_stays_with_its_content() {
    let world = World::new();
    let key = world.commit("found");
    let (records, content, mut live) = (world.records(), world.content(), world.needs());
    let run = world.store.runs().begin("p").unwrap();
    run.uses(&key, "stage").unwrap();
    assert_eq!(world.store.maintenance().remove_records(&mut live, &records).unwrap().count, 0);
    assert_eq!(world.store.maintenance().remove_content(&mut live, &content).unwrap().count, 0);
    drop(run);
    // A run that began and ended since the listing counts as well.
    let other = world.commit("other");
    let (records, content, mut live) = (world.records(), world.content(), world.needs());
    let run = world.store.runs().begin("p").unwrap();
    run.uses(&other, "stage").unwrap();
    drop(run);
    world.store.maintenance().remove_records(&mut live, &records).unwrap();
    world.store.maintenance().remove_content(&mut live, &content).unwrap();
    assert!(world.has("other") && !world.has("found"));
}

#[test]
fn what_a_run_puts_that_began_after_the_look_at_runs_stays() {
    let world = World::new();
    let mut live = world.needs();
    let run = world.store.runs().begin("p").unwrap();
    world.store.content().ingest_bytes(b"no record yet", "text/plain").unwrap();
    let listed = world.content();
    assert_eq!(world.store.maintenance().remove_content(&mut live, &listed).unwrap().count, 0);
    drop(run);
    assert_eq!(world.store.maintenance().remove_content(&mut world.needs(), &listed).unwrap().count, 1);
}

#[test]
fn nothing_is_removed_while_somebody_holds_the_store() {
    let world = &World::new();
    world.store.content().ingest_bytes(b"content", "text/plain").unwrap();
    let hold = world.store.runs().hold().unwrap();
    std::thread::scope(|scope| {
        let (listed, mut live) = (world.content(), world.needs());
        let removed = scope.spawn(move || world.store.maintenance().remove_content(&mut live, &listed).unwrap().count);
        std::thread::sleep(Duration::from_millis(50));
        assert!(world.has("content"));
        drop(hold);
        assert_eq!(removed.join().unwrap(), 1);
    });
}

#[test]
fn a_pin_that_is_made_after_the_listing_counts() {
    let world = World::new();
    let key = world.commit("pinned");
    let (records, mut live) = (world.records(), world.needs());
    world
        .store
        .maintenance()
        .pin(&crate::store::Pin::new("p", "pipeline", BTreeMap::from([("s".to_owned(), key)])))
        .unwrap();
    assert_eq!(world.store.maintenance().remove_records(&mut live, &records).unwrap().count, 0);
}

#[test]
fn the_bound_takes_the_least_recently_used_first_and_spares_what_is_needed() {
    let text = |letter: &str| letter.repeat(100_000);
    let world = World::new();
    let keys = ["a", "b", "c", "d", "e"].map(|letter| world.commit(&text(letter)));
    // `a` is the oldest, and yet the one that was used last.
    let run = world.store.runs().begin("p").unwrap();
    run.uses(&keys[0], "stage").unwrap();
    drop(run);
    world
        .store
        .maintenance()
        .pin(&crate::store::Pin::new("keep", "p", BTreeMap::from([("s".to_owned(), keys[1])])))
        .unwrap();
    let bound = |bytes, run| world.store.maintenance().bound(&Bound { bytes, run, dry_run: false }).unwrap();
    assert_eq!(bound(1 << 30, None), None);
    let dry = world.store.maintenance().bound(&Bound { bytes: 380_000, run: None, dry_run: true }).unwrap().unwrap();
    let done = bound(380_000, None).unwrap();
    assert_eq!((dry.dropped, dry.before, dry.after), (done.dropped, done.before, done.after));
    assert_eq!(done.dropped.count, 2, "down to nine tenths");
    let there = |letters: &[&str]| letters.iter().map(|letter| world.has(&text(letter))).collect::<Vec<_>>();
    assert_eq!(there(&["a", "b", "c", "d", "e"]), [true, true, false, false, true]);
    assert_eq!(world.store.records().look_up(&keys[2]).unwrap(), None, "it would be run again");
    assert_eq!(bound(380_000, None), None, "once is enough");
    let run = world.store.runs().begin("p").unwrap();
    run.uses(&keys[4], "stage").unwrap();
    let done = bound(50_000, None).unwrap();
    assert_eq!(
        (done.dropped.count, there(&["a", "b", "e"])),
        (1, vec![false, true, true]),
        "a run that goes on, a pin"
    );
    assert!(done.too_small_for.is_some_and(|needed| needed > 200_000 && needed == done.after), "{done:?}");
    let id = run.id.clone();
    drop(run);
    let done = bound(50_000, Some(&id)).unwrap();
    assert_eq!((done.dropped.count, there(&["b", "e"])), (0, vec![true, true]), "the run that has just ended");
    assert_eq!(bound(50_000, None).unwrap().dropped.count, 1);
}

/// What a run does with a result: finds it, or makes it, and then reads it.
fn use_result(store: &Store, run: &crate::store::RunFolder, world: &World, number: usize) -> usize {
    let text = format!("text {number}");
    let document = format!("{{\"of\":\"{}\"}}", Digest::of(text.as_bytes()));
    let key = Key::of_document(document.as_bytes());
    let hold = store.runs().hold().unwrap();
    let found = store.records().look_up(&key).unwrap();
    if found.is_some() {
        run.uses(&key, "stage").unwrap();
    }
    drop(hold);
    let made = usize::from(found.is_none());
    let known = found.unwrap_or_else(|| {
        let common = Produced::Artifact(store.content().ingest_bytes(b"in every result", "text/plain").unwrap());
        let own = Produced::Artifact(store.content().ingest_bytes(text.as_bytes(), "text/plain").unwrap());
        std::thread::yield_now();
        let outputs = BTreeMap::from([("common".to_owned(), common), ("own".to_owned(), own)]);
        let record = Record { outputs, key, document, ..world.record() };
        let standing = store.records().commit(&record).unwrap();
        run.uses(&key, "stage").unwrap();
        crate::store::RecordSummary::from(&standing)
    });
    for (name, produced) in &known.outputs {
        let Produced::Artifact(artifact) = produced else { continue };
        let read = store.content().read(artifact);
        assert!(read.is_ok(), "`{name}` of {number}, {}: {read:?}", if made == 1 { "just made" } else { "found" });
    }
    made
}

/// Many short runs, which find results of each other, beside collections without grace: nothing that a run found or
/// made may be gone while the run goes on.
#[test]
fn no_run_misses_what_it_relied_on() {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    let world = World::new();
    let again = || Store::open(&StoreOptions { local: world.store.root().to_owned(), remote: None }).unwrap();
    let (over, made, used) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    let removed = std::sync::atomic::AtomicU64::new(0);
    std::thread::scope(|scope| {
        let collector = scope.spawn(|| {
            while !over.load(Ordering::SeqCst) {
                removed.fetch_add(world.collect().content.count, Ordering::SeqCst);
            }
        });
        let runners: Vec<_> = (0..2_usize)
            .map(|runner| {
                let (store, world, made, used, removed) = (again(), &world, &made, &used, &removed);
                scope.spawn(move || {
                    // Until enough was collected meanwhile, but not for ever.
                    let enough = |round| round >= 100 && removed.load(Ordering::SeqCst) >= 10;
                    for round in (0..5000_usize).take_while(|round| !enough(*round)) {
                        let run = store.runs().begin(["p", "q"][runner]).unwrap();
                        for step in 0..4 {
                            let number = (round * (3 + runner) + step * 5) % 7;
                            made.fetch_add(use_result(&store, &run, world, number), Ordering::SeqCst);
                            used.fetch_add(1, Ordering::SeqCst);
                        }
                        // Two that take turns at a lock leave a third none, on a machine with little to spare.
                        std::thread::sleep(std::time::Duration::from_millis(u64::from(round >= 100)));
                    }
                })
            })
            .collect();
        let ended: Vec<_> = runners.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        over.store(true, Ordering::SeqCst);
        collector.join().unwrap();
        ended.into_iter().for_each(|runner| runner.unwrap());
    });
    let (made, used, removed) = (made.into_inner(), used.into_inner(), removed.into_inner());
    assert!(removed > 0 && made > 7 && made < used, "{removed} removed, {made} made, {used} used");
}

//! Programs that use one store, or one remote tier, at the same moment.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::maintenance::World;
use super::strict::Strict;
use crate::digest::{Digest, Key};
use crate::store::local::records;
use crate::store::remote::lease::{Claim, Leases, Watch};
use crate::store::{Circumstances, Remote};

#[test]
fn a_note_is_of_no_use_to_a_run_that_another_one_of_the_name_overtook() {
    let world = World::new();
    let (store, keys) = (&world.store, [world.commit("one"), world.commit("two")]);
    let circumstances = || Circumstances { version: Digest::of(b""), path: Vec::new(), remote: None, machine: None };
    let show = |key: Key| {
        store.pipelines().set_heads("p", [("stage", key)]).unwrap();
        let outputs = BTreeMap::from([("stage".to_owned(), store.records().look_up(&key).unwrap().unwrap())]);
        store.pipelines().publish("p", &outputs, &BTreeSet::new()).unwrap();
    };
    let run = store.runs().begin("p").unwrap();
    run.write("pipeline.json", b"{}").unwrap();
    let note = |slot: &str, key: Key| {
        store.pipelines().note_up_to_date(
            slot,
            circumstances(),
            "p",
            vec![("stage".into(), key)],
            &BTreeMap::new(),
            &run.id,
        );
        store.pipelines().up_to_date(slot, &circumstances()).is_some()
    };
    show(keys[0]);
    assert!(note("first", keys[0]));
    // The second run ends between the moments at which the first one shows its results and notes what it rests on.
    show(keys[1]);
    assert!(!note("first", keys[0]), "what is shown is not what this run made");
    assert!(note("second", keys[1]));
    // Both have written their heads, and then both have shown their results.
    store.pipelines().set_heads("p", [("stage", keys[0])]).unwrap();
    assert!(!note("first", keys[0]) && !note("second", keys[1]));
}

#[test]
fn a_note_holds_while_its_records_stay_whatever_comes_beside_them() {
    let world = World::new();
    let (store, key) = (&world.store, world.commit("one"));
    let circumstances = || Circumstances { version: Digest::of(b""), path: Vec::new(), remote: None, machine: None };
    let holds = || store.pipelines().up_to_date("slot", &circumstances()).is_some();
    store.pipelines().set_heads("p", [("stage", key)]).unwrap();
    let outputs = BTreeMap::from([("stage".to_owned(), store.records().look_up(&key).unwrap().unwrap())]);
    store.pipelines().publish("p", &outputs, &BTreeSet::new()).unwrap();
    let run = store.runs().begin("p").unwrap();
    run.write("pipeline.json", b"{}").unwrap();
    let record = records::path(&store.tiers.root, &key);
    let folder = record.parent().unwrap();
    // The second time the folders of records have rested, and are looked at instead of the records.
    for rest in [0, 2100] {
        std::thread::sleep(Duration::from_millis(rest));
        let stages = vec![("stage".into(), key)];
        store.pipelines().note_up_to_date("slot", circumstances(), "p", stages, &BTreeMap::new(), &run.id);
        assert!(holds());
        fs_err::write(folder.join("another"), "").unwrap();
        assert!(holds() && holds(), "another record came");
        let content = fs_err::read(&record).unwrap();
        let kept = folder.join("kept");
        fs_err::rename(&record, &kept).unwrap();
        assert!(!holds(), "it is gone");
        fs_err::write(&record, &content).unwrap();
        assert!(!holds(), "another one is in its place");
        fs_err::rename(&kept, &record).unwrap();
    }
}

#[test]
fn a_lease_that_was_taken_over_is_nobody_elses() {
    let (remote, key) = (Strict::default(), Key::of_document(b"{}"));
    let folders = [(); 4].map(|()| tempfile::tempdir().unwrap());
    let [dead, second, third, fourth] =
        folders.each_ref().map(|folder| Leases::new(folder.path(), Duration::from_millis(40)));
    let held = |leases: &Leases, watch: &mut Watch| matches!(leases.claim(&remote, &key, watch).unwrap(), Claim::Held);
    let wait = |leases: &Leases| {
        let mut watch = Watch::default();
        while !held(leases, &mut watch) {
            std::thread::sleep(Duration::from_millis(10));
        }
    };
    assert!(held(&dead, &mut Watch::default()));
    wait(&second);
    assert!(!held(&third, &mut Watch::default()), "the second one has it");
    wait(&third);
    assert!(!held(&fourth, &mut Watch::default()), "the third one has it, after the second one's time");
    third.release(&remote, &key);
    assert_eq!(remote.list("leases/v1").unwrap(), [""; 0]);
    assert!(held(&fourth, &mut Watch::default()));
}

//! Damage of the store, and what else can go wrong around a result: it is noticed, and what is needed is made again.

#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "support/damage.rs"]
mod damage;
#[path = "support/files.rs"]
mod files;
#[path = "support/ran.rs"]
mod ran;
#[path = "support/store.rs"]
mod store;
mod support;

use std::path::{Path, PathBuf};

use damage::damage;
use files::files;
use ran::ran;
use store::blob;
use support::Project;

const PIPELINE: &str = "params: { tail: end }
stages:
  make: { run: [sh, -c, 'echo made > {out.x}'], out: { x: text/plain } }
  use: { run: [sh, -c, 'cat {in.x} > {out.y}; echo ${params.tail} >> {out.y}'], in: { x: make.x }, out: { y: text/plain } }
";

fn only_file(folder: &Path) -> PathBuf {
    let mut found: Vec<PathBuf> = fs_err::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    let one = found.remove(0);
    if one.is_dir() { only_file(&one) } else { one }
}

#[test]
fn damaged_content_is_made_again_when_it_is_read() {
    let project = Project::new(PIPELINE);
    ran(&project, &[]);
    let made = blob(&project, "make/x.txt");
    damage(&made);
    assert_eq!(ran(&project, &["use"]).stages.len(), 0, "nobody reads it or asks for it");
    let again = ran(&project, &["use", "--set", "params.tail=finis"]);
    assert_eq!(again.stages, ["make", "use", "use"], "use finds the damage, make runs, use runs");
    assert_eq!(fs_err::read_to_string(&made).unwrap(), "made\n");
    assert_eq!(fs_err::read_to_string(blob(&project, "use/y.txt")).unwrap(), "made\nfinis\n");
    let aside = only_file(&project.path("artifacts/quarantine"));
    assert_eq!(fs_err::read_to_string(aside).unwrap(), "#####", "the damaged bytes can be looked at");
    let note = again.events.iter().find(|event| event["event"] == "note").unwrap();
    let text = note["text"].as_str().unwrap();
    assert!(text.starts_with("its output `x`: content ") && text.ends_with("; `make` runs again"), "{text}");
}

#[test]
fn missing_content_is_made_again_when_it_is_read() {
    let project = Project::new(PIPELINE);
    ran(&project, &[]);
    fs_err::remove_file(blob(&project, "make/x.txt")).unwrap();
    assert_eq!(ran(&project, &["use"]).stages.len(), 0, "nobody reads it or asks for it");
    assert_eq!(ran(&project, &["use", "--set", "params.tail=finis"]).stages, ["make", "use", "use"]);
    assert_eq!(ran(&project, &[]).stages.len(), 0);
}

#[test]
fn a_forced_run_repairs_damaged_content() {
    let project = Project::new(PIPELINE);
    ran(&project, &[]);
    let made = blob(&project, "make/x.txt");
    damage(&made);
    assert_eq!(ran(&project, &["--force", "make", "make"]).stages, ["make"]);
    assert_eq!(fs_err::read_to_string(&made).unwrap(), "made\n");
}

/// What is asked for is made again where it is damaged or gone, with what it needs.
#[test]
fn get_makes_again_what_is_damaged_or_gone() {
    type Spoil = fn(&Project);
    let spoils: [(Spoil, &str); 4] = [
        (|p| damage(&blob(p, "use/y.txt")), ": 1 ran, 1 fresh\n"),
        (|p| fs_err::remove_file(blob(p, "use/y.txt")).unwrap(), ": 1 ran, 1 fresh\n"),
        (|p| fs_err::remove_dir_all(p.path("artifacts/blobs")).unwrap(), ": 2 ran, 0 fresh\n"),
        (|p| files(&p.path("artifacts/blobs")).iter().for_each(|blob| damage(blob)), ": 2 ran, 0 fresh\n"),
    ];
    for (spoil, ran_and_fresh) in spoils {
        for arguments in [&["get", "use.y"][..], &["get", "use.y", "-o", "copy"], &["get", "use.y", "--json"]] {
            let project = Project::new(PIPELINE);
            ran(&project, &[]);
            spoil(&project);
            let outcome = project.nnf(arguments);
            assert_eq!(outcome.code, Some(0), "{outcome:?}");
            let told = outcome.err.lines().next().unwrap_or_default();
            assert!(told.starts_with("note: content ") && told.ends_with("; `use` runs again"), "{}", outcome.err);
            assert!(outcome.err.contains(ran_and_fresh), "{}", outcome.err);
            let text = if arguments.contains(&"-o") {
                assert_eq!(outcome.out, "");
                fs_err::read_to_string(project.path("copy")).unwrap()
            } else {
                outcome.out
            };
            assert_eq!(text, "made\nend\n");
            assert_eq!(project.nnf(&["get", "use.y"]).err, "");
        }
    }
}

/// What cannot be made again is told, and no part of it is left where it was to go. What is stale is not run.
#[test]
fn get_of_what_cannot_be_made_again_leaves_nothing() {
    let pipeline = "params: { tail: end }
stages:
  make: { run: [sh, -c, 'test -e DONE && exit 7; touch DONE; mkdir {out.x}; echo ${params.tail} | tee {out.x}/a > {out.x}/b; echo b >> {out.x}/b'], out: { x: inode/directory } }
";
    let project = Project::new("stages: {}");
    project.write("pipeline.yaml", pipeline.replace("DONE", &project.path("../done").display().to_string()));
    ran(&project, &[]);
    fs_err::remove_file(blob(&project, "make/x/b")).unwrap();
    let outcome = project.nnf(&["get", "make.x", "-o", "copy"]);
    assert_eq!((outcome.code, outcome.out.as_str()), (Some(1), ""), "{outcome:?}");
    assert!(outcome.err.contains("`make` failed with exit status 7"), "{}", outcome.err);
    let left: Vec<_> = fs_err::read_dir(project.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.len() == 2 && left.iter().all(|name| name == "artifacts" || name == "pipeline.yaml"), "{left:?}");
    let stale = project.nnf(&["get", "make.x", "-o", "copy", "--set", "params.tail=other"]);
    assert_eq!(stale.code, Some(2), "{stale:?}");
    assert!(stale.err.contains("hint: `nnf run make` makes it"), "{}", stale.err);
    fs_err::remove_file(project.path("../done")).unwrap();
    assert_eq!(project.nnf(&["get", "make.x", "-o", "copy"]).code, Some(0));
    assert_eq!(fs_err::read_to_string(project.path("copy/b")).unwrap(), "end\nb\n");
}

/// While `first` finds that content of `make` is gone, `second` waits for `slow`. It must go on waiting.
#[test]
fn a_stage_that_waits_is_not_started_early_when_an_input_is_made_again() {
    let pipeline = "params: { n: 1 }
stages:
  make: { run: [sh, -c, 'echo made > {out.x}'], out: { x: text/plain } }
  slow: { run: [sh, -c, 'sleep 0.5; echo ${params.n} > {out.x}'], out: { x: } }
  first: { run: [sh, -c, 'cat {in.x}; echo ${params.n} > {out.x}'], in: { x: make.x }, out: { x: } }
  second: { run: [sh, -c, 'cat {in.a} {in.b} > {out.x}'], in: { a: make.x, b: slow.x }, out: { x: text/plain } }
";
    let project = Project::new(pipeline);
    ran(&project, &[]);
    damage(&blob(&project, "make/x.txt"));
    let again = ran(&project, &["-j", "4", "--set", "params.n=2", "first", "second"]);
    assert_eq!(again.stages, ["first", "first", "make", "second", "slow"]);
    assert_eq!(fs_err::read_to_string(blob(&project, "second/x.txt")).unwrap(), "made\n2\n");
}

/// `second` is in the queue, for lack of cores, while `make` runs again; it must not start without its input.
#[test]
fn a_stage_in_the_queue_waits_for_an_input_that_is_made_again() {
    let pipeline = "params: { n: 1 }
stages:
  make: { run: [sh, -c, 'od -An -N8 -tx8 /dev/urandom > {out.x}'], out: { x: text/plain } }
  first: { run: [sh, -c, 'cat {in.x}; echo ${params.n} > {out.x}'], in: { x: make.x }, out: { x: } }
  second: { run: [sh, -c, 'echo ${params.n}; cp {in.x} {out.x}'], in: { x: make.x }, out: { x: text/plain } }
";
    let project = Project::new(pipeline);
    ran(&project, &[]);
    damage(&blob(&project, "make/x.txt"));
    let again = ran(&project, &["-j", "1", "--set", "params.n=2", "first", "second"]);
    assert_eq!(again.stages, ["first", "first", "make", "second"]);
    let read = |name: &str| fs_err::read_to_string(blob(&project, name)).unwrap();
    assert_eq!(read("second/x.txt"), read("make/x.txt"));
    let key = |name: &str| project.nnf(&["get", &format!("{name}.record"), "--set", "params.n=2"]);
    assert_eq!(key("second").code, Some(0), "its record lies under the key of what it read");
}

#[test]
fn a_damaged_record_is_made_again() {
    let pipeline = "stages:
  make: { run: [sh, -c, 'echo made > {out.x}'], out: { x: text/plain } }
  time: { run: [cp, '{in.r}', '{out.y}'], in: { r: make.record }, out: { y: } }
";
    let project = Project::new(pipeline);
    let first = ran(&project, &["make"]);
    let key =
        first.events.iter().find(|event| event["event"] == "started").unwrap()["key"].as_str().unwrap().to_owned();
    let record = project.path("artifacts/records/v1").join(&key[..2]).join(format!("{}.json", &key[2..]));
    let text = fs_err::read_to_string(&record).unwrap();
    fs_err::write(&record, text.replacen("\"attempts\": 1", "\"attempts\": 2", 1)).unwrap();
    assert_eq!(ran(&project, &["make"]).stages, ["make"], "what the index knows of it is not believed");
    assert_eq!(ran(&project, &[]).stages, ["time"]);
    assert_eq!(ran(&project, &[]).stages.len(), 0);
}

#[test]
fn a_lost_or_torn_index_costs_nothing_but_time() {
    let project = Project::new(PIPELINE);
    ran(&project, &[]);
    let index = project.path("artifacts/index/v1/records");
    let text = fs_err::read(&index).unwrap();
    for bytes in [&text[..text.len() - 20], b"", b"\xff\n{}\n0123456789abcdef {}\n"] {
        fs_err::write(&index, bytes).unwrap();
        assert_eq!(ran(&project, &[]).stages.len(), 0);
    }
    fs_err::remove_dir_all(project.path("artifacts/index")).unwrap();
    assert_eq!(ran(&project, &[]).stages.len(), 0);
}

/// Damage of a file deep in a folder is found by whoever gets the folder; only the stage that made it runs again.
#[test]
fn damage_deep_in_a_folder_is_made_up_for() {
    let pipeline = "params: { tail: end }
stages:
  other: { run: [sh, -c, 'echo other > {out.x}'], out: { x: } }
  make: { run: [sh, -c, 'mkdir -p {out.x}/a/b; echo deep > {out.x}/a/b/c; cp {in.o} {out.x}/top'], in: { o: other.x }, out: { x: inode/directory } }
  use: { run: [sh, -c, 'cat {in.x}/a/b/c {in.x}/top > {out.y}; echo ${params.tail} >> {out.y}'], in: { x: make.x }, out: { y: text/plain } }
";
    for lost in [false, true] {
        let project = Project::new(pipeline);
        ran(&project, &[]);
        let deep = blob(&project, "make/x/a/b/c");
        if lost {
            fs_err::remove_file(&deep).unwrap();
        } else {
            damage(&deep);
        }
        assert_eq!(ran(&project, &["--set", "params.tail=finis", "use"]).stages, ["make", "use", "use"]);
        assert_eq!(fs_err::read_to_string(blob(&project, "use/y.txt")).unwrap(), "deep\nother\nfinis\n");
        assert_eq!(project.nnf(&["verify"]).code, Some(0));
    }
}

/// Two stages that run at the same time find that the same content is damaged: it is made again once, and both go on.
#[test]
fn damage_of_what_two_stages_read_is_made_up_for_once() {
    let pipeline = "params: { n: 1 }
stages:
  make: { run: [sh, -c, 'echo made > {out.x}'], out: { x: text/plain } }
  one: { run: [sh, -c, 'cat {in.x} > {out.y}; echo one ${params.n} >> {out.y}'], in: { x: make.x }, out: { y: text/plain } }
  two: { run: [sh, -c, 'cat {in.x} > {out.y}; echo two ${params.n} >> {out.y}'], in: { x: make.x }, out: { y: text/plain } }
  both: { run: [sh, -c, 'cat {in.a} {in.b} > {out.z}'], in: { a: one.y, b: two.y }, out: { z: text/plain } }
";
    for jobs in ["1", "4"] {
        let project = Project::new(pipeline);
        ran(&project, &[]);
        damage(&blob(&project, "make/x.txt"));
        let again = ran(&project, &["-j", jobs, "--set", "params.n=2", "both"]);
        let count = |stage: &str| again.stages.iter().filter(|name| *name == stage).count();
        assert_eq!((count("make"), count("both")), (1, 1), "{:?}", again.stages);
        let text = fs_err::read_to_string(blob(&project, "both/z.txt")).unwrap();
        assert_eq!(text, "made\none 2\nmade\ntwo 2\n");
        assert_eq!(project.nnf(&["verify"]).code, Some(0));
        assert_eq!(files(&project.path("artifacts/quarantine")).len(), 1);
    }
}

/// The same, where the two read it from stages that are the same work.
#[test]
fn what_is_missing_of_the_same_work_is_made_again_once() {
    let make = "run: [sh, -c, 'echo made > {out.x}'], out: { x: text/plain }";
    let read = |from: &str| format!("run: [cp, '{{in.x}}', '{{out.y}}'], in: {{ x: {from}.x }}, out: {{ y: }}");
    let text = |tail: &str| {
        let (one, two) = (read("p"), read("q"));
        format!(
            "stages:\n  p: {{ {make} }}\n  q: {{ {make} }}\n  x: {{ {one}{tail} }}\n  y: {{ {two}{tail}, env: {{ A: b }} }}\n"
        )
    };
    let project = Project::new(&text(""));
    ran(&project, &[]);
    fs_err::remove_file(blob(&project, "p/x.txt")).unwrap();
    project.write("pipeline.yaml", text(", with: { more: 1 }"));
    let again = ran(&project, &[]).stages;
    assert_eq!(again.iter().filter(|stage| ["p", "q"].contains(&stage.as_str())).count(), 1, "{again:?}");
}

/// A result whose content is found damaged in the middle of a run, after another reader had it whole.
#[test]
fn damage_that_appears_in_the_middle_of_a_run_is_made_up_for() {
    let pipeline = "stages:
  make: { run: [sh, -c, 'echo made > {out.x}'], out: { x: text/plain } }
  spoil: { run: [sh, -c, 'cat {in.x} > {out.y}; test -e DONE || { touch DONE; f=$(find STORE/blobs -type f -size 5c); chmod 644 $f; echo ruin > $f; }'], in: { x: make.x }, out: { y: text/plain } }
  use: { run: [sh, -c, 'cat {in.x} {in.y} > {out.z}'], in: { x: make.x, y: spoil.y }, out: { z: text/plain } }
";
    let project = Project::new("stages: {}");
    let store = project.path("artifacts").display().to_string();
    let done = project.path("../done").display().to_string();
    project.write("pipeline.yaml", pipeline.replace("STORE", &store).replace("DONE", &done));
    let outcome = project.nnf(&["run", "--json"]);
    // Where inputs are hard links, the stage that did it is found out, and nothing of it is kept.
    if outcome.code == Some(1) {
        assert!(outcome.out.contains("changed its input `x`"), "{outcome:?}");
        assert_eq!(ran(&project, &[]).stages, ["make", "spoil", "use"]);
    } else {
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
    }
    assert_eq!(fs_err::read_to_string(blob(&project, "use/z.txt")).unwrap(), "made\nmade\n");
    assert_eq!(project.nnf(&["verify"]).code, Some(0));
}

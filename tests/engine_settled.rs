//! What is remembered between runs so that they start at once never hides a change.

#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use std::path::{Path, PathBuf};
use std::time::Duration;

use support::{Outcome, Project};

const PIPELINE: &str = "params: { letter: a }
stages:
  first: { run: [sh, -c, 'cat {in.a} {in.b}/*.txt > {out.x}; echo ${params.letter} >> {out.x}'], in: { a: 'file:a.txt', b: 'file:folder' }, out: { x: text/plain } }
  second: { run: [cp, '{in.x}', '{out.z}'], in: { x: first.x }, out: { z: text/plain } }
  third: { run: [./tool.sh, '{out.y}', words], in: { x: first.x }, code: [tool.sh], out: { y: text/plain } }
";
/// What the engine says in its log when it goes by the note of an earlier run.
const SAID: &str = "left nothing to do";

fn run(project: &Project, words: &[&str]) -> Outcome {
    let output = project.command(&[&["run"], words].concat()).env("NNF_LOG", "nnf=debug").output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Outcome { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// All files in a folder, its folders included.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs_err::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// A project that has run, and whose files have rested.
fn project() -> Project {
    let project = Project::new(PIPELINE);
    project.write("a.txt", "a\n");
    project.write("folder/b.txt", "b\n");
    project.write("folder/deep/c.txt", "c\n");
    project.write("tool.sh", "#!/bin/sh\necho $2 > $1\n");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs_err::set_permissions(project.path("tool.sh"), mode).unwrap();
    settle(&project);
    project
}

/// Runs until the engine says that it goes by the note.
fn settle(project: &Project) {
    std::thread::sleep(Duration::from_millis(2100));
    let outcome = run(project, &[]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let outcome = run(project, &[]);
    assert!(outcome.err.contains(SAID) && outcome.err.contains(" 0 ran, 3 fresh\n"), "{}", outcome.err);
}

/// Runs after a change, and says what ran.
fn ran(project: &Project, words: &[&str]) -> Vec<String> {
    let outcome = run(project, &[words, &["--json"]].concat());
    assert!(!outcome.err.contains(SAID), "the note still held: {}", outcome.err);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let last: serde_json::Value = serde_json::from_str(outcome.out.lines().last().unwrap()).unwrap();
    let ran = last["ran"].as_array().unwrap().iter();
    let mut names: Vec<String> = ran.map(|ran| ran["stage"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_run_by_the_note_looks_like_any_other() {
    let project = project();
    let events = |outcome: &Outcome| -> Vec<serde_json::Value> {
        let mut events: Vec<serde_json::Value> =
            outcome.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        for event in &mut events {
            for name in ["run", "seconds"] {
                event.as_object_mut().unwrap().remove(name);
            }
        }
        events
    };
    let by_note = run(&project, &["--json"]);
    assert!(by_note.err.contains(SAID), "{}", by_note.err);
    fs_err::remove_dir_all(project.path("artifacts/index")).unwrap();
    let in_full = run(&project, &["--json"]);
    assert!(!in_full.err.contains(SAID), "{}", in_full.err);
    assert_eq!(events(&by_note), events(&in_full));
    for run in fs_err::read_dir(project.path("artifacts/runs/v1")).unwrap() {
        let run = run.unwrap().path();
        for file in ["run.json", "pipeline.json", "events.jsonl"] {
            assert!(run.join(file).exists(), "{} has no {file}", run.display());
        }
    }
}

#[test]
fn every_change_is_seen() {
    let project = project();
    project.write("a.txt", "A\n");
    assert_eq!(ran(&project, &[]), ["first", "second", "third"]);
    // The file had been written a moment before it was hashed, so its look is not believed yet.
    assert_eq!(ran(&project, &[]), [""; 0]);

    settle(&project);
    project.write("folder/deep/new.txt", "new\n");
    // The command reads the files of the folder itself, so its output stays the same.
    assert_eq!(ran(&project, &[]), ["first"], "a file more in a folder");

    settle(&project);
    project.write("tool.sh", "#!/bin/sh\necho other $2 > $1\n");
    assert_eq!(ran(&project, &[]), ["third"], "code");

    settle(&project);
    assert_eq!(ran(&project, &["--set", "params.letter=b"]), ["first", "second", "third"], "a parameter");
    assert_eq!(ran(&project, &[]), [""; 0], "what is shown is that of the other parameter");
    let shown = project.path("artifacts/latest/pipeline/first/x.txt");
    assert!(fs_err::read_to_string(&shown).unwrap().ends_with("a\n"));

    settle(&project);
    project.write("pipeline.yaml", PIPELINE.replace("letter: a", "letter: c"));
    assert_eq!(ran(&project, &[]), ["first", "second", "third"], "the pipeline");

    settle(&project);
    assert_eq!(ran(&project, &["--force", "second"]), ["second"]);
    assert_eq!(ran(&project, &["second"]), [""; 0], "only a part is asked for");
}

#[test]
fn what_is_gone_is_made_again() {
    let project = project();
    let records: Vec<_> = files(&project.path("artifacts/records/v1"));
    assert_eq!(records.len(), 3);
    for record in records {
        fs_err::remove_file(record).unwrap();
        assert_eq!(ran(&project, &[]).len(), 1, "a record");
        settle(&project);
    }
    fs_err::remove_dir_all(project.path("artifacts/latest/pipeline/third")).unwrap();
    assert_eq!(ran(&project, &[]), [""; 0]);
    assert!(project.path("artifacts/latest/pipeline/third/y.txt").exists(), "results are linked again");
}

#[test]
fn faults_that_a_change_makes_are_found() {
    let project = project();
    project.write("words", "now a file, which no key would know\n");
    let outcome = run(&project, &[]);
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert!(outcome.err.contains("the command names the file `words`"), "{}", outcome.err);
    fs_err::remove_file(project.path("words")).unwrap();
    settle(&project);

    fs_err::remove_file(project.path("a.txt")).unwrap();
    let outcome = run(&project, &[]);
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert!(outcome.err.contains("there is no file `a.txt`"), "{}", outcome.err);

    fs_err::os::unix::fs::symlink("/etc/hostname", project.path("a.txt")).unwrap();
    let outcome = run(&project, &[]);
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert!(outcome.err.contains("lies outside the pipeline's root"), "{}", outcome.err);
}

#[test]
fn damaged_memories_are_not_believed() {
    let project = project();
    let memories =
        [files(&project.path("artifacts/index/v1/settled")), files(&project.path("../cache/pipelines"))].concat();
    assert_eq!(memories.len(), 2);
    for memory in memories {
        let whole = fs_err::read(&memory).unwrap();
        for at in (0..whole.len()).step_by(whole.len() / 40 + 1) {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x41;
            fs_err::remove_file(&memory).unwrap();
            fs_err::write(&memory, &bytes[..]).unwrap();
            let outcome = project.nnf(&["run"]);
            assert!(outcome.err.contains(" 0 ran, 3 fresh\n"), "byte {at} of {}: {outcome:?}", memory.display());
        }
        for length in [0, 31, 32, 40, whole.len() - 1] {
            fs_err::remove_file(&memory).unwrap();
            fs_err::write(&memory, &whole[..length]).unwrap();
            let outcome = project.nnf(&["plan"]);
            assert_eq!(outcome.code, Some(0), "{length} bytes of {}: {outcome:?}", memory.display());
        }
    }
}

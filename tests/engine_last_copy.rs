//! Stages that move, remove or overwrite a person's own files, which they read in place: the last copy of something is
//! put back, or kept and its place told, however the stage and the engine end.

#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "support/files.rs"]
mod files;
mod support;

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use files::files;
use support::{Outcome, Project};

/// A stage `a` that reads `data` and writes `o`; in its script `$1` and `$2` are their paths. Whatever it does, it may be
/// a script of several lines.
fn project(script: &str, more: &str) -> Project {
    let project = Project::new("");
    write(&project, script, more);
    project.write("data", "only copy\n");
    project
}

fn write(project: &Project, script: &str, more: &str) {
    let text = format!(
        "stages:\n  a:\n    run: [sh, -c, '{script}', sh, '{{in.data}}', '{{out.o}}']\n    \
         in: {{ data: 'file:data' }}\n    out: {{ o: text/plain }}\n{more}"
    );
    project.write("pipeline.yaml", text);
}

fn fails(project: &Project) -> Outcome {
    let outcome = project.nnf(&["run"]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    outcome
}

fn read(project: &Project, name: &str) -> String {
    fs_err::read_to_string(project.path(name)).unwrap_or_else(|error| format!("{error}"))
}

/// The contents of all files that were kept for the person.
fn kept(project: &Project) -> Vec<String> {
    let own = ["process", "guard", "task.json", "events.jsonl"];
    let found = files(&project.path("artifacts/kept"));
    let found = found.iter().filter(|path| !own.contains(&path.file_name().unwrap().to_str().unwrap()));
    found.map(|path| String::from_utf8_lossy(&fs_err::read(path).unwrap()).into_owned()).collect()
}

/// Nothing of an attempt is left, and nothing was stored.
fn left_nothing(project: &Project) {
    assert_eq!(files(&project.path("artifacts/attempts")), [""; 0].map(PathBuf::from));
    assert_eq!(files(&project.path("artifacts/records")), [""; 0].map(PathBuf::from));
}

#[test]
fn a_file_that_a_stage_moved_is_put_back() {
    let moved = "its input `data` was gone when it ended and was put back from what it left, so nothing was recorded";
    for (what, script, more) in [
        ("as its output", "mv \"$1\" \"$2\"", ""),
        ("into its scratch folder", "mv \"$1\" $NNF_SCRATCH/x; echo > \"$2\"", ""),
        ("deep into it", "mkdir -p $HOME/a/b; mv \"$1\" $HOME/a/b/c; echo > \"$2\"", ""),
        ("and it fails", "mv \"$1\" \"$2\"; exit 3", ""),
        ("and is killed", "mv \"$1\" \"$2\"; kill -9 $$", ""),
        ("and takes too long", "mv \"$1\" \"$2\"; sleep 60", "    timeout: 0.3s\n"),
        ("as an output that it has not", "mv \"$1\" \"$2.bak\"; echo > \"$2\"", ""),
        ("beside its folders", "mv \"$1\" $NNF_SCRATCH/../x; echo > \"$2\"", ""),
        ("among its inputs", "mv \"$1\" $NNF_SCRATCH/../in/x; echo > \"$2\"", ""),
        ("into its checkpoint", "mv \"$1\" $NNF_CHECKPOINT/x; echo > \"$2\"", "    resumes: true\n"),
        ("by a link", "ln \"$1\" \"$2\"; rm \"$1\"", ""),
        ("where nobody may look", "mkdir $HOME/x; mv \"$1\" $HOME/x/y; chmod 000 $HOME/x; echo > \"$2\"", ""),
        ("and tries again", "test ! -e \"$1\" || mv \"$1\" \"$2\"; exit 1", "    retries: 2\n"),
    ] {
        let project = project(script, more);
        let before = fs_err::metadata(project.path("data")).unwrap();
        let outcome = fails(&project);
        assert!(outcome.err.contains(moved), "{what}: {}", outcome.err);
        assert_eq!(read(&project, "data"), "only copy\n", "{what}");
        let after = fs_err::metadata(project.path("data")).unwrap();
        let look = |meta: &std::fs::Metadata| (meta.ino(), meta.mode(), meta.mtime_nsec());
        assert_eq!(look(&before), look(&after), "{what}");
        assert_eq!(kept(&project), [""; 0], "{what}");
        left_nothing(&project);
        // The pipeline is mended, and all is as it should be.
        write(&project, "cp \"$1\" \"$2\"", more);
        assert_eq!(project.nnf(&["run"]).code, Some(0), "{what}");
        assert_eq!(project.nnf(&["get", "a.o"]).out, "only copy\n", "{what}");
    }
}

#[test]
fn what_cannot_be_put_back_is_kept_and_its_place_told() {
    for (what, script, there, found) in [
        ("another stands there", "mv \"$1\" \"$2\"; echo new > \"$1\"", "new\n", "only copy\n"),
        ("it was overwritten", "cp \"$1\" $HOME/x; echo new > \"$1\"; echo > \"$2\"", "new\n", "only copy\n"),
        ("it was emptied", "tr a-z A-Z < \"$1\" > \"$2\"; : > \"$1\"", "", "ONLY COPY\n"),
        ("its other form alone is left", "tr a-z A-Z < \"$1\" > \"$2\"; rm \"$1\"", "", "ONLY COPY\n"),
        ("it was changed where it is now", "mv \"$1\" \"$2\"; echo more >> \"$2\"", "", "only copy\nmore\n"),
    ] {
        let project = project(script, "");
        let outcome = fails(&project);
        let (_, after) = outcome.err.split_once("is kept in `").unwrap_or_else(|| panic!("{what}: {}", outcome.err));
        let place = after.split_once('`').unwrap().0;
        assert!(place.starts_with("artifacts/kept/a-") && project.path(place).is_dir(), "{what}: {place}");
        let text = if project.path("data").exists() { read(&project, "data") } else { String::new() };
        assert_eq!(text, there, "{what}");
        assert!(kept(&project).contains(&found.to_owned()), "{what}: {:?}", kept(&project));
        for command in ["gc", "verify"] {
            assert_eq!(project.nnf(&[command]).code, Some(0), "{what}");
        }
        assert!(project.path(place).is_dir(), "nobody but the person removes it");
    }
}

#[test]
fn a_change_that_loses_nothing_keeps_nothing() {
    for script in
        ["echo more >> \"$1\"; echo x > \"$2\"", "rm \"$1\"", "echo x > $HOME/x; cat \"$1\" > y; mv y \"$1\"; exit 1"]
    {
        let project = project(script, "");
        let outcome = fails(&project);
        assert!(!outcome.err.contains("kept in") && !project.path("artifacts/kept").exists(), "{script}: {outcome:?}");
    }
}

#[test]
fn a_folder_and_what_is_in_it_are_put_back() {
    for (what, script) in [
        ("the folder", "mv \"$1\" \"$2\""),
        ("all that is in it", "mkdir \"$2\"; mv \"$1\"/* \"$1\"/.[a-z]* \"$2\""),
        ("a folder in it", "mv \"$1\"/sub \"$2\""),
        ("a file in it", "mkdir \"$2\"; mv \"$1\"/sub/one \"$2\""),
        ("a link in it", "mkdir \"$2\"; mv \"$1\"/link \"$2\""),
    ] {
        let project = project(script, "");
        fs_err::remove_file(project.path("data")).unwrap();
        project.write("data/sub/one", "1\n");
        project.write("data/sub/two", "2\n");
        project.write("data/.git/config", "of git\n");
        fs_err::create_dir(project.path("data/sub/empty")).unwrap();
        fs_err::os::unix::fs::symlink("sub/one", project.path("data/link")).unwrap();
        let before = all(&project.path("data"));
        let outcome = fails(&project);
        assert!(outcome.err.contains("put back"), "{what}: {}", outcome.err);
        assert_eq!(all(&project.path("data")), before, "{what}");
        assert_eq!(kept(&project), [""; 0], "{what}");
    }
}

/// Every path below a folder with its inode.
fn all(folder: &Path) -> Vec<(PathBuf, u64)> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let meta = fs_err::symlink_metadata(&path).unwrap();
        if meta.is_dir() {
            found.extend(all(&path));
        }
        found.push((path, meta.ino()));
    }
    found.sort();
    found
}

#[test]
fn a_link_is_put_back_and_so_is_what_it_leads_to() {
    for (script, moved) in [("mv \"$1\" \"$2\"", "`data`"), ("mv \"$(readlink -f \"$1\")\" \"$2\"", "`real/file`")] {
        let project = project(script, "");
        fs_err::remove_file(project.path("data")).unwrap();
        project.write("real/file", "only copy\n");
        fs_err::os::unix::fs::symlink("real/file", project.path("data")).unwrap();
        let outcome = fails(&project);
        assert!(
            outcome.err.contains(&format!("{moved} of its input `data` was gone")) || moved == "`data`",
            "{}",
            outcome.err
        );
        assert!(fs_err::symlink_metadata(project.path("data")).unwrap().is_symlink());
        assert_eq!(read(&project, "data"), "only copy\n");
    }
}

/// A file of the person's that the pipeline does not even name.
#[test]
fn what_was_moved_without_being_named_is_kept() {
    for script in
        ["mv notes $NNF_SCRATCH; exit 1", "mv notes $NNF_SCRATCH; echo > \"$2\"", "mv notes \"$2.x\"; echo > \"$2\""]
    {
        let project = project(script, "");
        project.write("notes", "never named\n");
        let outcome = project.nnf(&["run"]);
        assert!(outcome.err.contains("may be the only copy of a file, and is kept in"), "{script}: {}", outcome.err);
        assert!(kept(&project).contains(&"never named\n".to_owned()), "{script}");
    }
    // What a stage made itself goes with its folder.
    let project = project("echo x > $HOME/x; cp -p data $HOME/y; ln data $HOME/z; exit 1", "");
    fails(&project);
    assert!(!project.path("artifacts/kept").exists());
}

#[test]
fn a_file_of_another_disk_is_put_back() {
    let Ok(other) = tempfile::tempdir_in("/dev/shm") else { return };
    let device = |path: &Path| fs_err::metadata(path).unwrap().dev();
    let project = project("mv \"$1\" \"$2\"", "");
    if device(other.path()) == device(&project.path("")) {
        std::io::Write::write_all(&mut std::io::stderr(), b"skipped: /dev/shm is no other disk\n").unwrap();
        return;
    }
    let there = other.path().display();
    let text = fs_err::read_to_string(project.path("pipeline.yaml")).unwrap();
    let text = format!("allow: ['{there}']\n{}", text.replace("file:data", &format!("file:{there}/data")));
    project.write("pipeline.yaml", &text);
    let data = other.path().join("data");
    fs_err::write(&data, "far away\n").unwrap();
    let before = fs_err::metadata(&data).unwrap();
    assert!(fails(&project).err.contains("put back"));
    let after = fs_err::metadata(&data).unwrap();
    assert_eq!(fs_err::read_to_string(&data).unwrap(), "far away\n");
    assert_eq!((before.mode(), before.modified().unwrap()), (after.mode(), after.modified().unwrap()));
    assert_eq!(kept(&project), [""; 0]);
    // Of a folder, what does not count as input is nowhere but in the stage's own folder.
    fs_err::remove_file(&data).unwrap();
    fs_err::create_dir_all(data.join(".git")).unwrap();
    fs_err::write(data.join("one"), "1\n").unwrap();
    fs_err::write(data.join(".git/config"), "of git\n").unwrap();
    assert!(fails(&project).err.contains("is kept in"));
    assert_eq!(fs_err::read_to_string(data.join("one")).unwrap(), "1\n");
    assert_eq!(kept(&project), ["of git\n"]);
}

fn begin(project: &Project, arguments: &[&str]) -> Child {
    let _ = fs_err::remove_file(project.path("moved"));
    let mut command = project.command(arguments);
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while !project.path("moved").exists() {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    child
}

const MOVE_AND_WAIT: &str = "mv \"$1\" TO; touch moved; while [ -e moved ]; do sleep 0.02; done";

#[test]
fn what_a_killed_engine_left_is_put_back_by_whoever_clears_it_up() {
    for (to, more) in [("\"$2\"", ""), ("$NNF_SCRATCH/x", ""), ("$NNF_CHECKPOINT/x", "    resumes: true\n")] {
        for next in [&["run"][..], &["gc"], &["verify", "--repair"], &["gc", "--grace", "0s"]] {
            let project = project(&MOVE_AND_WAIT.replace("TO", to), more);
            let mut engine = begin(&project, &["run"]);
            engine.kill().unwrap();
            engine.wait().unwrap();
            assert!(!project.path("data").exists());
            write(&project, "cp \"$1\" \"$2\"", more);
            let outcome = project.nnf(next);
            assert_eq!(outcome.code, Some(0), "{next:?}: {outcome:?}");
            assert!(outcome.err.contains("data was put back"), "{next:?}: {}", outcome.err);
            assert_eq!(read(&project, "data"), "only copy\n", "{to} {next:?}");
            assert_eq!(files(&project.path("artifacts/attempts")), [""; 0].map(PathBuf::from));
        }
    }
}

#[test]
fn what_a_killed_engine_left_is_kept_if_something_else_stands_there_now() {
    let project = project(&MOVE_AND_WAIT.replace("TO", "\"$2\""), "");
    let mut engine = begin(&project, &["run"]);
    engine.kill().unwrap();
    engine.wait().unwrap();
    project.write("data", "new\n");
    write(&project, "cp \"$1\" \"$2\"", "");
    let outcome = project.nnf(&["run"]);
    assert!(outcome.code == Some(0) && outcome.err.contains("is kept in"), "{outcome:?}");
    assert_eq!((read(&project, "data"), kept(&project)), ("new\n".into(), vec!["only copy\n".into()]));
}

#[test]
fn an_interrupted_stage_gives_back_what_it_moved() {
    let project = project(&MOVE_AND_WAIT.replace("TO", "\"$2\""), "");
    let mut engine = begin(&project, &["run"]);
    let id = rustix::process::Pid::from_child(&engine);
    rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
    assert_eq!(engine.wait().unwrap().code(), Some(130));
    assert_eq!(read(&project, "data"), "only copy\n");
}

#[test]
fn an_audit_gives_back_what_its_stages_move() {
    let script = "test -e first || { cp \"$1\" \"$2\"; touch first; exit; }; ";
    let project = project(&format!("{script} mv \"$1\" \"$2\""), "");
    assert_eq!(project.nnf(&["run"]).code, Some(0));
    let outcome = project.nnf(&["audit"]);
    assert!(outcome.code == Some(1) && outcome.out.contains("put back"), "{outcome:?}");
    assert_eq!(read(&project, "data"), "only copy\n");
    // Killed in the middle, it leaves a store within a store.
    write(&project, &format!("{script} {}", MOVE_AND_WAIT.replace("TO", "\"$2\"")), "");
    fs_err::remove_file(project.path("first")).unwrap();
    assert_eq!(project.nnf(&["run"]).code, Some(0));
    let mut engine = begin(&project, &["audit"]);
    engine.kill().unwrap();
    engine.wait().unwrap();
    assert!(!project.path("data").exists());
    assert_eq!(project.nnf(&["gc"]).code, Some(0));
    assert_eq!(read(&project, "data"), "only copy\n");
}

/// What another stage made is the store's, whatever a reader does with the name that it was given.
#[test]
fn a_stage_that_moves_another_s_output_leaves_it_where_it_is() {
    for script in ["mv \"$1\" \"$2\"", "rm \"$1\"; echo > \"$2\"", "mv \"$1\" $HOME; echo > \"$2\"", "ln \"$1\" \"$2\""]
    {
        let text = format!(
            "stages:\n  make: {{ run: [sh, -c, 'echo made > {{out.x}}'], out: {{ x: text/plain }} }}\n  \
             use: {{ run: [sh, -c, '{script}', sh, '{{in.x}}', '{{out.o}}'], in: {{ x: make.x }}, out: {{ o: text/plain }} }}\n"
        );
        let project = Project::new(&text);
        let outcome = project.nnf(&["run"]);
        assert_eq!(outcome.code, Some(0), "{script}: {outcome:?}");
        assert_eq!(project.nnf(&["get", "make.x"]).out, "made\n", "{script}");
        assert_eq!(project.nnf(&["verify"]).code, Some(0), "{script}");
        assert!(!project.path("artifacts/kept").exists(), "{script}");
    }
}

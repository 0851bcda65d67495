//! A run that ends with exit code 0 has left every output that was asked for under `latest/`, whole: whatever was damaged,
//! removed or replaced there or in the store is made or linked again in that very run.

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

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use damage::damage;
use files::files;
use ran::ran;
use store::blob;
use support::Project;

const PIPELINE: &str = "stages:
  make: { run: [sh, -c, 'echo made > {out.x}'], out: { x: text/plain, none: { media: text/csv, optional: true } } }
  tree: { run: [sh, -c, 'mkdir -p {out.d}/a/b {out.d}/empty; echo deep > {out.d}/a/b/c; echo top > {out.d}/top; ln -s a/b/c {out.d}/link; chmod +x {out.d}/top'], out: { d: inode/directory } }
  use: { run: [sh, -c, 'cat {in.x} {in.d}/top > {out.y}'], in: { x: make.x, d: tree.d }, out: { y: text/plain } }
";

const LATEST: &str = "artifacts/latest/pipeline";

/// What a person finds below a folder: paths with what their files hold, behind links too.
fn seen(folder: &Path) -> BTreeMap<PathBuf, String> {
    let inside = |path: PathBuf| {
        let text = fs_err::read_to_string(&path).unwrap_or_else(|error| format!("unreadable: {error}"));
        (path.strip_prefix(folder).unwrap().to_owned(), text)
    };
    files(folder).into_iter().filter(|path| path.file_name().unwrap() != ".state").map(inside).collect()
}

/// The list of the entries of the folder that `tree` makes.
fn list(project: &Project) -> PathBuf {
    let blobs = files(&project.path("artifacts/blobs"));
    let is_list = |path: &PathBuf| fs_err::read_to_string(path).unwrap().starts_with("{\"version\"");
    blobs.into_iter().find(is_list).unwrap()
}

fn record(project: &Project) -> PathBuf {
    files(&project.path("artifacts/records")).remove(0)
}

fn write_over(path: &Path, text: &str) {
    fs_err::set_permissions(path, PermissionsExt::from_mode(0o644)).unwrap();
    fs_err::write(path, text).unwrap();
}

fn relink(path: &Path, target: &str) {
    fs_err::remove_file(path).unwrap();
    fs_err::os::unix::fs::symlink(target, path).unwrap();
}

type Spoil = fn(&Project);

/// Ways to spoil a store or what is shown of it, and whether a stage has to run again.
const SPOILS: [(&str, bool, Spoil); 34] = [
    ("a flipped bit", true, |p| damage(&blob(p, "make/x.txt"))),
    ("content cut short", true, |p| write_over(&blob(p, "use/y.txt"), "ma")),
    ("empty content", true, |p| write_over(&blob(p, "use/y.txt"), "")),
    ("content removed", true, |p| fs_err::remove_file(blob(p, "make/x.txt")).unwrap()),
    ("a folder in place of content", true, |p| {
        let blob = blob(p, "make/x.txt");
        fs_err::remove_file(&blob).unwrap();
        fs_err::create_dir_all(blob.join("x/y")).unwrap();
    }),
    ("a link in place of content", true, |p| {
        let blob = blob(p, "make/x.txt");
        fs_err::rename(&blob, p.path("moved")).unwrap();
        fs_err::os::unix::fs::symlink(p.path("moved"), blob).unwrap();
    }),
    ("content that may be written", false, |p| {
        fs_err::set_permissions(blob(p, "make/x.txt"), PermissionsExt::from_mode(0o666)).unwrap();
    }),
    ("content that may not be read", false, |p| {
        fs_err::set_permissions(blob(p, "make/x.txt"), PermissionsExt::from_mode(0o000)).unwrap();
    }),
    ("a file deep in a folder damaged", true, |p| damage(&blob(p, "tree/d/a/b/c"))),
    ("a file deep in a folder removed", true, |p| fs_err::remove_file(blob(p, "tree/d/a/b/c")).unwrap()),
    ("the list of a folder damaged", true, |p| damage(&list(p))),
    ("the list of a folder removed", true, |p| fs_err::remove_file(list(p)).unwrap()),
    ("all content removed", true, |p| fs_err::remove_dir_all(p.path("artifacts/blobs")).unwrap()),
    ("all that is shown removed", false, |p| fs_err::remove_dir_all(p.path("artifacts/latest")).unwrap()),
    ("a pipeline removed", false, |p| fs_err::remove_dir_all(p.path(LATEST)).unwrap()),
    ("a stage removed", false, |p| fs_err::remove_dir_all(p.path(LATEST).join("make")).unwrap()),
    ("a link removed", false, |p| fs_err::remove_file(p.path(LATEST).join("make/x.txt")).unwrap()),
    ("a link deep in a folder removed", false, |p| fs_err::remove_file(p.path(LATEST).join("tree/d/a/b/c")).unwrap()),
    ("an empty folder removed", false, |p| fs_err::remove_dir(p.path(LATEST).join("tree/d/empty")).unwrap()),
    ("a link led elsewhere", false, |p| relink(&p.path(LATEST).join("make/x.txt"), "/etc/hostname")),
    ("a link led to other content", false, |p| {
        let other = blob(p, "use/y.txt");
        relink(&p.path(LATEST).join("make/x.txt"), other.to_str().unwrap());
    }),
    ("a dangling link", false, |p| relink(&p.path(LATEST).join("make/x.txt"), "nothing")),
    ("a link in a folder led elsewhere", false, |p| relink(&p.path(LATEST).join("tree/d/link"), "top")),
    ("a link too many in a folder", false, |p| {
        fs_err::os::unix::fs::symlink("top", p.path(LATEST).join("tree/d/more")).unwrap();
    }),
    ("what is absent shown", false, |p| {
        fs_err::os::unix::fs::symlink("x.txt", p.path(LATEST).join("make/none")).unwrap();
    }),
    ("a folder in place of a link", false, |p| {
        fs_err::remove_file(p.path(LATEST).join("make/x.txt")).unwrap();
        fs_err::create_dir_all(p.path(LATEST).join("make/x.txt")).unwrap();
    }),
    ("the note of what is shown removed", false, |p| fs_err::remove_file(p.path(LATEST).join(".state")).unwrap()),
    ("the note of what is shown damaged", false, |p| p.write(&format!("{LATEST}/.state"), "{\"make\":")),
    ("a record damaged", true, |p| {
        let text = fs_err::read_to_string(record(p)).unwrap();
        write_over(&record(p), &text.replacen("\"attempts\": 1", "\"attempts\": 2", 1));
    }),
    ("a record cut short", true, |p| {
        let text = fs_err::read_to_string(record(p)).unwrap();
        write_over(&record(p), &text[..text.len() / 2]);
    }),
    ("a record removed", true, |p| fs_err::remove_file(record(p)).unwrap()),
    ("the index removed", false, |p| fs_err::remove_dir_all(p.path("artifacts/index")).unwrap()),
    ("the last results forgotten", false, |p| fs_err::remove_dir_all(p.path("artifacts/heads")).unwrap()),
    ("content and links removed", true, |p| {
        fs_err::remove_file(blob(p, "make/x.txt")).unwrap();
        fs_err::remove_dir_all(p.path("artifacts/latest")).unwrap();
    }),
];

#[test]
fn whatever_was_spoilt_is_whole_after_a_run() {
    for (what, runs, spoil) in SPOILS {
        let project = Project::new(PIPELINE);
        assert_eq!(ran(&project, &[]).stages.len(), 3);
        let before = seen(&project.path(LATEST));
        assert_eq!(before[Path::new("use/y.txt")], "made\ntop\n");
        assert_eq!(before.len(), 5, "{before:?}");
        spoil(&project);
        let again = ran(&project, &[]);
        assert_eq!(!again.stages.is_empty(), runs, "{what}: {:?}", again.stages);
        assert_eq!(again.fresh as usize + again.stages.len(), 3, "{what}");
        assert_eq!(seen(&project.path(LATEST)), before, "{what}");
        assert!(project.path(LATEST).join("tree/d/empty").is_dir(), "{what}");
        let verified = project.nnf(&["verify"]);
        assert_eq!(verified.code, Some(0), "{what}: {verified:?}");
        let third = ran(&project, &[]);
        assert_eq!((third.stages.len(), third.fresh), (0, 3), "{what}");
        assert_eq!(seen(&project.path(LATEST)), before, "{what}");
    }
}

#[test]
fn what_is_not_asked_for_is_not_read() {
    let project = Project::new(PIPELINE);
    ran(&project, &[]);
    damage(&blob(&project, "make/x.txt"));
    assert_eq!(ran(&project, &["use"]).stages, [""; 0], "`make` is only needed on the way");
    assert_eq!(ran(&project, &["make"]).stages, ["make"]);
    let top = blob(&project, "tree/d/top");
    damage(&top);
    assert_eq!(ran(&project, &["use", "make"]).stages, [""; 0]);
    assert_eq!(ran(&project, &["tree", "use"]).stages, ["tree"]);
    fs_err::remove_file(&top).unwrap();
    assert_eq!(ran(&project, &[]).stages, ["tree"]);
    assert_eq!(project.nnf(&["verify"]).code, Some(0));
}

/// What was damaged is put aside by whoever reads it first; a run then makes it again.
#[test]
fn what_another_command_put_aside_is_made_again() {
    let project = Project::new(PIPELINE);
    ran(&project, &[]);
    damage(&blob(&project, "make/x.txt"));
    assert_eq!(project.nnf(&["verify", "--repair"]).code, Some(1));
    assert!(!project.path(LATEST).join("make/x.txt").exists());
    assert_eq!(ran(&project, &[]).stages, ["make"]);
    assert_eq!(fs_err::read_to_string(project.path(LATEST).join("make/x.txt")).unwrap(), "made\n");
}

/// A person's own files below `latest/` are never the price of putting links in order.
#[test]
fn files_in_the_place_of_links_are_kept_elsewhere() {
    let spoils: [(&str, Spoil); 4] = [
        ("make/x.txt", |p| {
            fs_err::remove_file(p.path(LATEST).join("make/x.txt")).unwrap();
            p.write(&format!("{LATEST}/make/x.txt"), "mine");
        }),
        ("tree/d/mine", |p| p.write(&format!("{LATEST}/tree/d/mine"), "mine")),
        ("pipeline", |p| {
            fs_err::remove_dir_all(p.path(LATEST)).unwrap();
            p.write(LATEST, "mine");
        }),
        ("latest", |p| {
            fs_err::remove_dir_all(p.path("artifacts/latest")).unwrap();
            p.write("artifacts/latest", "mine");
        }),
    ];
    for (what, spoil) in spoils {
        let project = Project::new(PIPELINE);
        ran(&project, &[]);
        let before = seen(&project.path(LATEST));
        spoil(&project);
        let outcome = project.nnf(&["run"]);
        assert_eq!(outcome.code, Some(0), "{what}: {outcome:?}");
        assert!(outcome.err.contains(" 0 ran, 3 fresh\n"), "{what}: {}", outcome.err);
        let told = "what lay in the place of links to results was put into ROOT/artifacts/quarantine/latest";
        assert!(outcome.err.contains(told), "{what}: {}", outcome.err);
        assert_eq!(seen(&project.path(LATEST)), before, "{what}");
        let aside = files(&project.path("artifacts/quarantine"));
        assert!(aside.iter().any(|path| fs_err::read(path).is_ok_and(|text| text == b"mine")), "{what}: {aside:?}");
    }
}

/// What a person keeps beside the links of a stage is theirs, as long as nothing has to be linked anew.
#[test]
fn what_lies_beside_links_stays() {
    let project = Project::new(PIPELINE);
    ran(&project, &[]);
    project.write(&format!("{LATEST}/make/notes.txt"), "mine");
    for _ in 0..2 {
        assert_eq!(ran(&project, &[]).stages, [""; 0]);
        assert!(project.path(LATEST).join("make/notes.txt").exists());
    }
}

/// The results of all pipelines may be shown on another disk.
#[test]
fn latest_may_be_a_link_to_a_folder_elsewhere() {
    let project = Project::new(PIPELINE);
    fs_err::create_dir_all(project.path("artifacts")).unwrap();
    fs_err::create_dir_all(project.path("../far/away")).unwrap();
    fs_err::os::unix::fs::symlink(project.path("../far/away"), project.path("artifacts/latest")).unwrap();
    ran(&project, &[]);
    assert_eq!(seen(&project.path(LATEST))[Path::new("use/y.txt")], "made\ntop\n");
    fs_err::remove_file(project.path(LATEST).join("use/y.txt")).unwrap();
    assert_eq!(ran(&project, &[]).stages, [""; 0]);
    assert_eq!(seen(&project.path(LATEST))[Path::new("use/y.txt")], "made\ntop\n");
}

/// Bytes that come out otherwise the second time reach all that stands on them, what had been fresh before too.
#[test]
fn what_stands_on_other_bytes_follows() {
    let pipeline = "stages:
  draw: { run: [sh, -c, 'od -An -N8 -tx8 /dev/urandom > {out.x}'], out: { x: text/plain } }
  copy: { run: [cp, '{in.x}', '{out.y}'], in: { x: draw.x }, out: { y: text/plain } }
  size: { run: [sh, -c, 'wc -c < {in.y} > {out.z}'], in: { y: copy.y }, out: { z: text/plain } }
  last: { run: [cp, '{in.z}', '{out.w}'], in: { z: size.z }, out: { w: text/plain } }
  time: { run: [cp, '{in.r}', '{out.r}'], in: { r: draw.record }, out: { r: text/plain } }
";
    let project = Project::new(pipeline);
    ran(&project, &[]);
    let read = |name: &str| fs_err::read_to_string(project.path(LATEST).join(name)).unwrap();
    let first = read("draw/x.txt");
    fs_err::remove_file(blob(&project, "draw/x.txt")).unwrap();
    let again = ran(&project, &["-j", "2"]);
    assert_eq!(again.stages, ["copy", "draw", "size", "time"]);
    assert_eq!(again.fresh, 1, "`size` writes the same number, so `last` stays fresh");
    assert_ne!(read("draw/x.txt"), first);
    assert_eq!((read("copy/y.txt"), read("last/w.txt")), (read("draw/x.txt"), "18\n".to_owned()));
    let record = project.nnf(&["get", "draw.record"]).out;
    assert!(record.contains("\"supersedes\": \"") && record == read("time/r.txt"), "{record}");
    assert_eq!(ran(&project, &[]).stages, [""; 0]);
}

/// What cannot be made again is told, and the run does not end as if all were well.
#[test]
fn what_cannot_be_made_again_is_told() {
    let pipeline = "stages:
  make: { run: [sh, -c, 'test -e DONE && exit 7; touch DONE; echo made > {out.x}'], out: { x: text/plain } }
  other: { run: [sh, -c, 'echo other > {out.x}'], out: { x: text/plain } }
";
    for words in [&["run"][..], &["run", "--keep-going"]] {
        let project = Project::new("stages: {}");
        let done = project.path("../done").display().to_string();
        project.write("pipeline.yaml", pipeline.replace("DONE", &done));
        ran(&project, &[]);
        fs_err::remove_file(blob(&project, "make/x.txt")).unwrap();
        fs_err::remove_file(blob(&project, "other/x.txt")).unwrap();
        let outcome = project.nnf(words);
        assert_eq!(outcome.code, Some(1), "{outcome:?}");
        assert!(outcome.err.contains("make: its output `x`: content "), "{}", outcome.err);
        assert!(outcome.err.contains("`make` failed with exit status 7"), "{}", outcome.err);
        let made = project.path(LATEST).join("other/x.txt").exists();
        assert!(made || words.len() == 1, "what can be made is made");
        fs_err::remove_file(&done).unwrap();
        assert_eq!(project.nnf(&["run"]).code, Some(0));
        assert_eq!(seen(&project.path(LATEST)).len(), 2);
    }
}

/// Two stages that are the same work, and two that leave the same bytes, are made again once.
#[test]
fn the_same_content_is_made_again_once() {
    let pipeline = "stages:
  a: { run: [sh, -c, 'echo same > {out.x}'], out: { x: text/plain } }
  b: { run: [sh, -c, 'echo same > {out.x}'], out: { x: text/plain } }
  c: { run: [sh, -c, 'echo same | cat > {out.x}'], out: { x: text/plain } }
";
    let project = Project::new(pipeline);
    ran(&project, &[]);
    fs_err::remove_file(blob(&project, "a/x.txt")).unwrap();
    let outcome = project.nnf(&["run", "-j", "1"]);
    assert!(outcome.err.contains(": 1 ran, 2 fresh\n"), "{}", outcome.err);
    assert_eq!(seen(&project.path(LATEST)).len(), 3);
}

/// A store that was copied has new inodes: all is read once, and then it is known again.
#[test]
fn a_copied_store_is_read_once() {
    let project = Project::new(PIPELINE);
    ran(&project, &[]);
    let copy = |from: &str, to: &str| {
        let copied = std::process::Command::new("cp").args(["-a", from, to]).current_dir(project.path("")).status();
        assert!(copied.unwrap().success());
    };
    copy("artifacts", "copied");
    fs_err::remove_dir_all(project.path("artifacts")).unwrap();
    fs_err::rename(project.path("copied"), project.path("artifacts")).unwrap();
    damage(&blob(&project, "tree/d/a/b/c"));
    assert_eq!(ran(&project, &[]).stages, ["tree"], "the damage is found among all that looks new");
    assert_eq!(seen(&project.path(LATEST))[Path::new("tree/d/a/b/c")], "deep\n");
}

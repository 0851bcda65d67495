//! A store that an older version wrote is read, and nothing that did not change runs again. `tests/older_store` holds a
//! project and the store that nnf of format version 1 made of it.

#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "support/files.rs"]
mod files;
#[path = "support/ran.rs"]
mod ran;
mod support;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use files::files;
use ran::ran;
use support::Project;

/// A copy of the older project and, where asked for, of its index; its files are new, so no remembered look holds.
fn project(index: bool) -> Project {
    let project = Project::new("");
    let older = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/older_store");
    copy(&older, &project.path(""));
    fs_err::rename(project.path("store"), project.path("artifacts")).unwrap();
    // Git knows of no file that nobody may write.
    for content in files(&project.path("artifacts/blobs")) {
        fs_err::set_permissions(content, PermissionsExt::from_mode(0o444)).unwrap();
    }
    if !index {
        fs_err::remove_dir_all(project.path("artifacts/index")).unwrap();
    }
    project
}

fn copy(from: &Path, to: &Path) {
    fs_err::create_dir_all(to).unwrap();
    for entry in fs_err::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to),
            false => fs_err::write(&to, fs_err::read(entry.path()).unwrap()).unwrap(),
        }
    }
}

#[test]
fn nothing_that_did_not_change_runs_again() {
    for index in [true, false] {
        let project = project(index);
        let first = ran(&project, &[]);
        assert_eq!((first.stages, first.fresh), (Vec::<String>::new(), 9), "index: {index}");
        let all = fs_err::read_to_string(project.path("artifacts/latest/older/all/text.txt")).unwrap();
        assert_eq!(all, "2.5 0.5 a\n2.5 0.5 b.2\n1 0.5 a\n1 0.5 b.2\n");
    }
}

#[test]
fn a_change_reruns_what_depends_on_it() {
    let changed = ran(&project(true), &["--set", "params.rate=0.25"]);
    let each = ["large,letter=a", "large,letter=b.2", "small,letter=a", "small,letter=b.2"];
    let each = each.map(|labels| format!("each[device={labels}]"));
    assert_eq!(changed.stages, [&["all".to_owned()], &each[..], &["kind".to_owned()]].concat());
    assert_eq!(changed.fresh, 3);
}

#[test]
fn what_keeps_the_store_in_order_knows_it() {
    let project = project(true);
    let verified = project.nnf(&["verify"]);
    assert_eq!(verified.code, Some(0), "{verified:?}");
    let pins = project.nnf(&["pins"]);
    assert!(pins.out.contains("NAMED"), "{pins:?}");
    let why = project.nnf(&["why", "long", "--set", "params.letters=5"]);
    assert!(why.out.contains("{4,}"), "{why:?}");
    let got = project.nnf(&["get", "kind.number"]);
    assert_eq!((got.code, got.out.as_str()), (Some(0), "counted\n"));
}

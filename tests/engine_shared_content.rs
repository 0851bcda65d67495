//! What a stage does to its inputs must not reach others who read the same content: neither bytes nor mode, owner, time or
//! attributes. Where inputs are hard links, it is found out and put back.

#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "support/ran.rs"]
mod ran;
#[path = "support/store.rs"]
mod store;
mod support;

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use ran::ran;
use serde_json::Value as Json;
use store::blob;
use support::Project;

const MAKE: &str = "params: { n: 1 }
stages:
  make: { run: [sh, -c, 'echo made > \"$1\"; mkdir -p \"$2\"/sub; echo one > \"$2\"/one; echo two > \"$2\"/sub/two', sh, '{out.x}', '{out.d}'], out: { x: text/plain, d: inode/directory } }
";

fn project(script: &str) -> Project {
    let bad = format!(
        "  bad: {{ run: [sh, -c, '{script}', sh, '{{in.x}}', '{{in.d}}', '{{out.o}}'], in: {{ x: make.x, d: make.d }}, out: {{ o: }} }}\n"
    );
    let project = Project::new(MAKE);
    ran(&project, &[]);
    project.write("pipeline.yaml", format!("{MAKE}{bad}"));
    project
}

/// What of a file others see besides its content.
fn look(path: &Path) -> (u32, u32, u32, i64, i64) {
    let meta = fs_err::metadata(path).unwrap();
    (meta.mode(), meta.uid(), meta.gid(), meta.mtime(), meta.mtime_nsec())
}

#[test]
fn what_a_stage_does_to_an_input_is_put_back_and_told() {
    let root = rustix::process::geteuid().is_root();
    for (what, script, input) in [
        ("executable", "chmod +x \"$1\"", "x"),
        ("unreadable", "chmod 000 \"$1\"", "x"),
        ("writable", "chmod a+w \"$1\"", "x"),
        ("set user", "chmod 4755 \"$1\"", "x"),
        ("in a folder", "chmod 755 \"$2\"/sub/two", "two"),
        ("of everything", "chmod -R 777 \"$2\"", "one"),
        ("later than it is", "touch \"$1\"", "x"),
        ("older than it is", "touch -d 2001-01-01 \"$1\"", "x"),
        ("under another name", "mv \"$1\" $HOME/y; chmod 755 $HOME/y", "x"),
        ("as its output", "chmod 600 \"$1\"; ln \"$1\" \"$3\"", "x"),
        ("and fails", "chmod 755 \"$1\"; exit 3", "x"),
        ("another's", if root { "chown 12345:12345 \"$1\"" } else { "chmod 755 \"$1\"" }, "x"),
    ] {
        let project = project(&format!("{script}; test -e \"$3\" || echo > \"$3\""));
        let content = ["make/x.txt", "make/d/one", "make/d/sub/two"].map(|name| blob(&project, name));
        let before = content.each_ref().map(|path| look(path));
        let outcome = project.nnf(&["run"]);
        assert_eq!(content.each_ref().map(|path| look(path)), before, "{what}: {outcome:?}");
        // With reflinks a stage has files of its own.
        if outcome.code == Some(1) && what != "and fails" {
            // Another name of it might be another stage's.
            let said = match what {
                "as its output" => "its input `x` was changed by itself, or by another stage".to_owned(),
                _ => format!("the stage changed its input `{input}`"),
            };
            assert!(outcome.err.contains(&said), "{what}: {}", outcome.err);
        }
        assert_eq!(project.nnf(&["verify"]).code, Some(0), "{what}");
        assert_eq!(project.nnf(&["get", "make.x"]).out, "made\n", "{what}");
        assert!(!project.path("artifacts/quarantine").exists(), "{what}");
    }
}

#[test]
fn names_in_a_folder_that_was_handed_out_are_the_stage_s_own() {
    let project = project(
        "mv \"$2\"/one \"$2\"/other; rm \"$2\"/sub/two; rmdir \"$2\"/sub; echo new > \"$2\"/new; echo > \"$3\"",
    );
    ran(&project, &[]);
    let text = fs_err::read_to_string(project.path("pipeline.yaml")).unwrap();
    let later = "  later: { run: [sh, -c, 'ls -R \"$1\" > \"$2\"', sh, '{in.d}', '{out.o}'], in: { d: make.d }, out: { o: text/plain } }\n";
    project.write("pipeline.yaml", format!("{text}{later}"));
    ran(&project, &[]);
    let listed = project.nnf(&["get", "later.o"]).out;
    assert!(listed.contains("one\n") && listed.contains("two\n") && !listed.contains("new"), "{listed}");
    assert_eq!(project.nnf(&["verify"]).code, Some(0));
}

fn set_mode(path: &Path, mode: u32) {
    fs_err::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
}

/// What a person, or a program that no engine started, did to a mode.
#[test]
fn verify_and_audit_see_modes_and_reading_puts_them_back() {
    let project = project("cat \"$1\" > \"$3\"");
    let made = blob(&project, "make/d/one");
    set_mode(&made, 0o755);
    let outcome = project.nnf(&["verify"]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    let said = "wrong    mode 755 of content ";
    assert!(outcome.out.contains(said) && outcome.out.contains("output `d/one` of"), "{}", outcome.out);
    let faults = project.nnf(&["verify", "--json"]).out;
    let fault: Json = serde_json::from_str(faults.lines().next().unwrap()).unwrap();
    assert_eq!((&fault["fault"], &fault["mode"]), (&"wrong_mode".into(), &0o755.into()), "{fault}");
    let outcome = project.nnf(&["audit", "make"]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.out.contains("its file in the store had mode 755"), "{}", outcome.out);
    set_mode(&made, 0o600);
    let outcome = project.nnf(&["verify", "--repair"]);
    assert!(outcome.out.contains("1 mode was put back"), "{}", outcome.out);
    assert_eq!((look(&made).0 & 0o7777, project.nnf(&["verify"]).code), (0o444, Some(0)));
    set_mode(&made, 0o777);
    ran(&project, &[]);
    assert_eq!(look(&made).0 & 0o7777, 0o444, "who reads it does not see what was done");
    assert_eq!(project.nnf(&["audit"]).code, Some(0));
}

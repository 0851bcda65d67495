//! Running stages again aside, and comparing bytes.

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
use std::path::PathBuf;

use damage::damage;
use files::files;
use ran::ran;
use serde_json::Value as Json;
use store::blob;
use support::Project;

/// `count` writes another number each time, at byte 8 of a file deep in a folder; `sum` reads that folder.
const PIPELINE: &str = "stages:
  plain: { run: [sh, -c, 'echo plain > {out.x}; echo more > {out.y}'], out: { x: text/plain, y: text/plain } }
  count:
    run: [sh, -c, 'n=$(cat {with.file} 2>/dev/null || echo 1); echo $((n + 1)) > {with.file}; mkdir -p {out.d}/deep; echo same > {out.d}/a; echo \"counted $n\" > {out.d}/deep/b; echo $n > {out.d}/z']
    with: { file: '${params.file}' }
    out: { d: inode/directory }
  sum: { run: [sh, -c, 'cat {in.d}/deep/b {in.p} > {out.s}'], in: { d: count.d, p: plain.x }, out: { s: text/plain } }
";

fn project() -> Project {
    let project = Project::new("stages: {}");
    let file = project.path("../count").display().to_string();
    project.write("pipeline.yaml", format!("params: {{ file: '{file}' }}\n{PIPELINE}"));
    ran(&project, &[]);
    project
}

/// Records, content and what a person sees, with the bytes of each file.
fn held(project: &Project) -> BTreeMap<PathBuf, Vec<u8>> {
    let parts = ["records", "blobs", "heads", "latest", "runs", "attempts", "checkpoints"];
    let all = parts.iter().flat_map(|part| files(&project.path(&format!("artifacts/{part}"))));
    all.map(|path| (path.clone(), fs_err::read(&path).unwrap())).collect()
}

#[test]
fn what_differs_is_told_to_the_byte_and_the_store_stays_as_it_is() {
    let project = project();
    let before = held(&project);
    let outcome = project.nnf(&["audit", "-j", "1", "--keep", "kept"]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    let timeless: Vec<&str> = outcome.out.lines().map(|line| line.split("  0.").next().unwrap()).collect();
    assert_eq!(
        timeless,
        [
            "same       plain",
            "different  count",
            "  output `d`, first in `deep/b` from byte 8 on: other bytes",
            "same       sum",
            "2 the same, 1 different, 0 failed; the store is as it was",
            "both versions of what differs: kept",
        ],
        "`sum` reads what is stored, not what `count` made now"
    );
    assert_eq!(held(&project), before);
    let kept = |name: &str| fs_err::read_to_string(project.path("kept/count/d").join(name)).unwrap();
    assert_eq!((kept("stored/deep/b"), kept("again/deep/b")), ("counted 1\n".into(), "counted 2\n".into()));
    assert!(!project.path("kept/plain").exists() && !project.path("kept/sum").exists());
    assert_eq!(ran(&project, &[]).stages.len(), 0);
    let again = project.nnf(&["audit", "--keep", "kept"]);
    assert_eq!((again.code, again.err.contains("`kept` is there already")), (Some(2), true), "{again:?}");
}

#[test]
fn stages_can_be_chosen_and_equal_bytes_are_a_success() {
    let project = project();
    let count = || fs_err::read_to_string(project.path("../count")).unwrap();
    let before = count();
    assert_eq!(project.nnf(&["audit", "plain", "sum"]).code, Some(0));
    assert_eq!(count(), before, "what was not named did not run");
    let outcome = project.nnf(&["audit", "--json", "pipeline.yaml", "count"]);
    assert_eq!(outcome.code, Some(1));
    let lines: Vec<Json> = outcome.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((lines.len(), &lines[0]["verdict"]), (2, &"differs".into()));
    let output = serde_json::json!({ "output": "d", "path": "deep/b", "offset": 8, "what": "other bytes" });
    assert_eq!(lines[0]["outputs"], serde_json::json!([output]));
    assert_eq!(lines[1], serde_json::json!({ "same": 0, "differ": 1, "failed": 0, "interrupted": false }));
}

#[test]
fn a_stage_that_reads_the_folder_of_the_store_is_the_same() {
    let project = Project::new(
        "stages:
  all: { run: [sh, -c, 'cat {in.all}/words > {out.x}'], in: { all: 'file:.' }, out: { x: text/plain } }
",
    );
    project.write("words", "one\n");
    ran(&project, &[]);
    let outcome = project.nnf(&["audit"]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(outcome.out.starts_with("same  "), "{}", outcome.out);
}

#[test]
fn what_has_no_result_cannot_be_audited() {
    let project = project();
    project.write(
        "pipeline.yaml",
        fs_err::read_to_string(project.path("pipeline.yaml")).unwrap().replace("echo more", "echo less"),
    );
    let outcome = project.nnf(&["audit", "plain"]);
    assert_eq!((outcome.code, outcome.out.as_str()), (Some(2), ""));
    assert!(
        outcome.err.starts_with("error: there is no result of `plain` as the pipeline stands\n"),
        "{}",
        outcome.err
    );
    assert_eq!(project.nnf(&["audit", "nosuch"]).code, Some(2));
}

#[test]
fn a_stage_that_fails_now_and_one_whose_input_is_lost_are_told() {
    let pipeline = "stages:
  once: { run: [sh, -c, 'test ! -e FLAG || { echo already there; exit 3; }; touch FLAG; echo 1 > {out.x}'], out: { x: } }
  read: { run: [cp, '{in.x}', '{out.y}'], in: { x: once.x }, out: { y: } }
";
    let project = Project::new("stages: {}");
    project.write("pipeline.yaml", pipeline.replace("FLAG", project.path("../flag").to_str().unwrap()));
    ran(&project, &[]);
    let outcome = project.nnf(&["audit", "once"]);
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.out.contains(": exit status 3\n    already there\n"), "{}", outcome.out);
    damage(&blob(&project, "once/x"));
    let outcome = project.nnf(&["audit", "read"]);
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.out.contains("an input cannot be read: its output `x`: content "), "{}", outcome.out);
    assert_eq!(files(&project.path("artifacts/records")).len(), 2);
}

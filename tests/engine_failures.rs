//! Stages that fail: what is said, what is kept, what still runs, and with which code the command ends.

#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use support::{Outcome, Project};

/// A pipeline of one stage.
fn one(stage: &str) -> Project {
    Project::new(&format!("stages:\n  a:\n{stage}"))
}

/// Runs it, and expects this exit code.
fn run(project: &Project, arguments: &[&str], code: i32) -> Outcome {
    let outcome = project.nnf(&[&["run"], arguments].concat());
    assert_eq!(outcome.code, Some(code), "{outcome:?}");
    outcome
}

/// What stands between the summary and the end: the explanation of each failure, without the key.
fn explained(outcome: &Outcome) -> String {
    let text = outcome.err.split_once("error: ").unwrap().1;
    let lines = text.lines().map(|line| line.split_once("  key   ").map_or(line.to_owned(), |_| "  key   KEY".into()));
    lines.collect::<Vec<_>>().join("\n").replace(" after 0.0 s", "").replace(" after 0.1 s", "")
}

fn exists(project: &Project, name: &str) -> bool {
    project.path(name).symlink_metadata().is_ok()
}

const DIAMOND: &str = "stages:
  top: { run: [sh, -c, 'echo > {out.x}'], out: { x: text/plain } }
  bad: { run: [sh, -c, 'echo about to fail; exit 3'], in: { x: top.x }, out: { x: } }
  good: { run: [sh, -c, 'sleep 0.2; cp {in.x} {out.x}'], in: { x: top.x }, out: { x: text/plain } }
  after: { run: [cp, '{in.x}', '{out.x}'], in: { x: good.x }, out: { x: text/plain } }
  below: { run: [cp, '{in.x}', '{out.x}'], in: { x: bad.x }, out: { x: text/plain } }
  both: { run: [cp, '{in.x}', '{out.x}'], in: { x: below.x, y: after.x }, out: { x: text/plain } }
";

#[test]
fn outputs_that_cannot_be_stored() {
    let says = |script: &str, hint: &str| {
        let project = one(&format!(
            "    run: [sh, -c, 'set -e; mkdir {{out.x}}; cd {{out.x}}; {script}']\n    out: {{ x: inode/directory }}\n"
        ));
        let outcome = run(&project, &[], 1);
        assert!(outcome.err.contains(hint), "{script}: {}", outcome.err);
        let records = fs_err::read_dir(project.path("artifacts/records/v1")).unwrap().count();
        assert_eq!(records, 0, "{script}");
    };
    says("ln -s /etc/passwd all", "`all` cannot be stored: it is a link to `/etc/passwd`, which is absolute");
    says("ln -s ../../../x up", "`up` cannot be stored: it is a link to `../../../x`, which lies outside the output");
    says(
        "mkdir d; ln -s ../../x d/up",
        "`d/up` cannot be stored: it is a link to `../../x`, which lies outside the output",
    );
    says("mkfifo pipe", "`pipe` cannot be stored: it is a device, a pipe or a socket");
    says("ln -s . d; ln -s d/../x up", "`up` cannot be stored: it is a link to `d/../x`, which goes up again");
    says("touch $(printf \"\\\\377\")", "its name is not UTF-8");
}

#[test]
fn an_output_that_is_a_link_or_a_pipe_is_none() {
    for script in ["ln -s /etc/passwd {out.x}", "mkfifo {out.x}"] {
        let project = one(&format!("    run: [sh, -c, '{script}']\n    out: {{ x: }}\n"));
        let outcome = run(&project, &[], 1);
        assert!(outcome.err.contains("`x` cannot be stored: an output is a file or a folder"), "{}", outcome.err);
    }
}

#[test]
fn a_tree_comes_out_as_it_went_in() {
    let script = "mkdir -p {out.x}/a/empty {out.x}/b; cd {out.x}; echo 1 > a/one; ln -s ../a/one b/link; ln -s a all; echo run > b/tool; chmod +x b/tool; chmod 500 a";
    let project = one(&format!("    run: [sh, -c, '{script}']\n    out: {{ x: inode/directory }}\n"));
    run(&project, &[], 0);
    assert_eq!(project.nnf(&["get", "a.x", "-o", "copy"]).code, Some(0));
    assert_eq!(fs_err::read_to_string(project.path("copy/b/link")).unwrap(), "1\n");
    assert_eq!(fs_err::read_to_string(project.path("copy/all/one")).unwrap(), "1\n");
    assert!(project.path("copy/a/empty").is_dir());
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&fs_err::metadata(project.path("copy/b/tool")).unwrap().permissions());
    assert_eq!(mode & 0o111, 0o111);
    assert!(exists(&project, "artifacts/latest/pipeline/a/x/b/tool"));
}

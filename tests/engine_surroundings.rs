//! What goes on around a run: another run, a person who edits an input, secrets, and a folder that people look into.

#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use support::Project;

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir(folder).unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => found.extend(files(&entry.path())),
            kind if kind.is_file() => found.push(entry.path()),
            _ => {}
        }
    }
    found
}

/// Runs several commands at the same time.
fn together(project: &Project, commands: &[&[&str]]) -> Vec<Output> {
    let spawn = |words: &&[&str]| project.command(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let children: Vec<_> = commands.iter().map(spawn).collect();
    children.into_iter().map(|child| child.wait_with_output().unwrap()).collect()
}

#[test]
fn runs_at_the_same_time_share_their_work() {
    let stages: String = (0..12)
        .map(|i| format!("  s{i}: {{ run: [sh, -c, 'echo {i} >> {{with.trace}}; sleep 0.03; echo {i} > {{out.x}}'], with: {{ trace: '${{params.trace}}' }}, out: {{ x: text/plain }} }}\n"))
        .collect();
    let project = Project::new("");
    let trace = project.path("../trace");
    project.write("pipeline.yaml", format!("params: {{ trace: {} }}\nstages:\n{stages}", trace.display()));
    for output in together(&project, &[&["run", "-j", "3"], &["run", "-j", "3"], &["run", "-j", "3"]]) {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let text = fs_err::read_to_string(&trace).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let different: BTreeSet<&str> = lines.iter().copied().collect();
    assert_eq!((different.len(), lines.len()), (12, 12), "each stage ran once");
    let outcome = project.nnf(&["run"]);
    assert!(outcome.err.contains(" 0 ran, 12 fresh\n"), "{}", outcome.err);
    for i in 0..12 {
        let shown = project.path(&format!("artifacts/latest/pipeline/s{i}/x.txt"));
        assert_eq!(fs_err::read_to_string(shown).unwrap(), format!("{i}\n"));
    }
    assert_eq!(fs_err::read_dir(project.path("artifacts/locks")).unwrap().count(), 0, "no lock is left");
}

#[test]
fn runs_at_the_same_time_may_fail_and_hurt_nobody() {
    let project = Project::new(
        "stages:
  draw: { run: [sh, -c, 'od -An -N8 -tx8 /dev/urandom > {out.x}'], out: { x: text/plain } }
  copy: { run: [cp, '{in.x}', '{out.y}'], in: { x: draw.x }, out: { y: text/plain } }
  bad: { run: ['false'], in: { x: draw.x }, out: { z: } }
",
    );
    let forced: &[&str] = &["run", "--force", "draw", "copy"];
    for output in together(&project, &[forced, &["run", "bad"], forced, &["run", "copy"]]) {
        let code = output.status.code();
        assert!(code == Some(0) || code == Some(1), "{code:?} {}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(project.nnf(&["get", "draw.x"]).out, project.nnf(&["get", "copy.y"]).out);
    assert!(project.nnf(&["run", "copy"]).err.contains(" 0 ran, 2 fresh\n"));
}

//! What goes on around a run: another run, a person who edits an input, secrets, and a folder that people look into.

#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
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
    let locks = fs_err::read_dir(project.path("artifacts/locks")).unwrap();
    let left = locks.filter(|entry| !entry.as_ref().unwrap().file_name().to_string_lossy().starts_with('.'));
    assert_eq!(left.count(), 0, "no lock is left");
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

#[test]
fn an_input_that_is_changed_while_it_is_read_leaves_no_record() {
    let changes = [
        ("edited", "echo other > data/words"),
        ("edited to the same bytes", "cp data/words data/new; cat data/new > data/words; rm data/new"),
        ("replaced", "cp data/words data/new; mv data/new data/words"),
        ("joined by another file", "echo other > data/more"),
    ];
    for (what, change) in changes {
        let project = Project::new(&format!(
            "stages:
  a:
    run: [sh, -c, 'cat {{in.words}}/* > {{out.x}}; {change}']
    in: {{ words: 'file:data' }}
    out: {{ x: text/plain }}
"
        ));
        project.write("data/words", "one\n");
        let outcome = project.nnf(&["run"]);
        assert_eq!(outcome.code, Some(1), "{what}: {outcome:?}");
        let said =
            "error: stage `a` failed: its input `data` was changed while it ran, so nothing was recorded; run again";
        assert!(outcome.err.contains(said), "{what}: {}", outcome.err);
        assert_eq!(files(&project.path("artifacts/records/v1")), Vec::<PathBuf>::new(), "{what}");
    }
}

#[test]
fn a_stage_sees_a_clean_environment() {
    let project = Project::new(
        "stages:
  a:
    run: [sh, -c, 'env | sort > {out.env}; echo \"$HOME\" > {out.home}; test -d \"$HOME\" -a -d \"$TMPDIR\"']
    env: { COLOUR: blue }
    pass: [TOKEN, ABSENT]
    out: { env: text/plain, home: text/plain }
",
    );
    let mut command = project.command(&["run"]);
    command.env("TOKEN", "t0k3n").env("STRANGER", "1").env("LANG", "de_DE").env("LD_PRELOAD", "");
    assert!(command.output().unwrap().status.success());
    let text = project.nnf(&["get", "a.env"]).out;
    let names: Vec<&str> = text.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect();
    for name in ["COLOUR", "TOKEN", "HOME", "TMPDIR", "PATH", "LANG", "PYTHONDONTWRITEBYTECODE"] {
        assert!(names.contains(&name), "{name}: {text}");
    }
    for name in ["STRANGER", "ABSENT", "LD_PRELOAD", "NNF_CACHE"] {
        assert!(!names.contains(&name), "{name}: {text}");
    }
    assert!(text.contains("LANG=C.UTF-8\n") && text.contains("TOKEN=t0k3n\n"), "{text}");
    let home = project.nnf(&["get", "a.home"]).out;
    assert!(home.starts_with("ROOT/artifacts/attempts/"), "{home}");
    assert!(!Path::new(home.trim()).exists());
}

#[test]
fn what_the_engine_sets_a_pipeline_may_set_otherwise() {
    let project = Project::new(
        "stages:
  a:
    run: [sh, -c, 'echo \"$PYTHONDONTWRITEBYTECODE\" > {out.x}']
    env: { PYTHONDONTWRITEBYTECODE: '' }
    out: { x: text/plain }
",
    );
    assert_eq!(project.nnf(&["run"]).code, Some(0));
    assert_eq!(project.nnf(&["get", "a.x"]).out, "\n");
}

#[test]
fn records_under_labels_with_dots_are_read_apart() {
    let project = Project::new(
        "stages:
  train:
    run: [sh, -c, 'echo {with.lr} > {out.x}']
    each: { lr: [0.1, 0.2] }
    with: { lr: '${each.lr}' }
    out: { x: text/plain }
  both:
    run: [sh, -c, 'cat \"$@\" | grep -o \"train.lr=0[.][12]\" | sort -u > {out.y}', sh, '{in.t}']
    in: { t: 'train[*].record' }
    out: { y: text/plain }
",
    );
    assert_eq!(project.nnf(&["run"]).code, Some(0));
    assert_eq!(project.nnf(&["get", "both.y"]).out, "train[lr=0.1\ntrain[lr=0.2\n");
}

#[test]
fn a_program_may_be_an_input() {
    let project = Project::new(
        "stages:
  a: { run: ['{in.tool}', '{out.x}'], in: { tool: 'file:tool' }, out: { x: text/plain } }
",
    );
    project.write("tool", "#!/bin/sh\necho made > \"$1\"\n");
    fs_err::set_permissions(project.path("tool"), PermissionsExt::from_mode(0o755)).unwrap();
    let outcome = project.nnf(&["run"]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert_eq!(project.nnf(&["get", "a.x"]).out, "made\n");
}

#[test]
fn secrets_are_neither_keyed_nor_recorded_nor_shown() {
    let project = Project::new(
        "stages:
  a: { run: [sh, -c, 'test -n \"$TOKEN\"; echo $? > {out.x}'], pass: [TOKEN], out: { x: text/plain } }
  b: { run: [sh, -c, 'case $TOKEN in *-1) exit 1;; esac; false'], pass: [TOKEN], in: { x: a.x }, out: { x: } }
",
    );
    let mut said = Vec::new();
    for (token, words) in [
        ("sesame-1", "run a"),
        ("sesame-2", "run a"),
        ("sesame-1", "run --json"),
        ("sesame-1", "run"),
        ("sesame-1", "why b"),
        ("sesame-1", "show --json"),
    ] {
        let words: Vec<&str> = words.split(' ').collect();
        let output = project.command(&words).env("TOKEN", token).output().unwrap();
        said.extend([output.stdout, output.stderr].concat());
    }
    let said = String::from_utf8(said).unwrap();
    assert!(said.contains("done in ") && said.contains("0 ran, 1 fresh\n"), "another secret is no other work: {said}");
    assert!(!said.contains("sesame"), "{said}");
    for file in files(&project.path("")) {
        let text = String::from_utf8_lossy(&fs_err::read(&file).unwrap()).into_owned();
        assert!(!text.contains("sesame-"), "{}", file.display());
    }
}

#[test]
fn the_latest_results_lie_under_their_names() {
    let pipeline = "name: study
stages:
  train:
    run: [sh, -c, 'echo {with.net} > {out.table}; echo {} > {out.report}; mkdir -p {out.tree}/deep; echo leaf > {out.tree}/deep/leaf; touch {out.plain}']
    each: { net: [small, large] }
    with: { net: '${each.net}' }
    out: { table: text/csv, report: application/vnd.x+json, tree: inode/directory, plain: , none: { optional: true } }
";
    let project = Project::new(pipeline);
    assert_eq!(project.nnf(&["run"]).code, Some(0));
    let latest = project.path("artifacts/latest/study");
    let shown = |name: &str| fs_err::read_to_string(latest.join(name)).unwrap();
    assert_eq!(shown("train[net=small]/table.csv"), "small\n");
    assert_eq!(shown("train[net=large]/report.json"), "{}\n");
    assert_eq!(shown("train[net=large]/tree/deep/leaf"), "leaf\n");
    assert_eq!(shown("train[net=large]/plain"), "");
    let names: BTreeSet<String> = fs_err::read_dir(latest.join("train[net=small]"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(names, ["plain", "report.json", "table.csv", "tree"].map(String::from).into());
    project.write("pipeline.yaml", pipeline.replace("[small, large]", "[large]"));
    assert_eq!(project.nnf(&["run"]).code, Some(0));
    assert!(!latest.join("train[net=small]").exists(), "what is no longer in the pipeline is no longer shown");
    project.write("pipeline.yaml", pipeline);
    assert_eq!(project.nnf(&["run", "train[net=small]"]).code, Some(0));
    assert_eq!(shown("train[net=large]/table.csv"), "large\n", "what a run has no part in stays");
    assert_eq!(shown("train[net=small]/table.csv"), "small\n");
    // Somebody tidied up; the next run shows it again, although it runs nothing.
    fs_err::remove_dir_all(latest.join("train[net=large]")).unwrap();
    assert!(project.nnf(&["run"]).err.contains(" 0 ran, 2 fresh\n"));
    assert_eq!(shown("train[net=large]/table.csv"), "large\n");
    assert_eq!(shown("train[net=small]/table.csv"), "small\n");
    // Links are relative, so a project can be moved.
    let moved = project.path("").parent().unwrap().join("moved");
    fs_err::rename(project.path(""), &moved).unwrap();
    let table = moved.join("artifacts/latest/study/train[net=large]/table.csv");
    assert_eq!(fs_err::read_to_string(table).unwrap(), "large\n");
}

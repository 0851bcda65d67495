//! Stages that fail: what is said, what is kept, what still runs, and with which code the command ends.

#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use serde_json::{Value, json};
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
fn a_failure_says_what_where_and_what_to_do() {
    let project = Project::new(DIAMOND);
    let outcome = run(&project, &["bad", "below"], 1);
    insta::assert_snapshot!(explained(&outcome), @r"
    stage `bad` failed with exit status 3
      key   KEY
      log   nnf log bad; it ends:

            about to fail

    hint: 1 stage was not started; 1 finished stage is kept
    hint: `nnf why bad` shows what went into the key
    ");
    assert!(outcome.err.contains("not started: below\n"), "{}", outcome.err);
    assert!(outcome.err.contains("failed in "), "{}", outcome.err);
    assert_eq!(project.nnf(&["log", "bad"]).out, "about to fail\n");
    assert!(exists(&project, "artifacts/latest/pipeline/top/x.txt"), "what was finished is kept");
}

#[test]
fn keep_going_runs_all_that_does_not_need_what_failed() {
    let project = Project::new(DIAMOND);
    let outcome = run(&project, &["--keep-going", "-j", "1"], 1);
    assert!(outcome.err.contains("not started: below, both\n"), "{}", outcome.err);
    assert!(exists(&project, "artifacts/latest/pipeline/after/x.txt"));
    let outcome = run(&project, &["-j", "1"], 1);
    assert!(outcome.err.contains(" 0 ran, 3 fresh, 1 failed\n"), "{}", outcome.err);
}

/// The stages of a run's events of one sort.
fn told(outcome: &Outcome, event: &str) -> Vec<String> {
    let events = outcome.out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    events.filter(|one| one["event"] == event).map(|one| one["stage"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_same_work_fails_once() {
    let stage = "run: [sh, -c, 'exit 3'], out: { x: }";
    let project = Project::new(&format!(
        "stages:\n  a: {{ {stage} }}\n  b: {{ {stage} }}\n  c: {{ {stage}, timeout: 1h }}\n\
         \x20 d: {{ run: [cp, '{{in.x}}', '{{out.x}}'], in: {{ x: b.x }}, out: {{ x: }} }}\n"
    ));
    let outcome = run(&project, &["-k", "--json"], 1);
    assert_eq!(told(&outcome, "started"), ["a", "c"], "c may take longer");
    assert_eq!(told(&outcome, "failed"), ["a", "b", "c"]);
    assert!(outcome.out.contains("\"it is the same work as `a`, which failed\""), "{}", outcome.out);
}

#[test]
fn the_same_work_that_may_run_in_another_way_is_tried() {
    let stage = "run: [sh, -c, 'test -n \"$NNF_CHECKPOINT\" && echo > {out.x}'], out: { x: }";
    let project = Project::new(&format!("stages:\n  a: {{ {stage} }}\n  b: {{ {stage}, resumes: true }}\n"));
    let outcome = run(&project, &["-k", "-j1", "--json"], 1);
    assert_eq!((told(&outcome, "failed"), told(&outcome, "finished")), (vec!["a".into()], vec!["b".into()]));
    // What is refused is not even started.
    let stage = "run: [sh, -c, 'echo > {out.x}'], out: { x: }";
    let project = Project::new(&format!("stages:\n  a: {{ {stage}, needs: {{ gpus: 500 }} }}\n  b: {{ {stage} }}\n"));
    let outcome = run(&project, &["-k", "--json"], 1);
    assert_eq!((told(&outcome, "failed"), told(&outcome, "finished")), (vec!["a".into()], vec!["b".into()]));
}

#[test]
fn without_keep_going_nothing_new_is_started_but_what_runs_is_finished() {
    let project = Project::new(DIAMOND);
    let outcome = run(&project, &["-j", "4"], 1);
    assert!(outcome.err.contains("done good"), "{}", outcome.err);
    assert!(outcome.err.contains("not started: after, below, both\n"), "{}", outcome.err);
}

#[test]
fn a_failed_stage_is_tried_again_as_often_as_it_may() {
    let project = one(
        "    run: [sh, -c, 'echo try >> ${params.tries}; test $(wc -l < ${params.tries}) -ge 3 && echo ok > {out.x}']
    retries: 2
    out: { x: text/plain }
",
    );
    let tries = project.path("../tries");
    let text = fs_err::read_to_string(project.path("pipeline.yaml")).unwrap();
    project.write("pipeline.yaml", format!("params: {{ tries: {} }}\n{text}", tries.display()));
    let outcome = run(&project, &[], 0);
    assert_eq!(outcome.err.matches("trying again").count(), 2, "{}", outcome.err);
    assert!(outcome.err.contains("  a: attempt 1 failed: exit status 1; trying again\n"), "{}", outcome.err);
    assert_eq!(fs_err::read_to_string(&tries).unwrap(), "try\ntry\ntry\n");
    let record: serde_json::Value = serde_json::from_str(&project.nnf(&["get", "a.record"]).out).unwrap();
    assert_eq!(record["attempts"], 3);
    fs_err::remove_file(&tries).unwrap();
    project.write(
        "pipeline.yaml",
        format!("params: {{ tries: {} }}\n{}", tries.display(), text.replace("retries: 2", "retries: 1")),
    );
    run(&project, &["--force", "a"], 1);
    assert_eq!(fs_err::read_to_string(&tries).unwrap(), "try\ntry\n");
}

#[test]
fn declared_outputs_must_be_there_and_no_others() {
    let missing = one("    run: [sh, -c, 'echo > {out.x}']\n    out: { x: , y: }\n");
    insta::assert_snapshot!(explained(&run(&missing, &[], 1)), @r"
    stage `a` failed: it ended well but did not write its output `y`
      key   KEY
    hint: `nnf why a` shows what went into the key
    ");
    let undeclared = one("    run: [sh, -c, 'echo > {out.x}; echo > $(dirname {out.x})/z']\n    out: { x: }\n");
    insta::assert_snapshot!(explained(&run(&undeclared, &[], 1)), @r"
    stage `a` failed: it wrote `z` into its output folder, which it does not declare under `out`
      key   KEY
    hint: `nnf why a` shows what went into the key
    ");
    let optional = one("    run: [sh, -c, 'echo > {out.x}']\n    out: { x: , y: { optional: true } }\n");
    run(&optional, &[], 0);
    assert!(optional.nnf(&["get", "a.y"]).err.contains("left its optional output `y` out"));
}

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
    says(
        "ln -s ../../../x up",
        "`up` cannot be stored: it is a link to `../../../x`, which lies outside of the folder",
    );
    says(
        "mkdir d; ln -s ../../x d/up",
        "`d/up` cannot be stored: it is a link to `../../x`, which lies outside of the folder",
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

#[test]
fn a_stage_that_changes_its_input_fails_and_the_input_is_made_again() {
    let project = Project::new(
        "stages:
  make: { run: [sh, -c, 'echo made > {out.x}'], out: { x: text/plain } }
  spoil: { run: [sh, -c, 'chmod u+w {in.x}; echo more >> {in.x}; cp {in.x} {out.y}'], in: { x: make.x }, out: { y: } }
  copy: { run: [cp, '{in.x}', '{out.y}'], in: { x: make.x }, out: { y: text/plain } }
",
    );
    let outcome = project.nnf(&["run", "spoil"]);
    // Where the file system shares content by reflinks, the stage has changed a file of its own.
    if outcome.code != Some(0) {
        assert!(outcome.err.contains("the stage changed its input `x`, which others may read"), "{}", outcome.err);
    }
    run(&project, &["copy"], 0);
    assert_eq!(project.nnf(&["get", "copy.y"]).out, "made\n");
}

/// What was altered is gone from the store, and comes out otherwise each time it is made.
#[test]
fn a_run_ends_where_a_stage_alters_what_is_never_made_twice() {
    let project = Project::new(
        "stages:
  make: { run: [sh, -c, 'od -An -N16 -tx1 /dev/urandom > {out.x}'], out: { x: text/plain } }
  spoil: { run: [sh, -c, 'chmod u+w {in.x}; echo more >> {in.x}; false'], in: { x: make.x }, out: { y: }, retries: 2 }
  use: { run: [sh, -c, 'cat {in.x} {in.x} > {out.y}'], in: { x: make.x }, out: { y: text/plain } }
",
    );
    let outcome = project.nnf(&["run", "-k", "-j1"]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    let made = project.nnf(&["get", "make.x"]).out;
    assert_eq!(project.nnf(&["get", "use.y"]).out, made.repeat(2));
    assert_eq!(made.lines().count(), 1, "{made}");
}

#[test]
fn the_end_of_a_long_log_is_shown_and_its_middle_left_out_of_the_store() {
    let flood = r#"yes flood | head -c 3000000; echo; printf "the\tlast words\n"; exit ${params.code}"#;
    let project = one(&format!("    run: [sh, -c, '{flood}']\n"));
    let text = fs_err::read_to_string(project.path("pipeline.yaml")).unwrap();
    project.write("pipeline.yaml", format!("params: {{ code: 1 }}\n{text}"));
    let outcome = run(&project, &[], 1);
    assert!(outcome.err.contains("it ends:\n\n        flood\n"), "{}", outcome.err);
    assert!(outcome.err.contains("\n        the    last words\n"), "{}", outcome.err);
    run(&project, &["--set", "params.code=0"], 0);
    fs_err::remove_dir_all(project.path("artifacts/runs")).unwrap();
    let log = project.nnf(&["log", "a", "--set", "params.code=0"]).out;
    assert!(log.len() < 1_100_000 && log.ends_with("the\tlast words\n"), "{}", log.len());
    assert!(log.contains("bytes of the log are left out here"), "there is a note where the middle was");
}

#[test]
fn what_a_machine_does_not_have_is_refused() {
    let project = one("    run: [touch, '{out.x}']\n    needs: { gpus: 500 }\n    out: { x: }\n");
    let outcome = run(&project, &[], 1);
    assert!(outcome.err.contains("stage `a` failed: it needs 500 GPUs, and this machine has "), "{}", outcome.err);
    let project = one("    run: [no-such-program, '{out.x}']\n    out: { x: }\n");
    assert!(run(&project, &[], 2).err.contains("there is no program `no-such-program` in PATH"));
}

#[test]
fn what_there_never_can_be_room_for_is_refused_before_anything_runs() {
    let pipeline = |made: &str, needs: &str| {
        format!(
            "stages:
  a: {{ run: [sh, -c, 'echo {made} >> begun; echo made > \"$0\"', '{{out.x}}'], out: {{ x: }} }}
  b: {{ run: [cp, '{{in.x}}', '{{out.y}}'], in: {{ x: a.x }}, out: {{ y: }}{needs} }}
  c: {{ run: [cp, '{{in.y}}', '{{out.z}}'], in: {{ y: b.y }}, out: {{ z: }}{needs} }}
"
        )
    };
    let (much, project) = (", needs: { gpus: 500 }", Project::new(""));
    project.write("pipeline.yaml", pipeline("1", much));
    let outcome = run(&project, &[], 1);
    for stage in ["b", "c"] {
        let words = format!("stage `{stage}` failed: it needs 500 GPUs, and this machine has ");
        assert!(outcome.err.contains(&words), "{}", outcome.err);
    }
    assert!(!project.path("begun").exists(), "{}", outcome.err);
    // What does not need it is run by wish.
    run(&project, &["--keep-going"], 1);
    assert!(project.path("begun").exists());
    // What had a result may have it again.
    project.write("pipeline.yaml", pipeline("1", ""));
    run(&project, &[], 0);
    project.write("pipeline.yaml", pipeline("2", much));
    let outcome = run(&project, &[], 0);
    assert!(outcome.err.contains("if what it reads changes, it cannot run: it needs 500 GPUs"), "{}", outcome.err);
}

#[test]
fn a_store_that_cannot_be_written_has_a_code_of_its_own() {
    let project = one("    run: [touch, '{out.x}']\n    out: { x: }\n");
    project.write("artifacts", "not a folder");
    let outcome = run(&project, &[], 3);
    assert!(outcome.err.starts_with("error: cannot create the store's folder: "), "{}", outcome.err);
}

#[test]
fn how_a_stage_failed_is_told_as_data_beside_the_words() {
    let failed = |stage: &str| {
        let outcome = run(&one(stage), &["--json"], 1);
        let mut events = outcome.out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let event = events.find(|event| event["event"] == "failed").unwrap();
        (event["cause"].clone(), event["error"].as_str().unwrap().to_owned())
    };
    let expected = |cause: Value, error: &str| (cause, error.to_owned());
    assert_eq!(
        failed("    run: [sh, -c, 'exit 3']\n    out: { x: }\n"),
        expected(json!({ "cause": "command", "how": "exit", "code": 3 }), "exit status 3")
    );
    assert_eq!(
        failed("    run: [sh, -c, 'kill -ABRT $$']\n    out: { x: }\n"),
        expected(json!({ "cause": "command", "how": "signal", "signal": 6 }), "signal 6")
    );
    assert_eq!(
        failed("    run: ['true']\n    out: { x: }\n"),
        expected(json!({ "cause": "not_written", "output": "x" }), "it ended well but did not write its output `x`")
    );
}

#[test]
fn an_output_is_the_file_or_the_folder_that_it_is_declared_to_be() {
    let says = |script: &str, out: &str, expected: &str| {
        let project = one(&format!("    run: [sh, -c, '{script}']\n    out: {out}\n"));
        let outcome = run(&project, &[], if expected.is_empty() { 0 } else { 1 });
        assert!(outcome.err.contains(expected), "{script} {out}: {}", outcome.err);
    };
    let no_folder = "its output `x` is declared as `inode/directory`, a folder, but a file came";
    says("echo > {out.x}", "{ x: inode/directory }", no_folder);
    says("echo > {out.x}", "{ x: { media: inode/directory, optional: true } }", no_folder);
    let no_file = "its output `x` is declared as `text/csv; header=present`, a file, but a folder came";
    says("mkdir {out.x}", "{ x: text/csv; header=present }", no_file);
    says("mkdir {out.x}", "{ x: inode/directory }", "");
    says("true", "{ x: { media: inode/directory, optional: true } }", "");
    says(": > {out.x}", "{ x: text/plain }", "");
    says("mkdir {out.x}", "{ x: }", "");
}

//! What is stored and what runs again: a change reruns what depends on it, and nothing else.

#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "support/ran.rs"]
mod ran;
mod support;

use ran::ran;
use support::Project;

/// Words from a file, in order, counted, and a greeting that depends on none of it.
const PIPELINE: &str = "params: { prefix: '>', lines: 3 }
stages:
  sort:
    run: [sh, -c, 'sort {in.words} > {out.sorted}']
    in: { words: 'file:words.txt' }
    out: { sorted: text/plain }
  head:
    run: [sh, -c, 'head -n {with.lines} {in.sorted} > {out.first}']
    in: { sorted: sort.sorted }
    with: { lines: '${params.lines}' }
    out: { first: text/plain }
  mark:
    run: [sh, -c, 'sed \"s/^/{with.prefix}/\" {in.first} > {out.marked}']
    in: { first: head.first }
    with: { prefix: '${params.prefix}' }
    out: { marked: text/plain }
  greet:
    run: [sh, -c, 'echo hello > {out.text}']
    out: { text: text/plain }
";
const NOTHING: [&str; 0] = [];

fn project() -> Project {
    let project = Project::new(PIPELINE);
    project.write("words.txt", "pear\nfig\napple\nplum\n");
    project
}

fn get(project: &Project, output: &str) -> String {
    let outcome = project.nnf(&["get", output]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    outcome.out
}

#[test]
fn a_second_run_starts_nothing() {
    let project = project();
    let first = ran(&project, &[]);
    assert_eq!((first.stages.join(" "), first.fresh), ("greet head mark sort".to_owned(), 0));
    assert_eq!(get(&project, "mark.marked"), ">apple\n>fig\n>pear\n");
    let second = ran(&project, &[]);
    assert_eq!((second.stages, second.fresh), (vec![], 4));
    let kinds: Vec<&str> = second.events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["began", "fresh", "fresh", "fresh", "fresh", "ended"]);
}

#[test]
fn a_change_reruns_what_depends_on_it() {
    let project = project();
    ran(&project, &[]);
    assert_eq!(ran(&project, &["--set", "params.prefix=+"]).stages, ["mark"]);
    assert_eq!(ran(&project, &["--set", "params.lines=1"]).stages, ["head", "mark"]);
    assert_eq!(ran(&project, &["--set", "params.lines=1", "--set", "params.prefix=+"]).stages, ["mark"]);
    assert_eq!(ran(&project, &[]).stages, NOTHING, "all that was made before is still there");
    project.write("words.txt", "kiwi\n");
    assert_eq!(ran(&project, &[]).stages, ["head", "mark", "sort"]);
    project.write("words.txt", "pear\nfig\napple\nplum\n");
    assert_eq!(ran(&project, &[]).stages, NOTHING);
}

#[test]
fn the_same_bytes_made_again_leave_what_is_below_fresh() {
    let project = project();
    ran(&project, &[]);
    project.write("words.txt", "plum\napple\nfig\npear\n");
    assert_eq!(ran(&project, &[]).stages, ["sort"], "sorting another order makes the same bytes");
    project.write("words.txt", "zucchini\nplum\napple\nfig\npear\n");
    assert_eq!(ran(&project, &[]).stages, ["head", "sort"], "the first three are the same");
}

#[test]
fn what_does_not_change_the_work_reruns_nothing() {
    let project = project();
    ran(&project, &[]);
    let edits: [(&str, String); 6] = [
        ("comments", format!("# a comment\n{}", PIPELINE.replace("  head:\n", "  # why\n  head: # here\n"))),
        ("a stage's name", PIPELINE.replace("sort:", "order:").replace("sort.sorted", "order.sorted")),
        ("the pipeline's name", format!("name: other\n{PIPELINE}")),
        (
            "resources",
            PIPELINE.replace(
                "  greet:\n",
                "  greet:\n    needs: { cpus: 2, memory: 1MiB }\n    timeout: 9s\n    retries: 2\n",
            ),
        ),
        ("secrets", PIPELINE.replace("  greet:\n", "  greet:\n    pass: [TOKEN]\n")),
        ("where a value comes from", PIPELINE.replace("'${params.lines}'", "3")),
    ];
    for (what, text) in edits {
        project.write("pipeline.yaml", text);
        assert_eq!(ran(&project, &[]).stages, NOTHING, "{what}");
    }
    let (head, stages) = PIPELINE.split_once("stages:\n").unwrap();
    let at = stages.find("  greet:").unwrap();
    project.write("pipeline.yaml", format!("{head}stages:\n{}{}", &stages[at..], &stages[..at]));
    assert_eq!(ran(&project, &[]).stages, NOTHING, "the order of stages");
    project.write("other/words.txt", "pear\nfig\napple\nplum\n");
    project.write("pipeline.yaml", PIPELINE.replace("file:words.txt", "file:other/words.txt"));
    assert_eq!(ran(&project, &[]).stages, NOTHING, "the path of the same content");
}

#[test]
fn what_changes_the_work_reruns_it() {
    let project = project();
    ran(&project, &[]);
    let edits = [
        ("the command", PIPELINE.replace("echo hello", "echo  hello")),
        ("a variable", PIPELINE.replace("  greet:\n", "  greet:\n    env: { LC_ALL: C }\n")),
        (
            "a parameter that the command does not name",
            PIPELINE.replace("  greet:\n", "  greet:\n    with: { seed: 1 }\n"),
        ),
        ("the media type", PIPELINE.replace("out: { text: text/plain }", "out: { text: text/csv }")),
        ("another input", PIPELINE.replace("  greet:\n", "  greet:\n    in: { x: 'file:words.txt' }\n")),
    ];
    for (what, text) in edits {
        project.write("pipeline.yaml", text);
        assert_eq!(ran(&project, &[]).stages, ["greet"], "{what}");
    }
}

#[test]
fn code_is_content_too() {
    let pipeline = "stages:
  make: { run: [sh, tools/make.sh, '{out.x}'], code: [tools/make.sh], out: { x: } }
  own: { run: [./tools/own.sh, '{out.x}'], out: { x: } }
  read: { run: [cp, data.txt, '{out.x}'], in: { data: 'file:data.txt' }, out: { x: } }
";
    let project = Project::new(pipeline);
    project.write("tools/make.sh", "echo one > $1\n");
    project.write("tools/own.sh", "#!/bin/sh\necho one > $1\n");
    project.write("data.txt", "one");
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs_err::set_permissions(project.path("tools/own.sh"), executable).unwrap();
    assert_eq!(ran(&project, &[]).stages, ["make", "own", "read"]);
    assert_eq!(ran(&project, &[]).stages, NOTHING);
    project.write("tools/make.sh", "echo two > $1\n");
    assert_eq!(ran(&project, &[]).stages, ["make"]);
    project.write("tools/own.sh", "#!/bin/sh\necho two > $1\n");
    assert_eq!(ran(&project, &[]).stages, ["own"]);
    project.write("data.txt", "two");
    assert_eq!(ran(&project, &[]).stages, ["read"]);
}

#[test]
fn stages_that_do_the_same_work_run_once() {
    let pipeline = "stages:
  a: { run: [sh, -c, 'echo x > {out.x}; sleep 0.1'], out: { x: } }
  b: { run: [sh, -c, 'echo x > {out.x}; sleep 0.1'], out: { x: } }
  c: { run: [sh, -c, 'cat {in.a} {in.b} > {out.x}'], in: { a: a.x, b: b.x }, out: { x: } }
";
    let project = Project::new(pipeline);
    let ran = ran(&project, &["-j", "4"]);
    assert_eq!((ran.stages.join(" "), ran.fresh), ("a c".to_owned(), 1));
    assert_eq!(get(&project, "c.x"), "x\nx\n");
    let forced = self::ran(&project, &["-j", "4", "--force", "a", "--force", "b"]);
    assert_eq!((forced.stages.join(" "), forced.fresh), ("a".to_owned(), 2), "forced once for both");
}

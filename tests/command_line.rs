//! The command line: what each command prints, and that its JSON can be relied on.

#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use std::collections::BTreeSet;

use serde_json::Value as Json;
use support::Project;

const PIPELINE: &str = "params: { lines: 2 }
stages:
  sort:
    run: [sh, -c, 'echo sorting >&2; sort {in.words} > {out.sorted}']
    in: { words: 'file:words.txt' }
    out: { sorted: text/plain }
  head:
    run: [sh, -c, 'head -n {with.lines} {in.sorted} > {out.first}']
    each: { lines: [1, '${params.lines}'] }
    with: { lines: '${each.lines}' }
    in: { sorted: sort.sorted }
    out: { first: text/plain, rest: { media: text/csv, optional: true } }
";

fn project() -> Project {
    let project = Project::new(PIPELINE);
    project.write("words.txt", "pear\nfig\napple\n");
    project
}

fn ok(project: &Project, arguments: &[&str]) -> String {
    let outcome = project.nnf(arguments);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    outcome.out
}

/// Each line as JSON.
fn lines(project: &Project, arguments: &[&str]) -> Vec<Json> {
    ok(project, arguments).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn fields(value: &Json) -> String {
    let mut names: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    names.join(" ")
}

/// Without ids, digests and times, which differ from run to run.
fn redacted(text: &str) -> String {
    let hex = |word: &str| word.len() == 8 && word.chars().all(|c| c.is_ascii_hexdigit());
    let id = |word: &str| word.len() == 26 && word.as_bytes()[8] == b'T' && word.as_bytes()[20] == b'-';
    let mut out = Vec::new();
    for line in text.lines() {
        let words: Vec<String> = line
            .split(' ')
            .map(|word| match word.trim_matches(|c| matches!(c, '(' | ')' | ',' | ':')) {
                bare if hex(bare) => word.replace(bare, "DIGEST"),
                bare if id(bare) => word.replace(bare, "RUN"),
                bare if bare.len() == 3 && bare.parse::<f64>().is_ok() && bare.contains('.') => {
                    word.replace(bare, "TIME")
                }
                _ => word.to_owned(),
            })
            .collect();
        out.push(words.join(" "));
    }
    out.join("\n")
}

#[test]
fn a_run_in_plain_lines() {
    let project = project();
    let first = project.nnf(&["run", "-j", "1"]);
    assert_eq!((first.code, first.out.as_str()), (Some(0), ""));
    insta::assert_snapshot!(redacted(&first.err), @r"
    run RUN of pipeline: 3 stages
      start sort (no record)
      done sort (TIME s)
      start head[lines=1] (no record)
      done head[lines=1] (TIME s)
      start head[lines=2] (no record)
      done head[lines=2] (TIME s)
      ran sort                TIME s  no record
      ran head[lines=1]       TIME s  no record
      ran head[lines=2]       TIME s  no record
    done in TIME s: 3 ran, 0 fresh
    results: ROOT/artifacts/latest/pipeline
    ");
    insta::assert_snapshot!(redacted(&project.nnf(&["run"]).err), @r"
    run RUN of pipeline: 3 stages
    done in TIME s: 0 ran, 3 fresh
    results: ROOT/artifacts/latest/pipeline
    ");
    let changed = project.nnf(&["run", "--set", "params.lines=3"]);
    insta::assert_snapshot!(redacted(&changed.err), @r"
    run RUN of pipeline: 3 stages
      start head[lines=3] (no record)
      done head[lines=3] (TIME s)
      ran head[lines=3]       TIME s  no record
    done in TIME s: 1 ran, 2 fresh
    results: ROOT/artifacts/latest/pipeline
    ");
}

#[test]
fn a_run_in_json() {
    let project = project();
    let events = lines(&project, &["run", "--json", "-j", "1"]);
    let kinds: Vec<&str> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(kinds.join(" "), "began started finished started finished started finished ended");
    assert_eq!(fields(&events[0]), "event pipeline run total");
    assert_eq!(fields(&events[1]), "attempt because event key reason stage");
    assert_eq!(fields(&events[2]), "adopted event key seconds stage");
    let end = "event failed fresh interrupted not_started ran results run seconds store_failed";
    assert_eq!(fields(&events[7]), end);
    assert_eq!(fields(&events[7]["ran"][0]), "because seconds stage");
    let again = lines(&project, &["run", "--json"]);
    assert_eq!(fields(&again[1]), "event key stage");
    project.write("words.txt", "plum\n");
    let changed = lines(&project, &["run", "--json", "sort"]);
    assert_eq!(fields(&changed[1]), "attempt because event expected_milliseconds key reason stage");
    assert_eq!(fields(&changed[1]["reason"]["changed"][0]), "area name new old");
    project.write("pipeline.yaml", PIPELINE.replace("sort {in", "exit 4; sort {in"));
    let failed = project.nnf(&["run", "--json", "sort"]);
    assert_eq!((failed.code, failed.err.as_str()), (Some(1), ""));
    let failure: Json = serde_json::from_str(failed.out.lines().nth(2).unwrap()).unwrap();
    assert_eq!(fields(&failure), "cause error event key log_end seconds stage store");
    assert_eq!(failure["log_end"], serde_json::json!(["sorting"]));
}

#[test]
fn a_plan_before_and_after() {
    let project = project();
    insta::assert_snapshot!(ok(&project, &["plan"]), @r"
    run  sort  (no record)
    up to 2 more, if what they read changes: head[lines=1], head[lines=2]
    1 to run, up to 2 more, 0 fresh
    ");
    let before = lines(&project, &["plan", "--json"]);
    let states: Vec<&str> = before.iter().map(|line| line["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["stale", "pending", "pending"]);
    assert_eq!(fields(&before[0]), "because key reason stage state");
    ok(&project, &["run"]);
    insta::assert_snapshot!(ok(&project, &["plan"]), @r"nothing to run, 3 fresh");
    insta::assert_snapshot!(ok(&project, &["plan", "--set", "params.lines=3"]), @r"
    run  head[lines=3]  (no record)
    1 to run, 2 fresh
    ");
    assert_eq!(ok(&project, &["plan", "sort"]), "nothing to run, 1 fresh\n");
    assert_eq!(fields(&lines(&project, &["plan", "--json"])[0]), "key stage state");
}

#[test]
fn stages_are_shown_with_inputs_and_outputs() {
    let project = project();
    insta::assert_snapshot!(ok(&project, &["show"]), @r"
    sort  (run)
      in   words ← file:words.txt
      out  sorted (text/plain)
    head[lines=1]  (run)
      in   sorted ← sort.sorted
      with lines = 1
      out  first (text/plain)
      out  rest (text/csv, optional)
    head[lines=2]  (run)
      in   sorted ← sort.sorted
      with lines = 2
      out  first (text/plain)
      out  rest (text/csv, optional)
    ");
    let shown = lines(&project, &["show", "--json", "head[lines=2]"]);
    assert_eq!(shown.len(), 1);
    assert_eq!(fields(&shown[0]), "in out stage with work");
    assert_eq!(shown[0]["in"]["sorted"], "sort.sorted");
}

#[test]
fn results_are_copied_out() {
    let project = project();
    let early = project.nnf(&["get", "sort.sorted"]);
    assert_eq!((early.code, early.out.as_str()), (Some(2), ""));
    insta::assert_snapshot!(early.err, @r"
    error: there is no result of `sort` as the pipeline stands
    hint: `nnf run sort` makes it
    ");
    std::fs::copy(project.path("pipeline.yaml"), project.path("other.yaml")).unwrap();
    let named = project.nnf(&["get", "other.yaml", "sort.sorted"]).err;
    assert!(named.contains("hint: `nnf run other.yaml sort` makes it"), "{named}");
    ok(&project, &["run"]);
    assert_eq!(ok(&project, &["get", "sort.sorted"]), "apple\nfig\npear\n");
    assert_eq!(ok(&project, &["get", "head[lines=2].first"]), "apple\nfig\n");
    ok(&project, &["get", "sort.sorted", "-o", "mine.txt"]);
    fs_err::write(project.path("mine.txt"), "my own\n").unwrap();
    assert_eq!(ok(&project, &["get", "sort.sorted"]), "apple\nfig\npear\n", "a copy is no link into the store");
    let again = project.nnf(&["get", "sort.sorted", "-o", "mine.txt"]);
    assert_eq!(again.code, Some(2));
    assert!(again.err.starts_with("error: `mine.txt` is there already\n"), "{}", again.err);
    let nowhere = project.nnf(&["get", "sort.sorted", "-o", "no/folder/mine.txt"]);
    assert_eq!(
        (nowhere.code, nowhere.err.as_str()),
        (
            Some(2),
            "error: `no/folder/mine.txt` cannot be written: there is no folder `no/folder`\n\
             hint: make it, or name another path\n\n"
        )
    );
    let record: Json = serde_json::from_str(&ok(&project, &["get", "sort.record"])).unwrap();
    let named = [
        "version",
        "key",
        "document",
        "outputs",
        "seconds",
        "attempts",
        "machine",
        "environment",
        "log",
        "nonce",
        "checksum",
    ];
    for name in named {
        assert!(record.get(name).is_some(), "{name}: {record}");
    }
}

#[test]
fn names_of_outputs_may_hold_dots() {
    let project = Project::new(
        "stages:
  train:
    run: [sh, -c, 'echo {with.lr} > {out.model.onnx}']
    each: { lr: [0.5] }
    with: { lr: '${each.lr}' }
    out: { model.onnx: text/plain }
",
    );
    ok(&project, &["run"]);
    assert_eq!(ok(&project, &["get", "train.model.onnx"]), "0.5\n");
    assert_eq!(ok(&project, &["get", "train[lr=0.5].model.onnx"]), "0.5\n");
}

#[test]
fn logs_and_runs() {
    let project = project();
    assert_eq!(ok(&project, &["runs"]), "no runs yet\n");
    assert!(project.nnf(&["log", "sort"]).err.starts_with("error: there is no log of `sort`\n"));
    ok(&project, &["run"]);
    assert_eq!(ok(&project, &["log", "sort"]), "sorting\n");
    ok(&project, &["run"]);
    assert_eq!(ok(&project, &["log", "sort"]), "sorting\n", "of the run that ran it");
    insta::assert_snapshot!(redacted(&ok(&project, &["runs"])), @r"
    RUN  done                TIME s  0 ran, 3 fresh, 0 failed
    RUN  done                TIME s  3 ran, 0 fresh, 0 failed
    ");
    let runs = lines(&project, &["runs", "--json"]);
    assert_eq!(fields(&runs[0]), "failed fresh id pipeline ran seconds started state");
    let (newest, oldest) = (runs[0]["id"].as_str().unwrap(), runs[1]["id"].as_str().unwrap());
    assert_eq!(ok(&project, &["log", "sort", "--run", oldest, "--attempt", "1"]), "sorting\n");
    assert!(newest > oldest, "ids sort by time");
    let none: [&[&str]; 3] = [&["--run", newest], &["--run", "19990101"], &["--attempt", "2"]];
    let refuse = |what: &str| {
        for arguments in none {
            let outcome = project.nnf(&[&["log", "sort"], arguments].concat());
            assert_eq!((outcome.code, outcome.out.as_str()), (Some(2), ""), "{what} {arguments:?}");
        }
    };
    refuse("live");
    let wrong = project.nnf(&["log", "sort", "--run", oldest, "--attempt", "2"]).err;
    assert!(wrong.starts_with(&format!("error: there is no log of attempt 2 of `sort` in run {oldest}\n")), "{wrong}");
    fs_err::remove_dir_all(project.path("artifacts/runs")).unwrap();
    refuse("stored");
    assert_eq!(ok(&project, &["log", "sort", "--run", oldest, "--attempt", "1"]), "sorting\n");
}

#[test]
fn the_log_of_a_silent_success_is_not_that_of_an_earlier_failure() {
    let project = Project::new(
        "stages: { find: { run: [sh, -c, 'grep fig {in.words} > {out.found} || { echo no fig >&2; exit 1; }'],
           in: { words: 'file:words.txt' }, out: { found: text/plain } } }",
    );
    project.write("words.txt", "pear\n");
    assert_eq!(project.nnf(&["run"]).code, Some(1));
    assert_eq!(ok(&project, &["log", "find"]), "no fig\n");
    project.write("words.txt", "fig\n");
    ok(&project, &["run"]);
    let silent = project.nnf(&["log", "find"]);
    assert_eq!((silent.code, silent.out.as_str()), (Some(0), ""));
    assert_eq!(silent.err, "note: `find` wrote nothing; its metrics are in its record: `nnf get find.record`\n");
    project.write("words.txt", "apple\n");
    assert_eq!(project.nnf(&["run"]).code, Some(1));
    assert_eq!(ok(&project, &["log", "find"]), "no fig\n");
}

#[test]
fn a_copy_is_whole_or_not_there_and_a_reader_may_leave() {
    let project = Project::new(
        "stages:
  tree: { run: [sh, -c, 'test ! -e closed && mkdir -p {out.x}/a; echo one > {out.x}/a/one; echo two > {out.x}/two'], out: { x: inode/directory } }
  talk: { run: [sh, -c, 'yes word | head -c 1000000; echo > {out.y}'], out: { y: text/plain } }
",
    );
    ok(&project, &["run"]);
    for place in ["none/copy", "none/deep/copy"] {
        let outcome = project.nnf(&["get", "tree.x", "-o", place]);
        assert_eq!(outcome.code, Some(2), "{outcome:?}");
        assert!(outcome.err.starts_with(&format!("error: `{place}` cannot be written: ")), "{}", outcome.err);
    }
    let blobs = std::process::Command::new("grep")
        .args(["-rlx", "one", "artifacts/blobs"])
        .current_dir(project.path(""))
        .output()
        .unwrap();
    let one = project.path(String::from_utf8(blobs.stdout).unwrap().trim());
    fs_err::rename(&one, project.path("aside")).unwrap();
    project.write("closed", "");
    assert_ne!(project.nnf(&["get", "tree.x", "-o", "copy"]).code, Some(0), "it cannot be made again");
    assert!(!project.path("copy").exists(), "a part of it is not copied");
    fs_err::remove_file(project.path("closed")).unwrap();
    ok(&project, &["get", "tree.x", "-o", "copy"]);
    assert_eq!(fs_err::read_to_string(project.path("copy/a/one")).unwrap(), "one\n");
    let left: Vec<_> = fs_err::read_dir(project.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().starts_with(".get")), "{left:?}");

    let script = format!("{{ {} log talk; echo code $? >&2; }} | head -c 4", env!("CARGO_BIN_EXE_nnf"));
    let output = std::process::Command::new("sh").args(["-c", &script]).current_dir(project.path("")).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "code 0\n");
    assert_eq!(output.stdout, b"word");
}

#[test]
fn the_pipeline_is_found_or_named() {
    let project = project();
    fs_err::rename(project.path("pipeline.yaml"), project.path("study.yaml")).unwrap();
    let outcome = project.nnf(&["run"]);
    assert_eq!(outcome.code, Some(2));
    insta::assert_snapshot!(outcome.err, @r"
    error: there is no file `pipeline.yaml`
    hint: name the pipeline's file, or go to the folder that has `pipeline.yaml`
    ");
    ok(&project, &["run", "study.yaml", "sort"]);
    assert_eq!(ok(&project, &["get", "study.yaml", "sort.sorted"]), "apple\nfig\npear\n");
    assert_eq!(ok(&project, &["plan", "./study.yaml", "sort"]), "nothing to run, 1 fresh\n");
    project.write("deep/er.yaml", format!("root: ..\n{PIPELINE}"));
    ok(&project, &["run", "deep/er.yaml"]);
    assert!(project.path("artifacts/latest/er").is_dir() && !project.path("deep/artifacts").exists());
}

#[test]
fn completions_and_schema() {
    let project = project();
    for (shell, sign) in [("bash", "complete -F _nnf"), ("zsh", "#compdef nnf"), ("fish", "complete -c nnf")] {
        assert!(ok(&project, &["completions", shell]).contains(sign), "{shell}");
    }
    project.write("pipeline.yaml", format!("programs: {{}}\n{PIPELINE}"));
    let schema: Json = serde_json::from_str(&ok(&project, &["schema"])).unwrap();
    let keys: BTreeSet<&str> = schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        [
            "version", "name", "root", "store", "include", "params", "programs", "allow", "strict", "tools",
            "executor", "slurm", "stages", "report"
        ]
        .into()
    );
    // There is no kind, and the schema itself is valid all the same.
    assert_eq!(schema["$defs"]["stage"].get("allOf"), None);
    assert_eq!(schema["$defs"]["stage"]["additionalProperties"], false);
    assert_eq!(project.nnf(&["frobnicate"]).code, Some(2));
    assert_eq!(project.nnf(&["--version"]).code, Some(0));
    assert!(ok(&project, &["run", "--help"]).contains("--keep-going"));
}

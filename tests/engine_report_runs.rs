//! The page of runs in all their states, and what `nnf report` says of faults.

#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "support/page.rs"]
mod page;
mod support;
#[path = "support/waiting.rs"]
mod waiting;

use std::collections::BTreeMap;

use page::{page, section};
use support::Project;
use waiting::until;

#[test]
fn a_run_that_goes_on_and_one_that_was_killed_are_shown_as_such() {
    let project = Project::new(
        &"stages:
  first: { run: [touch, '{out.x}'], out: { x: } }
  slow: { run: [sh, -c, 'echo waiting; WAIT; touch {out.y}'], in: { x: first.x }, out: { y: } }
  last: { run: [touch, '{out.z}'], in: { y: slow.y }, out: { z: } }
"
        .replace("WAIT", &until("go")),
    );
    let mut child = project.command(&["run"]).stderr(std::process::Stdio::null()).spawn().unwrap();
    let began = || {
        let runs = fs_err::read_dir(project.path("artifacts/runs/v1")).into_iter().flatten().flatten();
        let logs: Vec<_> = runs.map(|run| run.path().join("logs/slow.1.log")).collect();
        logs.iter().any(|log| fs_err::read_to_string(log).is_ok_and(|text| text.contains("waiting")))
    };
    while !began() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let live = page(&project, &[]);
    assert!(live.contains("going on</p>") && live.contains("<dd>1 running, 1 not started, 1 ran</dd>"), "{live}");
    assert!(section(&live, "slow").contains("waiting\n"));
    child.kill().unwrap();
    child.wait().unwrap();
    project.write("go", "");
    let killed = page(&project, &[]);
    assert!(killed.contains("killed before its end</p>"), "{killed}");
    assert!(section(&killed, "slow").contains("The run was killed while this stage was at work."));
    assert!(section(&killed, "first").starts_with("<details class=\"stage ran\">"));
}

#[test]
fn a_run_in_which_nothing_was_done_has_a_page_with_all_results() {
    let project = Project::new("stages: { one: { run: [sh, -c, 'echo 1 > {out.x}'], out: { x: text/plain } } }");
    for _ in 0..3 {
        assert_eq!(project.nnf(&["run"]).code, Some(0));
    }
    let page = page(&project, &[]);
    assert!(page.contains("No stage had to run.") && page.contains("<dd>1 fresh</dd>"), "{page}");
    assert!(section(&page, "one").contains("<pre tabindex=\"0\">1\n"), "{page}");
}

#[test]
fn an_output_that_a_stage_left_out_is_told_where_it_would_stand() {
    let project = Project::new(
        "report: [{ output: one.y }]
stages: { one: { run: [sh, -c, 'echo 1 > {out.x}'], out: { x: text/plain, y: { media: text/csv, optional: true } } } }",
    );
    assert_eq!(project.nnf(&["run"]).code, Some(0));
    let page = page(&project, &[]);
    let left_out = "It is optional, and the stage left it out.";
    assert!(section(&page, "one").contains(left_out), "{page}");
    assert_eq!(page.matches(left_out).count(), 2, "in the report too: {page}");
}

#[test]
fn thousands_of_stages_are_folded_and_the_page_stays_small() {
    let project = Project::new("name: many\nstages: { one: { run: [touch, '{out.x}'], out: { x: } } }");
    let mut stages = serde_json::Map::new();
    let mut events = String::from("{\"event\":\"began\",\"run\":\"r\",\"pipeline\":\"many\",\"total\":10001}\n");
    let key = "0".repeat(64);
    for n in 0..5_000 {
        for (stage, source) in [("make", "file:x".to_owned()), ("use", format!("make[n={n}].x"))] {
            let name = format!("{stage}[n={n}]");
            let noted = serde_json::json!({ "stage": stage, "with": { "n": n }, "in": { "x": source }, "out": {} });
            stages.insert(name.clone(), noted);
            events += &format!(
                "{{\"event\":\"started\",\"stage\":\"{name}\",\"key\":\"{key}\",\"reason\":\"no_record\",\"because\":\"cause {n}\",\"attempt\":1}}\n"
            );
            events += &format!(
                "{{\"event\":\"finished\",\"stage\":\"{name}\",\"key\":\"{key}\",\"seconds\":{n}.5,\"adopted\":false}}\n"
            );
        }
    }
    let all: BTreeMap<String, String> = (0..5_000).map(|n| (format!("n={n}"), format!("use[n={n}].x"))).collect();
    stages.insert("table".into(), serde_json::json!({ "stage": "table", "in": { "all": all }, "out": {} }));
    let run = "artifacts/runs/v1/20260101T000000.000Z-aaaaa";
    project.write(&format!("{run}/pipeline.json"), serde_json::json!({ "name": "many", "stages": stages }).to_string());
    project.write(&format!("{run}/events.jsonl"), events);
    let summary = serde_json::json!({ "id": "20260101T000000.000Z-aaaaa", "pipeline": "many", "started": "2026-01-01T00:00:00Z",
        "seconds": 9.0, "state": "done", "ran": 10001 });
    project.write(&format!("{run}/run.json"), summary.to_string());
    let page = page(&project, &[]);
    assert!(page.len() < 2_000_000, "{}", page.len());
    assert!(page.contains(">5000 instances</text>") && page.contains("300 of 10,001 stages are shown"));
    assert!(
        page.contains("4,800 more causes are not listed.")
            && page.contains("9,800 stages with less time are not listed")
    );
    assert_eq!(page.matches("class=\"node\"").count(), 3);
}

#[test]
fn faults_of_a_report_have_a_place_and_a_hint() {
    let project = Project::new(
        "report:
  - heading: fine
  - output: mkae.x
  - output: make.y
  - output: each.z
  - output: each[n=3].z
  - output: each[m=1].z
  - output: make[*].x
  - output: file:x
  - { heading: one, text: two }
  - { text: words, title: none }
  - { titel: x, output: make.x }
  - title: alone
  - words
  - output: make
stages:
  make: { run: [touch, '{out.x}'], out: { x: } }
  each: { each: { n: [1, 2] }, run: [touch, '{out.z}'], out: { z: } }
",
    );
    let outcome = project.nnf(&["plan"]);
    assert_eq!(outcome.code, Some(2));
    insta::assert_snapshot!(outcome.err, @r"
    error: the report shows `mkae.x`, which nothing produces
     --> pipeline.yaml:3:13
      |
    3 |   - output: mkae.x
      |             ^^^^^^
    hint: did you mean `make.x`?

    error: stage `make` has no output `y`
     --> pipeline.yaml:4:13
      |
    4 |   - output: make.y
      |             ^^^^^^
    hint: did you mean `x`?

    error: stage `each` has an instance for each `n`; which one is meant?
     --> pipeline.yaml:5:13
      |
    5 |   - output: each.z
      |             ^^^^^^
    hint: `each[n=LABEL].…` names one, `each[*].…` shows all

    error: stage `each` has no instance with `n=3`
     --> pipeline.yaml:6:13
      |
    6 |   - output: each[n=3].z
      |             ^^^^^^^^^^^
    hint: it has: each[n=1], each[n=2]

    error: stage `each` has no axis `m`
     --> pipeline.yaml:7:13
      |
    7 |   - output: each[m=1].z
      |             ^^^^^^^^^^^
    hint: did you mean `n`?

    error: stage `make` has no axis to gather over
     --> pipeline.yaml:8:13
      |
    8 |   - output: make[*].x
      |             ^^^^^^^^^
    hint: leave `[*]` out

    error: a report shows outputs of stages, not files
     --> pipeline.yaml:9:13
      |
    9 |   - output: file:x
      |             ^^^^^^
    hint: a stage that copies the file has it as an output

    error: an entry of `report` is one thing, but here stand `heading` and `text`
      --> pipeline.yaml:10:21
       |
    10 |   - { heading: one, text: two }
       |                     ^^^^
    hint: write each as an entry of its own

    error: only an output has a `title`
      --> pipeline.yaml:11:20
       |
    11 |   - { text: words, title: none }
       |                    ^^^^^

    error: an entry of `report` has no key `titel`
      --> pipeline.yaml:12:7
       |
    12 |   - { titel: x, output: make.x }
       |       ^^^^^
    hint: did you mean `title`?

    error: an entry of `report` shows nothing
      --> pipeline.yaml:13:5
       |
    13 |   - title: alone
       |     ^
    hint: entries are written `heading: TEXT`, `text: MARKDOWN` or `output: STAGE.OUTPUT`

    error: an entry of `report` is a map, but here stands text
      --> pipeline.yaml:14:5
       |
    14 |   - words
       |     ^^^^^
    hint: entries are written `heading: TEXT`, `text: MARKDOWN` or `output: STAGE.OUTPUT`

    error: `make` is no output
      --> pipeline.yaml:15:13
       |
    15 |   - output: make
       |             ^^^^
    hint: outputs are written `stage.output`, `stage[axis=label].output` or `stage[*].output`

    13 faults; nothing was run
    ");
}

#[test]
fn a_report_changes_no_key_and_a_new_one_needs_no_run() {
    let stages = "stages: { one: { run: [sh, -c, 'echo 1 > {out.x}'], out: { x: text/plain } } }\n";
    let project = Project::new(stages);
    assert_eq!(project.nnf(&["run"]).code, Some(0));
    let with = format!(
        "report: [{{ text: 'The number of ${{params.what}}:' }}, {{ output: one.x }}]\nparams: {{ what: ones }}\n{stages}"
    );
    project.write("pipeline.yaml", with);
    assert!(page(&project, &[]).contains("The number of ones:"));
    assert!(project.nnf(&["plan"]).out.contains("1 fresh"));
    // The second time the pipeline is remembered.
    assert!(page(&project, &[]).contains("The number of ones:"));
}

#[test]
fn faults_of_the_command() {
    let project = Project::new("name: mine\nstages: { one: { run: [touch, '{out.x}'], out: { x: } } }");
    let told = |arguments: &[&str]| {
        let outcome = project.nnf(&[&["report"], arguments].concat());
        assert_eq!(outcome.code, Some(2), "{outcome:?}");
        outcome.err
    };
    insta::assert_snapshot!(told(&[]), @r"
    error: there is no run of `mine` yet
    hint: `nnf run` makes one
    ");
    assert_eq!(project.nnf(&["run"]).code, Some(0));
    insta::assert_snapshot!(told(&["2000"]), @r"
    error: there is no run `2000`
    hint: `nnf runs` lists the runs
    ");
    insta::assert_snapshot!(told(&["2000", "3000"]), @r"
    error: `3000` is one word too many
    hint: `nnf report PIPELINE RUN`
    ");
    assert!(told(&["-o", "no/where.html"]).starts_with("error: `no/where.html` cannot be written: No such file"));
    project.write("other.yaml", "name: other\nstages: { two: { run: [touch, '{out.x}'], out: { x: } } }");
    let run = fs_err::read_dir(project.path("artifacts/runs/v1")).unwrap().next().unwrap().unwrap();
    let id = run.file_name().to_string_lossy().into_owned();
    insta::assert_snapshot!(told(&["other.yaml", &id]).replace(&id, "RUN"), @r"
    error: run `RUN` is of the pipeline `mine`, not of `other`
    hint: `nnf report PIPELINE RUN` with that pipeline's file
    ");
}

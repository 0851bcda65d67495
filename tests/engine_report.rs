//! The page of a run: what is on it, that nothing from outside becomes markup, and that it needs nothing but itself.

#![expect(clippy::unwrap_used, reason = "tests")]

mod support;
#[path = "support/waiting.rs"]
mod waiting;

use std::collections::{BTreeMap, BTreeSet};

use support::Project;
use waiting::until;

/// Text that does harm wherever it is not escaped.
const EVIL: &str = "</td></style></svg><script>alert('x')</script><img src=https://example.org/x onerror=alert(1)>\"'&\u{1b}[31m\u{202e}";

const PIPELINE: &str = r#"name: hostile
params: { evil: EVIL }
report:
  - heading: 'Results <script>alert(1)</script>'
  - text: |
      Some *words*, <script>alert(2)</script>, [a link](https://example.org/a) and ![a picture](https://example.org/b.png).
  - { output: all.table, title: 'Table <b>' }
  - { output: 'fit[*].score', title: Scores }
  - output: broken.never
stages:
  all:
    run: [sh, -c, 'for f in {in.md} {in.csv} {in.svg} {in.json} {in.txt} {in.table}; do :; done;
      cp {in.md} {out.text}; cp {in.csv} {out.cells}; cp {in.svg} {out.drawing}; cp {in.png} {out.photo}; cp {in.json} {out.data};
      cp {in.txt} {out.lines}; cp {in.table} {out.table}; cp {in.txt} {out.other}; mkdir {out.folder}; cp {in.txt} {out.folder}/x;
      cat {in.events} >> "$NNF_EVENTS"']
    in: { md: 'file:in/a.md', csv: 'file:in/a.csv', svg: 'file:in/a.svg', png: 'file:in/a.png', json: 'file:in/a.json',
          txt: 'file:in/a.txt', table: 'file:in/a.parquet', events: 'file:in/events' }
    with: { title: '${params.evil}' }
    env: { EVIL: '${params.evil}' }
    out: { text: text/markdown, cells: text/csv, drawing: image/svg+xml, photo: image/png, data: application/json,
           lines: text/plain, table: application/vnd.apache.parquet, other: 'application/<script>', folder: inode/directory }
  fit:
    each: { n: [1, 2, 3] }
    run: [sh, -c, 'echo {with.n} > {out.score}']
    in: { cells: all.cells }
    with: { n: '${each.n}' }
    out: { score: text/plain }
  broken:
    run: [sh, -c, 'cat {in.log}; exit 3']
    in: { log: 'file:in/log', scores: 'fit[*].score' }
    out: { never: text/plain }
  below: { run: [cp, '{in.x}', '{out.y}'], in: { x: broken.never }, out: { y: text/plain } }
"#;

fn project() -> Project {
    let quoted = format!("'{}'", EVIL.replace('\'', "''").replace(['\u{1b}', '\u{202e}'], ""));
    let text = PIPELINE.replace("EVIL }", &format!("{quoted} }}"));
    let project = Project::new(&text);
    let json = |text: &str| serde_json::to_string(text).unwrap();
    project.write("in/a.md", format!("# A title\n\n{EVIL}\n\n| left | right |\n|---|--:|\n| a | 10 |\n| b | 9 |\n"));
    project.write(
        "in/a.csv",
        format!("name,\"x{}\"\nfirst,1.5\n\"{}\",2\n", EVIL.replace('"', "\"\""), EVIL.replace('"', "\"\"")),
    );
    project.write("in/a.svg", format!("<svg xmlns='http://www.w3.org/2000/svg'><script>alert(3)</script>{EVIL}</svg>"));
    project.write("in/a.png", b"\x89PNG\r\n\x1a\n");
    project.write("in/a.json", format!("{{{}:[1,2.50,{}]}}", json(EVIL), json(EVIL)));
    project.write("in/a.txt", format!("{EVIL}\nsecond line\n"));
    project.write("in/a.parquet", fs_err::read("tests/golden/polars.parquet").unwrap());
    let (note, name) = (json(EVIL), json(EVIL));
    project.write(
        "in/events",
        format!("{{\"event\":\"note\",\"text\":{note}}}\n{{\"event\":\"metrics\",\"values\":{{{name}:0.25}}}}\n"),
    );
    project.write("in/log", format!("10 %\r90 %\r100 %\n\u{1b}[31mred\u{1b}[0m {EVIL}\nthe last words\n"));
    project
}

/// Runs the pipeline, in which a stage fails.
fn run(project: &Project) -> String {
    let outcome = project.nnf(&["run", "--keep-going", "--json"]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    let last: serde_json::Value = serde_json::from_str(outcome.out.lines().last().unwrap()).unwrap();
    last["run"].as_str().unwrap().to_owned()
}

/// The page, which must be sound.
fn page(project: &Project, arguments: &[&str]) -> String {
    let outcome = project.nnf(&[&["report", "-o", "-"], arguments].concat());
    assert_eq!((outcome.code, outcome.err.as_str()), (Some(0), ""));
    check(&outcome.out);
    outcome.out
}

/// Tags are closed in order, identifiers are there once, links lead to them, and nothing leads out of the page.
fn check(page: &str) {
    const VOID: [&str; 5] = ["meta", "br", "hr", "img", "!doctype"];
    let (mut open, mut ids, mut links) = (Vec::new(), BTreeSet::new(), Vec::new());
    let mut rest = page;
    while let Some(at) = rest.find('<') {
        let end = at + rest[at..].find('>').expect("a tag ends");
        let tag = &rest[at + 1..end];
        rest = &rest[end + 1..];
        let name = tag.split([' ', '\n']).next().unwrap();
        if let Some(name) = name.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "before {}", &rest[..rest.len().min(80)]);
            continue;
        }
        if !VOID.contains(&name) && !tag.ends_with('/') {
            open.push(name);
        }
        for attribute in tag.split("\" ").flat_map(|part| part.split_once("=\"")) {
            let (name, value) = (attribute.0.rsplit(' ').next().unwrap(), attribute.1.trim_end_matches('"'));
            assert!(!name.starts_with("on") && name != "style", "<{tag}>");
            match name {
                "id" => assert!(ids.insert(value.to_owned()), "twice {value}"),
                "href" => links.push(value.strip_prefix('#').unwrap_or_else(|| panic!("<{tag}>")).to_owned()),
                "src" => assert!(value.starts_with("data:image/"), "<{tag}>"),
                _ => {}
            }
            let reach = ["http:", "https:", "javascript:", "url("].iter().any(|word| value.contains(word));
            assert!(!reach || ["alt", "title", "aria-label"].contains(&name), "<{tag}>");
        }
        // What stands in a script or a style is no markup.
        if name == "script" || name == "style" {
            let close = rest.find(&format!("</{name}>")).unwrap();
            assert!(!rest[..close].contains("http") && !rest[..close].contains("url("));
            rest = &rest[close..];
        }
    }
    assert!(open.is_empty(), "{open:?}");
    assert!(links.iter().all(|link| ids.contains(link)), "{links:?} {ids:?}");
    assert_eq!((page.matches("<script").count(), page.matches("<style").count()), (1, 1));
    let plain = |c: char| c == '\n' || !(c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c));
    assert!(page.chars().all(|c| plain(c) || c == '\t'));
}

/// The part of a page that is about one stage.
fn section<'a>(page: &'a str, stage: &str) -> &'a str {
    let at = page.find(&format!("<h3>{stage}</h3>")).unwrap_or_else(|| panic!("no section of {stage}"));
    let start = page[..at].rfind("<details class=\"stage").unwrap();
    let end = page[at..].find("<details class=\"stage").map_or(page.len(), |end| at + end);
    &page[start..end]
}

#[test]
fn a_page_shows_what_ran_what_failed_what_was_fresh_and_what_was_not_started() {
    let project = project();
    let first = run(&project);
    let page_of_first = page(&project, &[]);
    assert!(section(&page_of_first, "all").starts_with("<details class=\"stage ran\">"));
    let second = run(&project);
    let page = page(&project, &[]);
    assert!(page.contains(&second) && page.contains("<dd>1 failed, 1 not started, 4 fresh</dd>"), "{page}");
    for (stage, class) in [("all", "fresh"), ("fit[n=2]", "fresh"), ("below", "waiting")] {
        assert!(section(&page, stage).starts_with(&format!("<details class=\"stage {class}\">")), "{stage}");
    }
    let broken = section(&page, "broken");
    assert!(broken.starts_with("<details class=\"stage failed\" open=\"\">"));
    for words in [
        "exit status 3",
        "class=\"log\">100 %\nred &lt;/td&gt;",
        "the last words",
        "no record",
        "fit[n=3].score",
        "nnf log broken",
    ] {
        assert!(broken.contains(words), "{words}: {broken}");
    }
    assert!(page.contains(&format!("UTC in run {first}</span>")), "the run that made what is fresh is named");
    assert!(section(&page, "fit[n=1]").contains("nnf get &#39;fit[n=1].score&#39;"));
    assert!(section(&page, "below").contains("broken.never"));
    assert!(page.contains("There is nothing to show: the stage is one that failed."));
    assert!(page.contains(">fit[n=3].score</a>"));
}

#[test]
fn every_kind_of_content_is_shown_and_none_of_it_is_markup() {
    let project = project();
    run(&project);
    let page = page(&project, &[]);
    let all = section(&page, "all");
    for words in [
        "<h6>A title</h6>",
        "<td class=\"number\">10</td>",
        "<caption>all.cells<span class=\"told\"> 2 rows</span></caption>",
        "<td class=\"number\">1.5</td>",
        "src=\"data:image/svg+xml;base64,",
        "src=\"data:image/png;base64,iVBORw0KGgo=\"",
        "    2.5,",
        "second line",
        "application/&lt;script&gt;, ",
        "inode/directory, ",
        "It is shown in the report above.",
        "0.25",
    ] {
        assert!(all.contains(words), "{words}: {all}");
    }
    let report = &page[page.find("id=\"report\"").unwrap()..page.find("id=\"graph\"").unwrap()];
    assert!(report.contains("<h2>Results &lt;script&gt;alert(1)&lt;/script&gt;</h2>"), "{report}");
    assert!(report.contains("<em>words</em>") && report.contains("(https://example.org/a)"), "{report}");
    assert!(report.contains("<h3>Table &lt;b&gt;</h3>") && report.contains("<h3>Scores: n=2</h3>"), "{report}");
    assert!(
        report.contains(" 60 rows") && report.contains("<td class=\"number\">-4611686018427387904</td>"),
        "{report}"
    );
}

#[test]
fn the_same_run_gives_the_same_bytes_in_a_file_too() {
    let project = project();
    let id = run(&project);
    let first = page(&project, &[]);
    assert_eq!(page(&project, &[&id[..20]]), first);
    project.write("pages/old.html", "old");
    let outcome = project.nnf(&["report", "pipeline.yaml", "-o", "pages/old.html"]);
    assert_eq!((outcome.code, outcome.err.as_str()), (Some(0), "note: wrote pages/old.html\n"));
    assert_eq!(fs_err::read_to_string(project.path("pages/old.html")).unwrap(), first);
    assert_eq!(fs_err::read_dir(project.path("pages")).unwrap().count(), 1, "nothing else is left beside it");
}

#[test]
fn damaged_and_missing_content_is_told() {
    let project = project();
    run(&project);
    let record = project.nnf(&["get", "all.record"]).out;
    let record: serde_json::Value = serde_json::from_str(&record).unwrap();
    let blob = |output: &str| {
        let digest = record["outputs"][output]["artifact"]["digest"].as_str().unwrap();
        project.path(&format!("artifacts/blobs/v1/{}/{}", &digest[..2], &digest[2..]))
    };
    let replace = |path: std::path::PathBuf, text: &str| {
        fs_err::remove_file(&path).unwrap();
        fs_err::write(path, text).unwrap();
    };
    replace(blob("text"), "something else");
    fs_err::remove_file(blob("data")).unwrap();
    fs_err::remove_file(blob("table")).unwrap();
    let page = page(&project, &[]);
    let all = section(&page, "all");
    assert!(all.contains("was damaged; it is in ") && !all.contains("something else"), "{all}");
    assert!(all.contains("is missing from the store."), "{all}");
    assert!(page.contains("second line"), "the rest is shown");
}

#[test]
fn what_is_large_is_left_out_and_that_is_told() {
    let project = Project::new(
        "report: [{ output: big.picture, title: Numbers as a picture }]
stages: { big: { run: [sh, -c, 'cp {in.x} {out.picture}; cp {in.x} {out.text}; cp {in.x} {out.table}'], in: { x: 'file:x' },
            out: { picture: image/png, text: text/plain, table: text/csv } } }",
    );
    project.write("x", format!("a,b\n{}", "1,2\n".repeat(5_000)));
    assert_eq!(project.nnf(&["run"]).code, Some(0));
    let whole = page(&project, &[]);
    assert!(whole.contains("First 200 of 5,001 lines") && whole.contains(" first 100 of 5,000 rows"), "{whole}");
    assert!(whole.contains("src=\"data:image/png;base64,") && whole.contains("alt=\"Numbers as a picture\""));
    let small = page(&project, &["--max-embedded", "1KiB"]);
    assert!(small.contains("it has 19.5 KiB, and pictures of more than 1.0 KiB are left out"), "{small}");
    assert!(small.contains("First 200 lines of 19.5 KiB") && !small.contains("data:image/png"), "{small}");
}

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
    hint: `nnf run pipeline.yaml` makes one
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

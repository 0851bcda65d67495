//! The page of a run: what is on it, that nothing from outside becomes markup, and that it needs nothing but itself.

#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "support/page.rs"]
mod page;
mod support;

use page::{page, section};
use support::Project;

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

/// Where the content of an output lies.
fn blob(project: &Project, stage: &str, output: &str) -> std::path::PathBuf {
    let record = project.nnf(&["get", &format!("{stage}.record")]).out;
    let record: serde_json::Value = serde_json::from_str(&record).unwrap();
    let digest = record["outputs"][output]["artifact"]["digest"].as_str().unwrap();
    project.path(&format!("artifacts/blobs/v1/{}/{}", &digest[..2], &digest[2..]))
}

#[test]
fn damaged_and_missing_content_is_told() {
    let project = project();
    run(&project);
    let [text, data, table] = ["text", "data", "table"].map(|output| blob(&project, "all", output));
    let replace = |path: std::path::PathBuf, text: &str| {
        fs_err::remove_file(&path).unwrap();
        fs_err::write(path, text).unwrap();
    };
    replace(text, "something else");
    fs_err::remove_file(data).unwrap();
    fs_err::remove_file(table).unwrap();
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
fn what_is_far_away_and_large_is_not_brought_for_a_page() {
    let project = Project::new(
        "stages: { far: { run: [sh, -c, 'cp {in.x} {out.small}; head -c 5000000 /dev/zero | tr \"\\\\0\" 7 > {out.large}'],
            in: { x: 'file:x' }, out: { small: text/plain, large: text/plain } } }",
    );
    project.write("x", "few words");
    let remote = tempfile::tempdir().unwrap();
    let store = format!("file://{}", remote.path().display());
    assert_eq!(project.nnf(&["run", "--store", &store]).code, Some(0));
    let [small, large] = ["small", "large"].map(|output| blob(&project, "far", output));
    for content in [&small, &large] {
        fs_err::remove_file(content).unwrap();
    }
    let page = page(&project, &["--store", &store]);
    assert!(page.contains("few words"), "what is small is brought");
    assert!(page.contains("it has 4.8 MiB, and is not in the local store; `nnf pull` brings it"), "{page}");
    assert!(small.is_file() && !large.exists());
}

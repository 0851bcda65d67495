//! Why a stage runs: one sentence for each, every difference in `nnf why`; and stages that are many, by `each`.

#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "support/ran.rs"]
mod ran;
mod support;

use ran::ran;
use support::Project;

const PIPELINE: &str = "params: { steps: 10, rate: 0.5 }
stages:
  make:
    run: [sh, -c, 'cat {in.data} > {out.x}']
    in: { data: 'file:data.txt' }
    with: { steps: '${params.steps}', rate: '${params.rate}' }
    env: { LC_ALL: C }
    out: { x: text/plain }
  use: { run: [cp, '{in.x}', '{out.y}'], in: { x: make.x }, out: { y: } }
";

fn project() -> Project {
    let project = Project::new(PIPELINE);
    project.write("data.txt", "1\n");
    project
}

fn why(project: &Project, stage: &str) -> String {
    let outcome = project.nnf(&["why", stage]);
    assert_eq!((outcome.code, outcome.err.as_str()), (Some(0), ""));
    without_digests(&outcome.out)
}

/// Digests in their short form, which is all that people see.
fn without_digests(text: &str) -> String {
    let is_digest = |word: &str| word.len() == 8 && word.chars().all(|c| c.is_ascii_hexdigit());
    let mut out = String::new();
    for word in text.split_inclusive(|c: char| !c.is_alphanumeric()) {
        let bare = word.trim_end_matches(|c: char| !c.is_alphanumeric());
        out += &if is_digest(bare) { word.replacen(bare, "DIGEST", 1) } else { word.to_owned() };
    }
    out
}

#[test]
fn why_names_every_difference() {
    let project = project();
    let new = why(&project, "make");
    assert!(new.starts_with("`make` must run: no record of it (key DIGEST)\n  {\n"), "{new}");
    assert!(new.contains("    \"rate\": 0.5"), "what goes into the key is told: {new}");
    insta::assert_snapshot!(why(&project, "use"), @r"`use` is pending: it runs if make leaves other content than before");
    ran(&project, &[]);
    project.write("data.txt", "2\n");
    let text =
        PIPELINE.replace("cat {in.data}", "sort {in.data}").replace("steps: 10, rate: 0.5", "steps: 20, rate: 0.5");
    let text = text.replace("LC_ALL: C", "LC_ALL: de, LANG: de").replace("rate: '${params.rate}'", "seed: 7");
    project.write("pipeline.yaml", text.replace("out: { x: text/plain }", "out: { x: text/csv }"));
    insta::assert_snapshot!(why(&project, "make"), @r#"
    `make` must run: command changed (and 7 more) (key DIGEST)
      command changed
        from ["sh","-c","cat {in.data} > {out.x}"]
        to   ["sh","-c","sort {in.data} > {out.x}"]
      parameter `rate` is gone (it was 0.5)
      parameter `seed` is new (7)
      parameter `steps` changed from 10 to 20
      input `data` has other content (DIGEST → DIGEST)
      variable `LANG` is new ("de")
      variable `LC_ALL` changed from "C" to "de"
      declared `x` changed from {"media":"text/plain","optional":false} to {"media":"text/csv","optional":false}
    "#);
    insta::assert_snapshot!(without_digests(&project.nnf(&["plan"]).out), @r"
    run  make  (command changed (and 7 more))
    up to 1 more, if what they read changes: use
    1 to run, up to 1 more, 0 fresh
    ");
}

#[test]
fn the_sentence_names_the_first_cause() {
    let project = project();
    ran(&project, &[]);
    let because = |arguments: &[&str]| {
        let ran = ran(&project, arguments);
        let started = ran.events.iter().filter(|event| event["event"] == "started");
        let sentence =
            |e: &serde_json::Value| format!("{}: {}\n", e["stage"].as_str().unwrap(), e["because"].as_str().unwrap());
        without_digests(&started.map(sentence).collect::<String>())
    };
    assert_eq!(because(&["--force", "make"]), "make: forced\n");
    assert_eq!(because(&["--set", "params.rate=0.25"]), "make: parameter `rate` changed from 0.5 to 0.25\n");
    project.write("data.txt", "2\n");
    let sentences =
        "make: input `data` has other content (DIGEST → DIGEST)\nuse: input `x` has other content (DIGEST → DIGEST)\n";
    assert_eq!(because(&["--set", "params.rate=0.25"]), sentences);
    let both = "make: parameter `rate` changed from 0.25 to 1 (and 1 more)\nuse: input `x` has other content (DIGEST → DIGEST)\n";
    project.write("data.txt", "3\n");
    assert_eq!(because(&["--set", "params.rate=1"]), both);
}

#[test]
fn why_a_fresh_stage_is_fresh_and_what_went_into_it() {
    let project = project();
    ran(&project, &[]);
    let told = why(&project, "make");
    assert_eq!(told, "`make` is fresh: there is a record under its key DIGEST\n");
    let json: serde_json::Value = serde_json::from_str(&project.nnf(&["why", "make", "--json"]).out).unwrap();
    assert_eq!((&json["stage"], &json["state"]), (&"make".into(), &"fresh".into()));
    assert_eq!(json["document"]["with"]["rate"], 0.5, "{json}");
}

#[test]
fn why_of_a_stage_whose_input_is_stale_names_that_input_alone() {
    let project = project();
    project.write("pipeline.yaml", format!("{PIPELINE}  other: {{ run: [touch, '{{out.x}}'], out: {{ x: }} }}\n"));
    let outcome = project.nnf(&["why", "use", "other"]);
    let told = without_digests(&outcome.out);
    let lines: Vec<&str> = told.lines().filter(|line| !line.starts_with(' ')).collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    `use` is pending: it runs if make leaves other content than before
    `other` must run: no record of it (key DIGEST)
    ");
}

const EACH: &str = "params: { nets: [small, large], seeds: [1, 2] }
stages:
  train:
    run: [sh, -c, 'echo {with.net} {with.seed} > {out.w}']
    each: { net: '${params.nets}', seed: '${params.seeds}' }
    with: { net: '${each.net}', seed: '${each.seed}' }
    out: { w: text/plain }
  best:
    run: [sh, -c, 'cat \"$@\" > \"$0\"', '{out.b}', '{in.all}']
    each: { net: '${params.nets}' }
    in: { all: 'train[*].w' }
    out: { b: text/plain }
  table:
    run: [sh, -c, 'cat \"$@\" > \"$0\"', '{out.t}', '{in.all}']
    in: { all: 'best[*].b' }
    out: { t: text/plain }
";

#[test]
fn fan_in_gathers_by_label_and_each_value_is_a_stage_of_its_own() {
    let project = Project::new(EACH);
    assert_eq!(ran(&project, &[]).stages.len(), 7);
    let table = |project: &Project| project.nnf(&["get", "table.t"]).out;
    assert_eq!(table(&project), "large 1\nlarge 2\nsmall 1\nsmall 2\n");
    let reordered = EACH.replace("[small, large]", "[large, small]").replace("[1, 2]", "[2, 1]");
    project.write("pipeline.yaml", reordered);
    assert_eq!(ran(&project, &[]).stages.len(), 0, "the order of values");
    project.write("pipeline.yaml", EACH.replace("[1, 2]", "[1, 2, 3]"));
    let more = ["best[net=large]", "best[net=small]", "table", "train[net=large,seed=3]", "train[net=small,seed=3]"];
    assert_eq!(ran(&project, &[]).stages, more);
    project.write("pipeline.yaml", EACH.replace("[small, large]", "[small]"));
    assert_eq!(ran(&project, &[]).stages, ["table"], "one label fewer");
    assert_eq!(table(&project), "small 1\nsmall 2\n");
    let told = without_digests(&project.nnf(&["why", "table"]).out);
    assert!(told.starts_with("`table` is fresh"), "{told}");
}

#[test]
fn one_instance_can_be_asked_for() {
    let project = Project::new(EACH);
    let asked = ran(&project, &["best[net=small]"]);
    assert_eq!(asked.stages, ["best[net=small]", "train[net=small,seed=1]", "train[net=small,seed=2]"]);
    assert_eq!(ran(&project, &["--force", "train[net=small,seed=1]", "best"]).stages.len(), 4);
}

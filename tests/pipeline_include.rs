//! Pipelines of several files: what stands in them means what it means there, and a change is seen in each of them.

#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "support/ran.rs"]
mod ran;
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ran::ran;
use serde_json::{Value as Json, json};
use support::Project;

/// What the engine says in its log when it goes by the note of an earlier run.
const SAID: &str = "left nothing to do";

/// The text of an output, as it lies under `latest/`.
fn result(project: &Project, path: &str) -> String {
    fs_err::read_to_string(project.path(&format!("artifacts/latest/pipeline/{path}"))).unwrap()
}

/// What a command says that must succeed.
fn ok(project: &Project, arguments: &[&str]) -> String {
    let outcome = project.nnf(arguments);
    assert_eq!(outcome.code, Some(0), "{arguments:?}: {outcome:?}");
    outcome.out
}

/// The keys of all stages by name.
fn keys(project: &Project) -> BTreeMap<String, String> {
    let lines = ok(project, &["plan", "--json"]);
    let lines = lines.lines().map(|line| serde_json::from_str::<Json>(line).unwrap());
    let key = |line: Json| Some((line["stage"].as_str()?.to_owned(), line["key"].as_str()?.to_owned()));
    lines.filter_map(key).collect()
}

/// A stage that writes a word.
fn says(stage: &str, word: &str) -> String {
    format!(
        "  {stage}: {{ run: [sh, -c, 'echo \"$1\" > \"$2\"', sh, '{word}', '{{out.o}}'], out: {{ o: text/plain }} }}\n"
    )
}

/// A stage that copies an output. Each is work of its own.
fn copies(stage: &str, from: &str) -> String {
    let (input, output) = (format!("in: {{ x: '{from}' }}"), "out: { o: text/plain }");
    format!("  {stage}: {{ run: [cp, '{{in.x}}', '{{out.o}}'], env: {{ STAGE: {stage} }}, {input}, {output} }}\n")
}

#[test]
fn the_example_of_the_page_of_the_format_works() {
    let page = include_str!("../pipelines/README.md");
    let section = page.split("### Several files\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let project = Project::new("");
    for file in section.split("```yaml\n# ").skip(1) {
        let (name, text) = file.split("```").next().unwrap().split_once('\n').unwrap();
        project.write(name, text);
    }
    assert_eq!(ran(&project, &[]).stages, ["dev.profile", "numbers", "table"]);
    assert_eq!(result(&project, "table/table.txt"), "1\t1\n2\t2\n3\t3\n4\t\n5\t\n6\t\n7\t\n7 3\n");
    assert_eq!(ran(&project, &["--set", "params.dev.rounds=1"]).stages, ["dev.profile", "table"]);
    assert_eq!(ok(&project, &["get", "dev.profile.times", "--set", "params.dev.rounds=1"]), "1\n");
    assert_eq!(ran(&project, &["dev.profile"]).fresh, 1);
    assert!(ok(&project, &["why", "dev.profile"]).contains("`dev.profile` is fresh"));
    assert!(ok(&project, &["show", "table"]).contains("in   times ← dev.profile.times"));
}

#[test]
fn values_mean_what_they_mean_where_they_stand() {
    let project = Project::new(&format!(
        "include: [{{ file: parts/one.yaml, as: one }}, {{ file: parts/one.yaml, as: two }}]
params: {{ word: ours, whole: '${{params.one.word}}+${{params.two.deep.word}}' }}
stages:\n{}{}{}",
        says("word", "${params.word} ${params.whole}"),
        copies("copy", "one.copy.o"),
        copies("deep", "two.deep.word.o"),
    ));
    // The file that this one includes is found beside it, and both files have names that the pipeline has as well.
    let one = format!(
        "include: [{{ file: more/deep.yaml, as: deep }}]\nparams: {{ word: of one, kept: '$${{HOME}}' }}\nstages:\n{}{}{}",
        says("word", "${params.word} ${params.deep.word} ${params.kept}"),
        copies("copy", "word.o"),
        copies("file", "file:word.txt"),
    );
    project.write("parts/one.yaml", one);
    project.write(
        "parts/more/deep.yaml",
        format!("params: {{ word: deep }}\nstages:\n{}", says("word", "${params.word}")),
    );
    project.write("word.txt", "at the root\n");
    project.write("parts/word.txt", "beside the included file\n");
    let all = ran(&project, &["--set", "params.two.word=set", "--set", "params.two.deep.word=set too"]);
    assert_eq!(all.events[0]["total"], 11);
    for (stage, text) in [
        ("word", "ours of one+set too"),
        ("one.word", "of one deep ${HOME}"),
        ("two.word", "set set too ${HOME}"),
        ("one.deep.word", "deep"),
        ("two.deep.word", "set too"),
        ("copy", "of one deep ${HOME}"),
        ("one.copy", "of one deep ${HOME}"),
        ("deep", "set too"),
        ("one.file", "at the root"),
    ] {
        assert_eq!(result(&project, &format!("{stage}/o.txt")), format!("{text}\n"), "{stage}");
    }
    let runs = ok(&project, &["runs", "--json"]);
    let run: Json = serde_json::from_str(runs.lines().next().unwrap()).unwrap();
    let noted = project.path(&format!("artifacts/runs/v1/{}/pipeline.json", run["id"].as_str().unwrap()));
    let noted: Json = serde_json::from_slice(&fs_err::read(noted).unwrap()).unwrap();
    let one = json!({ "word": "of one", "kept": "${HOME}", "deep": { "word": "deep" } });
    let two = json!({ "word": "set", "kept": "${HOME}", "deep": { "word": "set too" } });
    assert_eq!(noted["params"], json!({ "word": "ours", "whole": "of one+set too", "one": one, "two": two }));
}

#[test]
fn without_a_namespace_all_files_see_all_names() {
    let project = Project::new(&format!(
        "include: [a.yaml, b.yaml]\nparams: {{ x: '${{params.b}}' }}\nstages:\n{}",
        copies("end", "a.o")
    ));
    project.write("a.yaml", format!("include: [common.yaml]\nstages:\n{}", says("a", "${params.x} ${params.c}")));
    // Both include what they share; it comes once.
    project.write("b.yaml", "include: [./common.yaml]\nparams: { b: from b }\n");
    project.write("common.yaml", "version: 1\nparams: { c: from c }\n");
    assert_eq!(ran(&project, &[]).stages, ["a", "end"]);
    assert_eq!(result(&project, "end/o.txt"), "from b from c\n");
    assert_eq!(ran(&project, &["--set", "params.c=set"]).stages, ["a", "end"]);
    assert_eq!(result(&project, "end/o.txt"), "from b set\n");
}

#[test]
fn a_stage_that_moves_to_another_file_keeps_its_results() {
    let stages = says("a", "one") + &copies("b", "a.o");
    let project = Project::new(&format!("stages:\n{stages}{}", copies("c", "b.o")));
    assert_eq!(ran(&project, &[]).stages, ["a", "b", "c"]);
    let before = keys(&project);
    project.write("pipeline.yaml", format!("include: [ab.yaml]\nstages:\n{}", copies("c", "b.o")));
    project.write("ab.yaml", format!("stages:\n{stages}"));
    assert_eq!(ran(&project, &[]).fresh, 3);
    assert_eq!(keys(&project), before);
    project.write("pipeline.yaml", format!("include: [{{ file: ab.yaml, as: x }}]\nstages:\n{}", copies("c", "x.b.o")));
    let moved = ran(&project, &[]);
    assert_eq!((moved.stages.len(), moved.fresh), (0, 3));
    let after = keys(&project);
    assert_eq!(after["x.a"], before["a"]);
    assert_eq!(after["x.b"], before["b"]);
    assert_eq!(after["c"], before["c"]);
    assert_eq!(result(&project, "x.b/o.txt"), "one\n");
}

/// Runs, and tells whether it went by the note of an earlier run, and what ran.
fn run(project: &Project, words: &[&str]) -> (bool, Vec<String>) {
    let output = project.command(&[&["run", "--json"], words].concat()).env("NNF_LOG", "nnf=debug").output().unwrap();
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(0), "{err}");
    let last: Json = serde_json::from_str(out.lines().last().unwrap()).unwrap();
    let ran = last["ran"].as_array().unwrap().iter().map(|ran| ran["stage"].as_str().unwrap().to_owned()).collect();
    (err.contains(SAID), ran)
}

/// A project of three files that has run, with a note that nothing is left to do.
fn settled() -> Project {
    let project =
        Project::new(&format!("include: [a.yaml, {{ file: sub/b.yaml, as: b }}]\nstages:\n{}", says("own", "own")));
    project.write("a.yaml", format!("params: {{ a: a1 }}\nstages:\n{}", says("a", "${params.a}")));
    project.write(
        "sub/b.yaml",
        format!("include: [c.yaml]\nstages:\n{}{}", says("b", "${params.c}"), copies("end", "b.o")),
    );
    project.write("sub/c.yaml", "params: { c: c1 }\n");
    std::thread::sleep(Duration::from_millis(2100));
    assert_eq!(run(&project, &[]).1.len(), 4);
    assert_eq!(run(&project, &[]), (true, vec![]));
    project
}

#[test]
fn a_second_run_sees_a_change_in_each_of_the_files() {
    let project = settled();
    project.write("sub/c.yaml", "params: { c: c2 }\n");
    assert_eq!(run(&project, &[]), (false, vec!["b.b".into(), "b.end".into()]));
    assert_eq!(result(&project, "b.end/o.txt"), "c2\n");
    project.write("a.yaml", format!("params: {{ a: a2 }}\nstages:\n{}", says("a", "${params.a}")));
    assert_eq!(run(&project, &[]), (false, vec!["a".into()]));
    // What changes no stage runs none.
    project.write("sub/c.yaml", "# what it was\nparams: { c: c2, d: more }\n");
    assert_eq!(run(&project, &[]), (false, vec![]));
    assert_eq!(run(&project, &[]), (true, vec![]));
    // The same once more under other overrides, and without the remote store.
    assert_eq!(run(&project, &["--set", "params.b.c=c1"]), (false, vec![]));
    assert_eq!(run(&project, &["--offline"]).1, Vec::<String>::new());
    fs_err::remove_file(project.path("sub/c.yaml")).unwrap();
    let gone = project.nnf(&["run"]);
    assert!(gone.code == Some(2) && gone.err.contains("there is no file `sub/c.yaml`"), "{gone:?}");
}

#[test]
fn an_included_link_that_leads_elsewhere_is_noticed() {
    use fs_err::os::unix::fs::symlink;
    let project = settled();
    let text = fs_err::read_to_string(project.path("sub/c.yaml")).unwrap();
    project.write("other.yaml", &text);
    fs_err::remove_file(project.path("sub/c.yaml")).unwrap();
    symlink("../other.yaml", project.path("sub/c.yaml")).unwrap();
    assert_eq!(run(&project, &[]), (false, vec![]));
    assert_eq!(run(&project, &[]), (true, vec![]));
    project.write("other.yaml", "params: { c: c2 }\n");
    assert_eq!(run(&project, &[]).1, ["b.b", "b.end"]);
    // The same text, but outside of the root.
    fs_err::write(project.path("../outside.yaml"), "params: { c: c2 }\n").unwrap();
    fs_err::remove_file(project.path("sub/c.yaml")).unwrap();
    symlink("../../outside.yaml", project.path("sub/c.yaml")).unwrap();
    let outside = project.nnf(&["run"]);
    assert!(
        outside.code == Some(2) && outside.err.contains("`c.yaml` lies outside the pipeline's root"),
        "{outside:?}"
    );
}

#[test]
fn a_link_to_what_another_file_includes_already_is_noticed_when_it_leads_elsewhere() {
    let project = Project::new(&format!("include: [a.yaml, b.yaml]\nstages:\n{}", says("z", "${params.p}")));
    project.write("a.yaml", "include: [x.yaml]\n");
    project.write("b.yaml", "include: [y.yaml]\n");
    project.write("common.yaml", "params: { p: 1 }\n");
    project.write("other.yaml", "params: { p: 2 }\n");
    let link = |from: &str, to: &str| {
        let _ = fs_err::remove_file(project.path(from));
        fs_err::os::unix::fs::symlink(to, project.path(from)).unwrap();
    };
    link("x.yaml", "common.yaml");
    link("y.yaml", "common.yaml");
    ok(&project, &["run"]);
    // Only the second way to the file that both included leads to another one now.
    link("y.yaml", "other.yaml");
    let outcome = project.nnf(&["run"]);
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert!(outcome.err.contains("parameter `p` stands in two files"), "{}", outcome.err);
}

#[test]
fn a_pipeline_that_is_remembered_points_into_its_files() {
    let project = Project::new("include: [{ file: sub/b.yaml, as: b }]\n");
    project.write("sub/b.yaml", "# a line\nstages:\n  b: { run: [no-such-program, '{out.o}'], out: { o: } }\n");
    ok(&project, &["show"]);
    // By now it is remembered, also where it is called by another path.
    for (folder, file, shown) in [("", "pipeline.yaml", "sub/b.yaml"), ("sub", "../pipeline.yaml", "../sub/b.yaml")] {
        let mut command = project.command(&["run", file]);
        let output = command.current_dir(project.path(folder)).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(&format!("--> {shown}:3:14")), "{said}");
        assert!(said.contains("^^^^^^^^^^^^^^^"), "{said}");
    }
}

#[test]
fn instances_of_a_namespace_are_gathered_and_named() {
    let project = Project::new(
        "include: [{ file: devices.yaml, as: dev }]
stages:
  all:
    run: [sh, -c, 'cat {in.all} {in.one} > {out.o}; echo ${each.device} >> {out.o}']
    each: { device: '${params.dev.devices}' }
    in: { all: 'dev.more[*].o', one: dev.profile.o }
    out: { o: text/plain }
  b: { run: [cp, '{in.x}', '{out.o}'], in: { x: 'dev.profile[device=b].o' }, out: { o: text/plain } }
report:
  - { output: 'dev.profile[*].o' }
  - { output: 'dev.more[other=1].o' }
",
    );
    project.write(
        "devices.yaml",
        "params: { devices: [a, b] }
stages:
  profile: { run: [sh, -c, 'echo ${each.device} > {out.o}'], each: { device: '${params.devices}' }, out: { o: text/plain } }
  more: { run: [sh, -c, 'echo m${each.other} > {out.o}'], each: { other: [1, 2] }, in: { p: 'profile[device=a].record' }, out: { o: text/plain } }
",
    );
    assert_eq!(ran(&project, &[]).stages.len(), 7);
    assert_eq!(result(&project, "all[device=b]/o.txt"), "m1\nm2\nb\nb\n");
    assert_eq!(result(&project, "b/o.txt"), "b\n");
    assert_eq!(ok(&project, &["get", "dev.profile[device=b].o"]), "b\n");
    let page = ok(&project, &["report", "-o", "-"]);
    assert!(page.contains("dev.profile[device=b]") && page.contains("dev.more[other=1]"));
}

#[test]
fn the_root_may_rest_on_a_file_that_is_included() {
    let project = Project::new("");
    project
        .write("deep/p.yaml", format!("include: [common.yaml]\nroot: '${{params.up}}'\nstages:\n{}", says("a", "x")));
    project.write("deep/common.yaml", "params: { up: .. }\n");
    assert_eq!(ran(&project, &["deep/p.yaml"]).stages, ["a"]);
    assert!(project.path("artifacts/latest/p/a/o.txt").is_file());
    ok(&project, &["gc", "deep/p.yaml"]);
    assert!(ok(&project, &["verify", "deep/p.yaml"]).contains('1'));
    project.write("deep/common.yaml", "params: { up: . }\n");
    project.write("deep/p.yaml", "include: [../common.yaml]\nroot: '${params.up}'\n");
    project.write("common.yaml", format!("params: {{ up: . }}\nstages:\n{}", says("a", "x")));
    let outside = project.nnf(&["plan", "deep/p.yaml"]);
    assert!(
        outside.code == Some(2) && outside.err.contains("lies outside the pipeline's root, ROOT/deep"),
        "{outside:?}"
    );
}

/// A program that offers one kind, which writes a word.
fn program(project: &Project, file: &str, kind: &str, word: &str) {
    let kind = json!({
        "name": kind, "summary": "Says a word.", "fingerprint": word,
        "outputs": [{ "name": "text", "media": "text/plain", "doc": "The word." }]
    });
    let described = json!({ "contract": 1, "program": word, "version": "1", "kinds": [kind] });
    project.write(
        file,
        format!(
            "if test \"$1\" = describe; then echo {word} >> asked; echo '{described}'; exit; fi
echo {word} > \"$(sed -n 's/^ *\"text\": \"\\(.*\\)\".*$/\\1/p' \"$4\")\"\n"
        ),
    );
}

#[test]
fn a_namespace_has_programs_of_its_own_and_each_is_asked_once() {
    let project = Project::new(
        "include: [shared.yaml, { file: other.yaml, as: other }, { file: other.yaml, as: again }, { file: run.yaml, as: run }]
programs: { own: { run: [sh, own.sh], code: [own.sh] } }
stages:
  a: { use: say.word }
  b: { use: shared.word }
",
    );
    program(&project, "own.sh", "say.word", "own");
    program(&project, "shared.sh", "shared.word", "shared");
    program(&project, "other.sh", "say.word", "other");
    project.write("shared.yaml", "programs: { shared: { run: [sh, shared.sh], code: [shared.sh] } }\n");
    project.write(
        "other.yaml",
        "programs: { own: { run: [sh, other.sh], code: [other.sh] } }\nstages:\n  a: { use: say.word }\n",
    );
    // It lists no programs, and needs none.
    project.write("run.yaml", format!("stages:\n{}", says("a", "none")));
    assert_eq!(ok(&project, &["show"]).lines().filter(|line| line.ends_with(".word)")).count(), 4);
    let asked = || {
        let text = fs_err::read_to_string(project.path("asked")).unwrap();
        fs_err::remove_file(project.path("asked")).unwrap();
        text.lines().map(str::to_owned).collect::<BTreeSet<_>>().len() == text.lines().count()
    };
    assert!(asked(), "each is asked once");
    ok(&project, &["show"]);
    assert!(asked(), "each is asked once where the pipeline is remembered");
    // What is the same work runs once.
    assert_eq!(ran(&project, &[]).stages.len(), 4);
    for (stage, word) in [("a", "own"), ("b", "shared"), ("other.a", "other"), ("again.a", "other")] {
        assert_eq!(result(&project, &format!("{stage}/text.txt")), format!("{word}\n"), "{stage}");
    }
    assert_eq!(ok(&project, &["describe"]).lines().count(), 3);
    fs_err::rename(project.path("shared.yaml"), project.path("moved.yaml")).unwrap();
    let gone = project.nnf(&["describe"]);
    assert!(gone.code == Some(2) && gone.err.contains(" --> pipeline.yaml:1:11\n"), "{gone:?}");
    fs_err::rename(project.path("moved.yaml"), project.path("shared.yaml")).unwrap();
    let schema: Json = serde_json::from_str(&ok(&project, &["schema"])).unwrap();
    assert_eq!(schema["properties"]["include"]["items"]["anyOf"][1]["required"], json!(["file"]));
    assert!(
        schema["properties"]["name"]["description"].as_str().unwrap().starts_with("names the pipeline's results under")
    );
    let kinds = &schema["$defs"]["stage"]["properties"]["use"]["enum"];
    assert!(["say.word", "shared.word"].iter().all(|kind| kinds.as_array().unwrap().contains(&json!(kind))), "{kinds}");
    // A change of the program in one namespace reruns what uses it.
    program(&project, "other.sh", "say.word", "changed");
    assert_eq!(ran(&project, &["a", "b", "other.a"]).stages, ["other.a"]);
}

//! Kinds of stage programs: what a program is given, what it may say, checkpoints, and stages that measure.

#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "support/ran.rs"]
mod ran;
mod support;

use ran::ran;
use serde_json::{Value as Json, json};
use support::Project;

/// A stage program in shell: it finds its way through `task.json`, which has one field a line.
const PROGRAM: &str = r#"
if test "$1" = describe; then cat "$(dirname "$0")/kinds.json"; exit; fi
kind=$2 task=$4
field() { sed -n "s/^ *\"$1\": \"*\([^\",]*\)\"*,*$/\1/p" "$task" | head -n 1; }
out=$(field text) events=$(field events)
say() { echo "$1" >> "$events"; }
case $kind in
  double.make)
    i=0
    while test $i -lt "$(field times)"; do field word >> "$out"; i=$((i + 1)); say "{\"event\":\"progress\",\"done\":$i,\"unit\":\"lines\"}"; done
    say '{"event":"metrics","values":{"loss":2.5}}'
    say '{"event":"metrics","step":7,"values":{"loss":0.5,"share":1}}'
    say 'no event at all'
    say '{"event":"note","text":"nearly there"}' ;;
  double.join) cat "$(field one)" $(sed -n 's/^ *"path": "\(.*\)".*$/\1/p' "$task") > "$out" ;;
  double.count)
    kept=$(field checkpoint)/count
    n=$(cat "$kept" 2>/dev/null || echo 0)
    echo $((n + 1)) > "$kept"
    test $((n + 1)) -ge 3 || exit 5
    cp "$kept" "$out" ;;
  double.measure) field platform > "$out" ;;
esac
"#;

fn kinds() -> Json {
    let out = json!([{ "name": "text", "media": "text/plain", "doc": "The text." }]);
    let input = |name: &str, many: bool| json!({ "name": name, "media": "text/plain", "doc": "A text.", "many": many, "optional": many });
    json!({
        "contract": 1, "program": "double", "version": "7", "libraries": { "libdouble": "3.1" },
        "kinds": [
            { "name": "double.make", "summary": "Makes a text.", "fingerprint": "f1", "outputs": out, "parameters": [
                { "name": "times", "type": { "is": "int", "min": 1, "max": 9 }, "default": 2, "unit": "lines", "doc": "Lines." },
                { "name": "rate", "type": { "is": "float" }, "default": 1.0, "doc": "A number." },
                { "name": "mirror", "type": { "is": "string" }, "default": "", "keyed": false, "doc": "Where from." },
                { "name": "word", "type": { "is": "string" }, "doc": "What to write." }
            ] },
            { "name": "double.join", "summary": "Joins texts.", "fingerprint": "f1", "outputs": out, "inputs": [input("base", false), input("parts", true)] },
            { "name": "double.count", "summary": "Counts its attempts.", "fingerprint": "f1", "outputs": out, "resumes": true },
            { "name": "double.measure", "summary": "Measures.", "fingerprint": "f1", "outputs": out, "measures": true }
        ]
    })
}

fn project(stages: &str) -> Project {
    let project = Project::new(&format!(
        "programs: {{ double: {{ run: [sh, double.sh], code: [double.sh, kinds.json] }} }}\nstages:\n{stages}"
    ));
    project.write("double.sh", PROGRAM);
    project.write("kinds.json", kinds().to_string());
    project
}

fn get(project: &Project, output: &str) -> String {
    let outcome = project.nnf(&["get", output]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    outcome.out
}

fn record(project: &Project, stage: &str) -> Json {
    serde_json::from_str(&get(project, &format!("{stage}.record"))).unwrap()
}

#[test]
fn parameters_have_their_defaults_and_inputs_their_labels() {
    let project = project(
        "  make: { use: double.make, each: { word: [b, a] }, with: { word: '${each.word}', times: 1 } }
  join: { use: double.join, in: { base: 'file:base.txt', parts: 'make[*].text' } }
",
    );
    project.write("base.txt", "base\n");
    assert_eq!(ran(&project, &[]).stages, ["join", "make[word=a]", "make[word=b]"]);
    assert_eq!(get(&project, "join.text"), "base\na\nb\n");
    let document: Json = serde_json::from_str(record(&project, "make[word=a]")["document"].as_str().unwrap()).unwrap();
    assert_eq!(document["with"], json!({ "rate": 1.0, "times": 1, "word": "a" }));
}

#[test]
fn the_same_value_in_other_words_is_the_same_work() {
    let make = |with: &str| {
        format!(
            "programs: {{ double: {{ run: [sh, double.sh], code: [double.sh, kinds.json] }} }}\nstages:\n  make: {{ use: double.make, with: {{ {with} }} }}\n"
        )
    };
    let project = project("  make: { use: double.make, with: { word: x } }\n");
    assert_eq!(ran(&project, &[]).stages, ["make"]);
    for with in [
        "word: 'x', times: 2",
        "word: x, times: 2.0, rate: 1",
        "word: x, mirror: 'https://example.org'",
        "times: 0x2, word: \"x\", rate: 1e0",
    ] {
        project.write("pipeline.yaml", make(with));
        assert_eq!(ran(&project, &[]).stages, [""; 0], "{with}");
    }
    project.write("pipeline.yaml", make("word: x, rate: 1.5"));
    assert_eq!(ran(&project, &[]).stages, ["make"]);
}

#[test]
fn code_of_a_program_and_its_fingerprints_are_keyed() {
    let project = project("  make: { use: double.make, with: { word: x } }\n  count: { use: double.measure }\n");
    assert_eq!(ran(&project, &[]).stages, ["count", "make"]);
    project.write("kinds.json", kinds().to_string().replacen("\"f1\"", "\"f2\"", 1));
    let again = ran(&project, &[]);
    assert_eq!(again.stages, ["count", "make"], "a listed file of code is code of all kinds");
    assert_eq!(again.events[1]["because"], "code changed");
    // Where the program itself is trusted with fingerprints, only the kind whose code changed runs again.
    let text = fs_err::read_to_string(project.path("pipeline.yaml")).unwrap();
    project.write("pipeline.yaml", text.replace("[sh, double.sh], code: [double.sh, kinds.json]", "[./double]"));
    project.write("double", format!("#!/bin/sh\n{PROGRAM}"));
    fs_err::set_permissions(project.path("double"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    assert_eq!(ran(&project, &[]).stages, ["count", "make"]);
    project.write("kinds.json", kinds().to_string().replacen("\"f1\"", "\"f3\"", 1));
    assert_eq!(ran(&project, &[]).stages, ["make"]);
}

/// A folder of code looks the same when a file in it is changed, and yet the program may answer otherwise.
#[test]
fn a_program_is_asked_anew_when_code_in_a_folder_changes() {
    let project = Project::new(
        "programs: { double: { run: [sh, lib/double.sh], code: [lib] } }
stages:
  make: { use: double.make, with: { word: x } }
",
    );
    project.write("lib/double.sh", PROGRAM);
    project.write("lib/kinds.json", kinds().to_string());
    // An answer is remembered once the files have rested.
    std::thread::sleep(std::time::Duration::from_millis(3100));
    assert_eq!(ran(&project, &[]).stages, ["make"]);
    assert_eq!(get(&project, "make.text"), "x\nx\n");
    let record = record(&project, "make");
    let (_, code) = record["document"].as_str().unwrap().split_once("f1+").unwrap();
    assert!(code.bytes().take_while(u8::is_ascii_hexdigit).count() == 64, "the whole digest is keyed: {code}");
    project.write("lib/kinds.json", kinds().to_string().replacen("\"default\":2", "\"default\":3", 1));
    assert_eq!(ran(&project, &[]).stages, ["make"]);
    assert_eq!(get(&project, "make.text"), "x\nx\nx\n");
}

/// Python would leave its bytecode among the files of the code.
#[test]
fn a_program_is_told_to_leave_no_bytecode() {
    let project = project("  make: { use: double.make, with: { word: x } }\n");
    let told = "test \"$1\" != describe || test \"$PYTHONDONTWRITEBYTECODE\" = 1 || exit 1";
    project.write("double.sh", format!("{told}\n{PROGRAM}"));
    assert_eq!(ran(&project, &[]).stages, ["make"]);
}

#[test]
fn a_program_that_is_replaced_during_a_run_makes_no_record() {
    for change in ["echo true >> double.sh", "mv double.sh old; cp old double.sh", "echo >> kinds.json"] {
        let project = project(&format!(
            "  first: {{ run: [sh, -c, '{change}; echo word > {{out.x}}'], out: {{ x: text/plain }} }}
  join: {{ use: double.join, in: {{ base: first.x }} }}
"
        ));
        let outcome = project.nnf(&["run"]);
        assert_eq!(outcome.code, Some(1), "{change}: {outcome:?}");
        let said = "error: stage `join` failed: its program was changed while the run went on, so nothing was recorded";
        assert!(outcome.err.contains(said), "{change}: {}", outcome.err);
        assert_eq!(ran(&project, &[]).stages, ["join"], "{change}");
    }
}

/// Paths are bytes, and those in a task are text.
#[test]
#[cfg(target_os = "linux")]
fn a_task_that_cannot_be_written_down_says_so() {
    use std::os::unix::ffi::OsStrExt;
    let project = project("  make: { use: double.make, with: { word: x } }\n");
    let odd = project.path("").parent().unwrap().join(std::ffi::OsStr::from_bytes(b"odd\xff"));
    let mut command = project.command(&["run"]);
    fs_err::rename(project.path(""), &odd).unwrap();
    let output = command.current_dir(&odd).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("stage `make` failed: its task cannot be written down: "), "{said}");
}

#[test]
fn what_a_stage_says_is_shown_and_its_last_metrics_are_recorded() {
    let project = project("  make: { use: double.make, with: { word: x } }\n");
    let events = ran(&project, &[]).events;
    let said: Vec<&Json> =
        events.iter().filter(|e| ["progress", "metrics", "note"].iter().any(|kind| e["event"] == *kind)).collect();
    assert_eq!(*said[0], json!({ "event": "progress", "stage": "make", "done": 1, "total": null, "unit": "lines" }));
    assert_eq!(
        *said[3],
        json!({ "event": "metrics", "stage": "make", "step": 7, "values": { "loss": 0.5, "share": 1.0 } })
    );
    assert_eq!(*said[4], json!({ "event": "note", "stage": "make", "text": "nearly there" }));
    // The last one tells of the lines that are no events.
    let told = said[5]["text"].as_str().unwrap();
    assert!(said.len() == 6 && told.contains("left out; the first, line"), "{said:?}");
    let record = record(&project, "make");
    assert_eq!(record["metrics"], json!({ "loss": 0.5, "share": 1.0 }));
    assert_eq!((&record["environment"]["double"], &record["environment"]["libdouble"]), (&json!("7"), &json!("3.1")));
}

#[test]
fn a_stage_resumes_from_its_checkpoint_until_it_is_done() {
    let project = project("  count: { use: double.count, retries: 1 }\n");
    assert_eq!(project.nnf(&["run"]).code, Some(1), "two attempts are too few");
    let kept = || fs_err::read_dir(project.path("artifacts/checkpoints/v1")).unwrap().count();
    assert_eq!(kept(), 1);
    assert_eq!(ran(&project, &[]).stages, ["count"]);
    assert_eq!(get(&project, "count.text"), "3\n");
    assert_eq!(kept(), 0, "a finished stage needs no checkpoint");
}

#[test]
fn checkpoints_can_be_ignored_and_belong_to_one_key() {
    let project = project("  count: { use: double.count, retries: 1, env: { SEED: '1' } }\n");
    assert_eq!(project.nnf(&["run"]).code, Some(1));
    assert_eq!(project.nnf(&["run", "--no-resume"]).code, Some(1), "it begins anew");
    let text = fs_err::read_to_string(project.path("pipeline.yaml")).unwrap();
    project.write("pipeline.yaml", text.replace("SEED: '1'", "SEED: '2'"));
    assert_eq!(project.nnf(&["run"]).code, Some(1), "other work has its own");
    assert_eq!(project.nnf(&["run"]).code, Some(0));
}

#[test]
fn a_measurement_knows_its_machine_and_only_that() {
    let project = project("  measure: { use: double.measure }\n  make: { use: double.make, with: { word: x } }\n");
    ran(&project, &[]);
    let machine = |stage: &str| {
        let document: Json = serde_json::from_str(record(&project, stage)["document"].as_str().unwrap()).unwrap();
        document.get("machine").cloned()
    };
    let measured = machine("measure").unwrap();
    assert_eq!(machine("make"), None);
    let mut names: Vec<&str> = measured.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["cores", "cpu", "gpus", "memory_gib", "platform"]);
    assert!(!get(&project, "measure.text").trim().is_empty(), "the stage is told, too");
}

#[test]
fn kinds_describe_themselves() {
    let project = project("  make: { use: double.make, with: { word: x } }\n");
    insta::assert_snapshot!(project.nnf(&["describe"]).out, @r"
    double.make              Makes a text.
    double.join              Joins texts.
    double.count             Counts its attempts.
    double.measure           Measures.
    ");
    insta::assert_snapshot!(project.nnf(&["describe", "double.make"]).out, @r#"
    double.make: Makes a text.
      with times (a whole number from 1 to 9 lines, default 2): Lines.
      with rate (a number, default 1.0): A number.
      with mirror (text, default "", not keyed): Where from.
      with word (text, required): What to write.
      out  text (text/plain): The text.
    "#);
    let wrong = project.nnf(&["describe", "double.mkae"]);
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.err.ends_with("hint: did you mean `double.make`?\n\n"), "{}", wrong.err);
    let lines = project.nnf(&["describe", "--json"]).out;
    let first: Json = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!((lines.lines().count(), &first["name"]), (4, &json!("double.make")));
    let schema: Json = serde_json::from_str(&project.nnf(&["schema"]).out).unwrap();
    assert!(schema.to_string().contains("\"double.make\""), "{schema}");
}

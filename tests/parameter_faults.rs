//! Stages that do not fit the kind that they use: unknown, misspelt and mistyped parameters, values out of range.

#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "support/faults.rs"]
mod faults;
mod support;

use faults::{faults, faults_of};
use support::Project;

/// A project with a stage program that offers two kinds.
fn with_kinds(stages: &str) -> Project {
    let project =
        Project::new(&format!("programs: {{ double: {{ run: [sh, double.sh], code: [double.sh] }} }}\n{stages}"));
    project.write("double.sh", format!("cat <<'END'\n{DESCRIPTION}\nEND\n"));
    project
}

const DESCRIPTION: &str = r#"{
  "contract": 1, "program": "double", "version": "1",
  "kinds": [
    { "name": "double.make", "summary": "Makes a text.", "fingerprint": "1",
      "outputs": [{ "name": "text", "media": "text/plain", "doc": "The text." }],
      "parameters": [
        { "name": "times", "type": { "is": "int", "min": 1, "max": 9 }, "unit": "lines", "default": 2, "doc": "Lines to write." },
        { "name": "rate", "type": { "is": "float", "min": 0.0, "max": 1.0 }, "default": 0.5, "doc": "Share that is kept." },
        { "name": "mode", "type": { "is": "choice", "of": ["fast", "exact"] }, "default": "fast", "doc": "How." },
        { "name": "loud", "type": { "is": "bool" }, "default": false, "doc": "Whether in capitals." },
        { "name": "word", "type": { "is": "string" }, "doc": "The word to write." },
        { "name": "sizes", "type": { "is": "list", "items": { "is": "int", "min": 1 } }, "default": [1], "doc": "Sizes." }
      ] },
    { "name": "double.join", "summary": "Joins texts.", "fingerprint": "1",
      "inputs": [
        { "name": "base", "media": "text/plain", "doc": "What to begin with." },
        { "name": "parts", "media": "text/plain", "doc": "What to add.", "optional": true, "many": true }
      ],
      "outputs": [{ "name": "text", "media": "text/plain", "doc": "The text." }] }
  ]
}"#;

#[test]
fn an_unknown_kind() {
    let project = with_kinds("stages:\n  a: { use: double.mke, with: { word: x } }\n");
    insta::assert_snapshot!(faults_of(&project, &["run"]), @r"
    error: no program offers the kind `double.mke`
     --> pipeline.yaml:3:13
      |
    3 |   a: { use: double.mke, with: { word: x } }
      |             ^^^^^^^^^^
    hint: did you mean `double.make`?
    ");
}

#[test]
fn a_misspelt_parameter() {
    let project = with_kinds("stages:\n  a: { use: double.make, with: { word: x, tims: 3 } }\n");
    insta::assert_snapshot!(faults_of(&project, &["run"]), @r"
    error: kind `double.make` has no parameter `tims`
     --> pipeline.yaml:3:43
      |
    3 |   a: { use: double.make, with: { word: x, tims: 3 } }
      |                                           ^^^^
    hint: did you mean `times`?
    ");
}

#[test]
fn parameters_of_the_wrong_type() {
    let project = with_kinds(
        "stages:
  a:
    use: double.make
    with:
      word: 7
      times: '3'
      rate: fast
      mode: fsat
      loud: yes
      sizes: [1, two]
",
    );
    insta::assert_snapshot!(faults_of(&project, &["run"]), @r"
    error: `word` is text, but here stands a whole number (7)
     --> pipeline.yaml:6:13
      |
    6 |       word: 7
      |             ^
    hint: write it in quotes: `'7'`

    error: `times` is a whole number from 1 to 9 lines, but here stands the text `3`
     --> pipeline.yaml:7:14
      |
    7 |       times: '3'
      |              ^^^
    hint: leave the quotes out

    error: `rate` is a number from 0 to 1, but here stands the text `fast`
     --> pipeline.yaml:8:13
      |
    8 |       rate: fast
      |             ^^^^

    error: `mode` is one of fast, exact, but here stands `fsat`
     --> pipeline.yaml:9:13
      |
    9 |       mode: fsat
      |             ^^^^
    hint: did you mean `fast`?

    error: `loud` is `true` or `false`, but here stands the text `yes`
      --> pipeline.yaml:10:13
       |
    10 |       loud: yes
       |             ^^^
    hint: write it as `true`

    error: `sizes[1]` is a whole number of at least 1, but here stands the text `two`
      --> pipeline.yaml:11:18
       |
    11 |       sizes: [1, two]
       |                  ^^^

    6 faults; nothing was run
    ");
}

#[test]
fn values_out_of_the_declared_range() {
    let project =
        with_kinds("stages:\n  a: { use: double.make, with: { word: x, times: 10, rate: 1.5, sizes: [0] } }\n");
    insta::assert_snapshot!(faults_of(&project, &["run"]), @r"
    error: `times` is a whole number from 1 to 9 lines, but here stands 10
     --> pipeline.yaml:3:50
      |
    3 |   a: { use: double.make, with: { word: x, times: 10, rate: 1.5, sizes: [0] } }
      |                                                  ^^

    error: `rate` is a number from 0 to 1, but here stands 1.5
     --> pipeline.yaml:3:60
      |
    3 |   a: { use: double.make, with: { word: x, times: 10, rate: 1.5, sizes: [0] } }
      |                                                            ^^^

    error: `sizes[0]` is a whole number of at least 1, but here stands 0
     --> pipeline.yaml:3:73
      |
    3 |   a: { use: double.make, with: { word: x, times: 10, rate: 1.5, sizes: [0] } }
      |                                                                         ^

    3 faults; nothing was run
    ");
}

#[test]
fn a_missing_parameter_and_a_missing_input() {
    let project = with_kinds("stages:\n  a: { use: double.make }\n  b: { use: double.join, in: { bas: a.text } }\n");
    insta::assert_snapshot!(faults_of(&project, &["run"]), @r"
    error: stage `a` lacks parameter `word`: The word to write.
     --> pipeline.yaml:3:3
      |
    3 |   a: { use: double.make }
      |   ^
    hint: add `word` under `with`; it is text

    error: stage `b` lacks input `base`: What to begin with.
     --> pipeline.yaml:4:3
      |
    4 |   b: { use: double.join, in: { bas: a.text } }
      |   ^
    hint: add `base: STAGE.OUTPUT` under `in`

    error: kind `double.join` has no input `bas`
     --> pipeline.yaml:4:32
      |
    4 |   b: { use: double.join, in: { bas: a.text } }
      |                                ^^^
    hint: did you mean `base`?

    3 faults; nothing was run
    ");
}

#[test]
fn a_program_that_is_not_there_or_says_nothing_of_use() {
    let pipeline = "programs:
  gone: no-such-program
  mute: 'true'
  sick: [sh, -c, 'echo out of order >&2; exit 3']
stages:
  a: { use: x }
";
    insta::assert_snapshot!(faults(pipeline), @r"
    error: program `gone`: there is no program `no-such-program`
     --> pipeline.yaml:2:3
      |
    2 |   gone: no-such-program
      |   ^^^^
    hint: it is neither beside nnf nor in PATH

    error: program `mute`: `describe` printed no description: EOF while parsing a value at line 1 column 0
     --> pipeline.yaml:3:3
      |
    3 |   mute: 'true'
      |   ^^^^
    hint: a stage program answers `describe` with a JSON document; any other command is a stage with `run`

    error: program `sick`: `describe` failed (exit status: 3): out of order
     --> pipeline.yaml:4:3
      |
    4 |   sick: [sh, -c, 'echo out of order >&2; exit 3']
      |   ^^^^

    3 faults; nothing was run
    ");
}

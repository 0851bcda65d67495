//! Pipeline files that cannot be read as one: each message says what is wrong, where, and what to do about it.

#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "support/faults.rs"]
mod faults;
mod support;

use faults::{faults, faults_of};
use support::Project;

#[test]
fn an_unknown_key_is_an_error_wherever_it_stands() {
    let stage = "stages:
  sort:
    run: [sh, -c, 'sort {in.names} > {out.sorted}']
    in: { names: 'file:pipeline.yaml' }
    out: { sorted: text/plain }
    timeuot: 5s
param: { x: 1 }
";
    insta::assert_snapshot!(faults(stage), @r"
    error: a stage has no key `timeuot`
     --> pipeline.yaml:6:5
      |
    6 |     timeuot: 5s
      |     ^^^^^^^
    hint: did you mean `timeout`?

    error: a pipeline has no key `param`
     --> pipeline.yaml:7:1
      |
    7 | param: { x: 1 }
      | ^^^^^
    hint: did you mean `params`?

    2 faults; nothing was run
    ");
}

#[test]
fn a_key_that_stands_twice() {
    let pipeline = "stages:
  a: { run: [touch, '{out.y}'], out: { y: } }
  b: { run: [touch, '{out.y}'], out: { y: } }
  a: { run: [touch, '{out.z}'], out: { z: } }
";
    insta::assert_snapshot!(faults(pipeline), @r"
    error: the key `a` stands twice
     --> pipeline.yaml:4:3
      |
    4 |   a: { run: [touch, '{out.z}'], out: { z: } }
      |   ^
    note: it stands here first
     --> pipeline.yaml:2:3
      |
    2 |   a: { run: [touch, '{out.y}'], out: { y: } }
      |   ^
    ");
}

#[test]
fn a_bomb_of_aliases() {
    let mut pipeline = String::from("a0: &a0 [x, x, x, x, x, x, x, x]\n");
    for i in 1..9 {
        let all = vec![format!("*a{}", i - 1); 8].join(", ");
        pipeline += &format!("a{i}: &a{i} [{all}]\n");
    }
    insta::assert_snapshot!(faults(&pipeline), @r"
    error: aliases expand to more than 100000 values
     --> pipeline.yaml:6:15
      |
    6 | a5: &a5 [*a4, *a4, *a4, *a4, *a4, *a4, *a4, *a4]
      |               ^^^
    hint: write the values out, or put them into `params` and interpolate them
    ");
}

#[test]
fn bytes_that_are_not_utf8() {
    let project = Project::new("");
    project.write("pipeline.yaml", b"stages:\n  a: { run: [echo, \xff] }\n");
    insta::assert_snapshot!(faults_of(&project, &["run"]), @r"
    error: `pipeline.yaml` is not UTF-8: line 2 has other bytes
    hint: save it as UTF-8
    ");
}

#[test]
fn a_file_that_is_missing_empty_or_a_folder() {
    let project = Project::new("");
    project.write("folder/other.txt", "");
    let all = [&["run", "other.yaml"][..], &["run"], &["run", "folder/"]].map(|words| faults_of(&project, words));
    insta::assert_snapshot!(all.concat(), @r"
    error: there is no file `other.yaml`
    hint: name the pipeline's file, or go to the folder that has `pipeline.yaml`

    error: `pipeline.yaml` is empty
    hint: a pipeline begins with `stages:`

    error: `folder/` is a folder, not a pipeline file
    ");
}

#[test]
fn text_that_is_not_yaml_or_no_pipeline() {
    let all = ["stages:\n  a: [1\n  b: 2\n", "- a\n- b\n", "stages:\n", "name: x\n"].map(faults);
    insta::assert_snapshot!(all.concat(), @r"
    error: this is not YAML: illegal placement of ':' indicator
     --> pipeline.yaml:3:4
      |
    3 |   b: 2
      |    ^

    error: a pipeline is a map, but here stands a list
     --> pipeline.yaml:1:1
      |
    1 | - a
      | ^^^
    hint: begin with `stages:`

    error: a pipeline needs at least one stage
     --> pipeline.yaml:1:1
      |
    1 | stages:
      | ^^^^^^

    error: a pipeline needs `stages`
     --> pipeline.yaml:1:1
      |
    1 | name: x
      | ^
    ");
}

#[test]
fn overrides_that_set_nothing() {
    let project = Project::new("params: { steps: 1 }\nstages:\n  a: { run: [echo, '${params.steps}'] }\n");
    let arguments = ["run", "--set", "params.stesp=2", "--set", "steps=2", "--set", "params.steps.x=2", "--set", "x"];
    insta::assert_snapshot!(faults_of(&project, &arguments), @r"
    error: the pipeline has no parameter `stesp`
     --> --set:1:1
      |
    1 | params.stesp=2
      | ^^^^^^^^^^^^^^
    hint: did you mean `steps`?

    error: only parameters can be set: `params.NAME=VALUE`
     --> --set:1:1
      |
    1 | steps=2
      | ^^^^^^^
    hint: did you mean `params.steps`?

    error: parameter `steps` is a whole number, so it has no field `x`
     --> --set:1:1
      |
    1 | params.steps.x=2
      | ^^^^^^^^^^^^^^^^

    error: an override is `params.NAME=VALUE`
     --> --set:1:1
      |
    1 | x
      | ^

    4 faults; nothing was run
    ");
}

#[test]
fn settings_of_a_stage() {
    let pipeline = "stages:
  a:
    run: echo hi
    timeout: soon
    retries: -1
    needs: { cpus: 0, memory: lots, disk: 1 }
  b.c: { run: [touch, '{out.record}'], out: { record: } }
  d: {}
";
    insta::assert_snapshot!(faults(pipeline), @r"
    error: `run` is a list of words, but here stands text
     --> pipeline.yaml:3:10
      |
    3 |     run: echo hi
      |          ^^^^^^^
    hint: for example `run: [sh, -c, 'sort {in.names} > {out.sorted}']`

    error: `soon` is no duration
     --> pipeline.yaml:4:14
      |
    4 |     timeout: soon
      |              ^^^^
    hint: write it as `90s`, `30m`, `2h` or `1d`

    error: `retries` is a whole number from 0 to 1000000, but here stands a whole number (-1)
     --> pipeline.yaml:5:14
      |
    5 |     retries: -1
      |              ^^

    error: a stage needs at least one core
     --> pipeline.yaml:6:20
      |
    6 |     needs: { cpus: 0, memory: lots, disk: 1 }
      |                    ^

    error: `lots` is no amount of memory
     --> pipeline.yaml:6:31
      |
    6 |     needs: { cpus: 0, memory: lots, disk: 1 }
      |                               ^^^^
    hint: write it as `512MiB` or `4GiB`

    error: `needs` has no key `disk`
     --> pipeline.yaml:6:37
      |
    6 |     needs: { cpus: 0, memory: lots, disk: 1 }
      |                                     ^^^^
    hint: known: cpus, memory, gpus

    error: `b.c` is no stage name
     --> pipeline.yaml:7:3
      |
    7 |   b.c: { run: [touch, '{out.record}'], out: { record: } }
      |   ^^^
    hint: it has letters, digits, `_` and `-`, begins with a letter, digit or `_`, and is at most 100 long

    error: `record` is no output name
     --> pipeline.yaml:7:47
      |
    7 |   b.c: { run: [touch, '{out.record}'], out: { record: } }
      |                                               ^^^^^^
    hint: it has letters, digits, `.`, `_` and `-`, begins with a letter, digit or `_`, and is at most 100 long

    error: stage `d` needs `use` or `run`
     --> pipeline.yaml:8:3
      |
    8 |   d: {}
      |   ^
    hint: `use: KIND` for a kind of a stage program, `run: [PROGRAM, ARGUMENT…]` for a command of your own

    9 faults; nothing was run
    ");
}

#[test]
fn stages_that_are_not_in_the_pipeline() {
    let project = Project::new("stages:\n  train: { run: [touch, '{out.y}'], out: { y: }, each: { net: [r, v] } }\n");
    let all = [&["run", "trian", "zzzzzz"][..], &["get", "train.y"], &["get", "train[net=r].z"]];
    insta::assert_snapshot!(all.map(|words| faults_of(&project, words)).concat(), @r"
    error: the pipeline `pipeline` has no stage `trian`
    hint: did you mean `train`?

    error: the pipeline `pipeline` has no stage `zzzzzz`
    hint: `nnf show` lists all stages

    2 faults; nothing was run
    error: stage `train` has several instances
    hint: name one: 'train[net=r]', 'train[net=v]'

    error: stage `train[net=r]` has no output `z`
    hint: it has: y
    ");
}

#[test]
fn a_path_that_leads_nowhere_is_told_as_it_was_typed() {
    let project = Project::new("include: [b.yaml/]\nstages: { a: { run: ['true'] } }\n");
    project.write("b.yaml", "params: {}\n");
    fs_err::os::unix::fs::symlink("loop.yaml", project.path("loop.yaml")).unwrap();
    for (words, said) in [
        (&["plan", "b.yaml/"][..], "error: `b.yaml/` cannot be read: not a directory\n"),
        (&["plan", "loop.yaml"], "error: `loop.yaml` cannot be read: too many levels of symbolic links\n"),
        (&["plan"], "error: `b.yaml/` cannot be read: not a directory\n --> pipeline.yaml:1:11\n"),
    ] {
        let outcome = project.nnf(words);
        assert_eq!(outcome.code, Some(2), "{outcome:?}");
        assert!(outcome.err.starts_with(said), "{}", outcome.err);
    }
}

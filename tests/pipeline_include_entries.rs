//! What a person reads whose entries of `include`, or what stands in included files, are wrong.

#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "support/faults.rs"]
mod faults;
#[path = "support/several.rs"]
mod several;
mod support;

use faults::{faults, faults_of};
use several::project;

#[test]
fn entries_that_are_none() {
    let project = project(&[
        (
            "pipeline.yaml",
            "include:
  - 1
  - {}
  - { file: [a], as: x }
  - { as: dev }
  - { file: a.yaml, as: x.y }
  - { file: a.yaml, as: }
  - { file: a.yaml, as: [x] }
  - { file: a.yaml, sa: x }
  - \" \"
  - ${params.x}.yaml
  - a.yaml
  - ./a.yaml
stages: { a: { run: [touch, '{out.o}'], out: { o: } } }
",
        ),
        (
            "a.yaml",
            "params: {}
",
        ),
    ]);
    insta::assert_snapshot!(faults_of(&project, &["run"]), @r#"
    error: an entry of `include` is a path, but here stands a whole number
     --> pipeline.yaml:2:5
      |
    2 |   - 1
      |     ^
    hint: write `common.yaml`, or `{ file: devices.yaml, as: dev }`

    error: an entry of `include` needs the path of a `file`
     --> pipeline.yaml:3:5
      |
    3 |   - {}
      |     ^
    hint: write `common.yaml`, or `{ file: devices.yaml, as: dev }`

    error: `file` of an entry of `include` is a path, but here stands a list
     --> pipeline.yaml:4:5
      |
    4 |   - { file: [a], as: x }
      |     ^
    hint: write `common.yaml`, or `{ file: devices.yaml, as: dev }`

    error: an entry of `include` needs the path of a `file`
     --> pipeline.yaml:5:5
      |
    5 |   - { as: dev }
      |     ^
    hint: write `common.yaml`, or `{ file: devices.yaml, as: dev }`

    error: `x.y` is no namespace
     --> pipeline.yaml:6:25
      |
    6 |   - { file: a.yaml, as: x.y }
      |                         ^^^
    hint: it has letters, digits, `_` and `-`, begins with a letter, digit or `_`, and is at most 100 long

    error: the namespace of an included file is a word, but here stands nothing
     --> pipeline.yaml:7:23
      |
    7 |   - { file: a.yaml, as: }
      |                       ^
    hint: write `common.yaml`, or `{ file: devices.yaml, as: dev }`

    error: the namespace of an included file is a word, but here stands a list
     --> pipeline.yaml:8:25
      |
    8 |   - { file: a.yaml, as: [x] }
      |                         ^^^
    hint: write `common.yaml`, or `{ file: devices.yaml, as: dev }`

    error: an entry of `include` has no key `sa`
     --> pipeline.yaml:9:21
      |
    9 |   - { file: a.yaml, sa: x }
      |                     ^^
    hint: did you mean `as`?

    error: an entry of `include` names no file
      --> pipeline.yaml:10:5
       |
    10 |   - " "
       |     ^^^
    hint: write `common.yaml`, or `{ file: devices.yaml, as: dev }`

    error: the path of an included file is text, without references
      --> pipeline.yaml:11:5
       |
    11 |   - ${params.x}.yaml
       |     ^^^^^^^^^^^^^^^^
    hint: files are read before there are parameters, which they may bring

    error: `./a.yaml` is included twice
      --> pipeline.yaml:13:5
       |
    13 |   - ./a.yaml
       |     ^^^^^^^^
    note: it is included here first
      --> pipeline.yaml:12:5
       |
    12 |   - a.yaml
       |     ^^^^^^

    11 faults; nothing was run
    "#);
}

#[test]
fn a_path_where_a_list_is_wanted() {
    insta::assert_snapshot!(faults("include: a.yaml
stages: { a: { run: [touch, '{out.o}'], out: { o: } } }
"), @r"
    error: `include` is a list, but here stands text
     --> pipeline.yaml:1:10
      |
    1 | include: a.yaml
      |          ^^^^^^
    hint: write it as `[first, second]`
    ");
}

#[test]
fn keys_that_are_the_pipelines_own() {
    let project = project(&[
        (
            "pipeline.yaml",
            "include: [a.yaml, b.yaml]
stages: { a: { run: [touch, '{out.o}'], out: { o: } } }
",
        ),
        (
            "a.yaml",
            "version: 2
root: ..
executor: slurm
param: { x: 1 }
",
        ),
        (
            "b.yaml", "[1]
",
        ),
    ]);
    insta::assert_snapshot!(faults_of(&project, &["run"]), @r"
    error: this program reads version 1 of the format
     --> a.yaml:1:10
      |
    1 | version: 2
      |          ^
    hint: use a newer `nnf` for a newer format

    error: an included file has no `root`; only the pipeline itself has
     --> a.yaml:2:1
      |
    2 | root: ..
      | ^^^^
    hint: it may have `version`, `include`, `params`, `programs` and `stages`

    error: an included file has no `executor`; only the pipeline itself has
     --> a.yaml:3:1
      |
    3 | executor: slurm
      | ^^^^^^^^
    hint: it may have `version`, `include`, `params`, `programs` and `stages`

    error: an included file has no key `param`
     --> a.yaml:4:1
      |
    4 | param: { x: 1 }
      | ^^^^^
    hint: did you mean `params`?

    error: an included file is a map, but here stands a list
     --> b.yaml:1:1
      |
    1 | [1]
      | ^^^
    hint: begin with what it brings: `params:`, `programs:` or `stages:`

    5 faults; nothing was run
    ");
}

#[test]
fn an_included_file_that_is_no_yaml() {
    let project = project(&[
        (
            "pipeline.yaml",
            "include: [{ file: a.yaml, as: a }, b.yaml]
stages: { b: { run: [cp, '{in.x}', '{out.o}'], in: { x: a.a.o }, out: { o: } } }
",
        ),
        (
            "a.yaml",
            "params: { x: 1
stages:
",
        ),
        (
            "b.yaml",
            "params: { x: 1, x: 2 }
",
        ),
    ]);
    insta::assert_snapshot!(faults_of(&project, &["run"]), @r"
    error: the key `x` stands twice
     --> b.yaml:1:17
      |
    1 | params: { x: 1, x: 2 }
      |                 ^
    note: it stands here first
     --> b.yaml:1:11
      |
    1 | params: { x: 1, x: 2 }
      |           ^

    error: this is not YAML: while parsing a flow mapping, did not find expected ',' or '}'
     --> a.yaml:2:7
      |
    2 | stages:
      |       ^
    note: the file is included here
     --> pipeline.yaml:1:19
      |
    1 | include: [{ file: a.yaml, as: a }, b.yaml]
      |                   ^^^^^^

    2 faults; nothing was run
    ");
}

#[test]
fn faults_of_a_file_that_comes_twice_are_told_once() {
    let project = project(&[
        (
            "pipeline.yaml",
            "include: [{ file: a.yaml, as: one }, { file: a.yaml, as: two }]
",
        ),
        (
            "a.yaml",
            "stages:
  a: { run: [cp, '{in.x}', '{out.o}'], tmeout: 3, in: { x: 'file:gone.txt' }, out: { o: } }
",
        ),
    ]);
    insta::assert_snapshot!(faults_of(&project, &["run"]), @r"
    error: a stage has no key `tmeout`
     --> a.yaml:2:40
      |
    2 |   a: { run: [cp, '{in.x}', '{out.o}'], tmeout: 3, in: { x: 'file:gone.txt' }, out: { o: } }
      |                                        ^^^^^^
    hint: did you mean `timeout`?

    error: there is no file `gone.txt`
     --> a.yaml:2:60
      |
    2 |   a: { run: [cp, '{in.x}', '{out.o}'], tmeout: 3, in: { x: 'file:gone.txt' }, out: { o: } }
      |                                                            ^^^^^^^^^^^^^^^
    hint: relative paths begin at the pipeline's root, ROOT

    2 faults; nothing was run
    ");
}

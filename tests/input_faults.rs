//! Inputs that lead nowhere, in a circle, or out of the root; axes without values.

#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "support/faults.rs"]
mod faults;
mod support;

use faults::{faults, faults_of};
use support::Project;

#[test]
fn outputs_and_stages_that_are_not_there() {
    let pipeline = "stages:
  make:
    run: [sh, -c, 'echo > {out.text}']
    out: { text: text/plain }
  count:
    run: [sh, -c, 'wc < {in.text} > {out.number}']
    in: { text: make.txet }
    out: { number: text/plain }
  show:
    run: [cat, '{in.number}']
    in: { number: conut.number, other: elsewhere.x }
";
    insta::assert_snapshot!(faults(pipeline), @r"
    error: stage `make` has no output `txet`
     --> pipeline.yaml:7:17
      |
    7 |     in: { text: make.txet }
      |                 ^^^^^^^^^
    hint: did you mean `text`?

    error: stage `show` needs `conut.number`, which nothing produces
      --> pipeline.yaml:11:19
       |
    11 |     in: { number: conut.number, other: elsewhere.x }
       |                   ^^^^^^^^^^^^
    hint: did you mean `count.number`?

    error: stage `show` needs `elsewhere.x`, which nothing produces
      --> pipeline.yaml:11:40
       |
    11 |     in: { number: conut.number, other: elsewhere.x }
       |                                        ^^^^^^^^^^^
    hint: inputs are written `stage.output` or `file:path`

    3 faults; nothing was run
    ");
}

#[test]
fn a_circle() {
    let pipeline = "stages:
  a: { run: [cp, '{in.x}', '{out.y}'], in: { x: c.y }, out: { y: } }
  b: { run: [cp, '{in.x}', '{out.y}'], in: { x: a.y }, out: { y: } }
  c: { run: [cp, '{in.x}', '{out.y}'], in: { x: b.y }, out: { y: } }
";
    insta::assert_snapshot!(faults(pipeline), @r"
    error: stages need each other in a circle: a → b → c → a
     --> pipeline.yaml:2:3
      |
    2 |   a: { run: [cp, '{in.x}', '{out.y}'], in: { x: c.y }, out: { y: } }
      |   ^
    hint: one of them has to do without the other's output
    ");
}

#[test]
fn axes_without_values_and_labels_that_are_none() {
    let pipeline = "stages:
  a: { run: [touch, '{out.y}'], out: { y: }, each: { net: [] } }
  b: { run: [touch, '{out.y}'], out: { y: }, each: { net: [r, r, 'a b'] } }
";
    insta::assert_snapshot!(faults(pipeline), @r"
    error: axis `net` has no values, so stage `a` would have no instances
     --> pipeline.yaml:2:59
      |
    2 |   a: { run: [touch, '{out.y}'], out: { y: }, each: { net: [] } }
      |                                                           ^^

    error: axis `net` has two values labelled `r`
     --> pipeline.yaml:3:59
      |
    3 |   b: { run: [touch, '{out.y}'], out: { y: }, each: { net: [r, r, 'a b'] } }
      |                                                           ^^^^^^^^^^^^^

    error: `a b` cannot be a label
     --> pipeline.yaml:3:59
      |
    3 |   b: { run: [touch, '{out.y}'], out: { y: }, each: { net: [r, r, 'a b'] } }
      |                                                           ^^^^^^^^^^^^^
    hint: labels have letters, digits, `.`, `_` and `-`; a map with a `name` gives any value a label

    3 faults; nothing was run
    ");
}

#[test]
fn files_outside_the_root_and_files_that_are_not_there() {
    let pipeline = "stages:
  a:
    run: [cp, '{in.p}', '{out.y}']
    in: { p: 'file:../../../../../../etc/passwd', q: 'file:/etc/passwd', r: 'file:nothing.csv' }
    out: { y: }
";
    insta::assert_snapshot!(faults(pipeline), @r"
    error: `../../../../../../etc/passwd` lies outside the pipeline's root, ROOT
     --> pipeline.yaml:4:14
      |
    4 |     in: { p: 'file:../../../../../../etc/passwd', q: 'file:/etc/passwd', r: 'file:nothing.csv' }
      |              ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    hint: name its folder under `allow: [/etc]`

    error: `/etc/passwd` lies outside the pipeline's root, ROOT
     --> pipeline.yaml:4:54
      |
    4 |     in: { p: 'file:../../../../../../etc/passwd', q: 'file:/etc/passwd', r: 'file:nothing.csv' }
      |                                                      ^^^^^^^^^^^^^^^^^^
    hint: name its folder under `allow: [/etc]`

    error: there is no file `nothing.csv`
     --> pipeline.yaml:4:77
      |
    4 |     in: { p: 'file:../../../../../../etc/passwd', q: 'file:/etc/passwd', r: 'file:nothing.csv' }
      |                                                                             ^^^^^^^^^^^^^^^^^^
    hint: relative paths begin at the pipeline's root, ROOT

    3 faults; nothing was run
    ");
}

#[test]
fn a_link_that_leads_outside_the_root() {
    let project = Project::new("stages:\n  a: { run: [cat, '{in.p}'], in: { p: 'file:data/users' } }\n");
    project.write("data/own", "");
    std::os::unix::fs::symlink("/etc/passwd", project.path("data/users")).unwrap();
    insta::assert_snapshot!(faults_of(&project, &["run"]), @r"
    error: `data/users` lies outside the pipeline's root, ROOT
     --> pipeline.yaml:2:39
      |
    2 |   a: { run: [cat, '{in.p}'], in: { p: 'file:data/users' } }
      |                                       ^^^^^^^^^^^^^^^^^
    hint: name its folder under `allow: [/etc]`
    ");
}

#[test]
fn a_file_that_no_key_would_know() {
    let project = Project::new("stages:\n  a: { run: [sh, tools/make.sh, '{out.y}'], out: { y: } }\n");
    project.write("tools/make.sh", "touch $1");
    insta::assert_snapshot!(faults_of(&project, &["run"]), @r"
    error: the command names the file `tools/make.sh`, which its key does not know
     --> pipeline.yaml:2:18
      |
    2 |   a: { run: [sh, tools/make.sh, '{out.y}'], out: { y: } }
      |                  ^^^^^^^^^^^^^
    hint: list it under `code: [tools/make.sh]`, or as an input `in: { NAME: 'file:tools/make.sh' }` and write `{in.NAME}`
    ");
}

#[test]
fn names_of_inputs_that_are_none() {
    let pipeline = "stages:
  a: { run: [cat, '{in.../p}'], in: { '../p': b.y, q: { 'a/b': b.y, m: { n: b.y } } } }
  b: { run: [touch, '{out.y}'], out: { y: } }
";
    insta::assert_snapshot!(faults(pipeline), @r"
    error: `../p` is no input name
     --> pipeline.yaml:2:39
      |
    2 |   a: { run: [cat, '{in.../p}'], in: { '../p': b.y, q: { 'a/b': b.y, m: { n: b.y } } } }
      |                                       ^^^^^^
    hint: it has letters, digits, `.`, `_` and `-`, begins with a letter, digit or `_`, and is at most 100 long

    error: `a/b` is no label
     --> pipeline.yaml:2:57
      |
    2 |   a: { run: [cat, '{in.../p}'], in: { '../p': b.y, q: { 'a/b': b.y, m: { n: b.y } } } }
      |                                                         ^^^^^
    hint: it has letters, digits, `.`, `_` and `-`, begins with a letter, digit or `_`, and is at most 100 long

    error: member `m` is text, but here stands a map
     --> pipeline.yaml:2:72
      |
    2 |   a: { run: [cat, '{in.../p}'], in: { '../p': b.y, q: { 'a/b': b.y, m: { n: b.y } } } }
      |                                                                        ^

    3 faults; nothing was run
    ");
}

#[test]
fn references_to_nothing() {
    let pipeline = "params: { steps: 1 }
stages:
  a:
    run: [echo, '${params.stesp}', '${each.net}', '${steps}', '${params.steps', '{with.x}', '{out.z}']
";
    insta::assert_snapshot!(faults(pipeline), @r"
    error: there is no parameter `stesp`
     --> pipeline.yaml:4:17
      |
    4 |     run: [echo, '${params.stesp}', '${each.net}', '${steps}', '${params.steps', '{with.x}', '{out.z}']
      |                 ^^^^^^^^^^^^^^^^^
    hint: did you mean `steps`?

    error: this stage has no axis `net`
     --> pipeline.yaml:4:36
      |
    4 |     run: [echo, '${params.stesp}', '${each.net}', '${steps}', '${params.steps', '{with.x}', '{out.z}']
      |                                    ^^^^^^^^^^^^^
    hint: give it one: `each: { net: [FIRST, SECOND] }`

    error: `${steps}` is no reference
     --> pipeline.yaml:4:51
      |
    4 |     run: [echo, '${params.stesp}', '${each.net}', '${steps}', '${params.steps', '{with.x}', '{out.z}']
      |                                                   ^^^^^^^^^^
    hint: references are `${params.NAME}` and `${each.AXIS}`
    hint: `$${steps}` gives a shell, or another program, the text `${steps}`

    error: `${` without a closing `}`
     --> pipeline.yaml:4:63
      |
    4 |     run: [echo, '${params.stesp}', '${each.net}', '${steps}', '${params.steps', '{with.x}', '{out.z}']
      |                                                               ^^^^^^^^^^^^^^^^
    hint: write `$${` for the characters themselves

    error: the command names the parameter `x`, which the stage does not have
     --> pipeline.yaml:4:81
      |
    4 |     run: [echo, '${params.stesp}', '${each.net}', '${steps}', '${params.steps', '{with.x}', '{out.z}']
      |                                                                                 ^^^^^^^^^^
    hint: write `{{with.` for the characters themselves

    error: the command names the output `z`, which the stage does not have
     --> pipeline.yaml:4:93
      |
    4 |     run: [echo, '${params.stesp}', '${each.net}', '${steps}', '${params.steps', '{with.x}', '{out.z}']
      |                                                                                             ^^^^^^^^^
    hint: write `{{out.` for the characters themselves

    6 faults; nothing was run
    ");
}

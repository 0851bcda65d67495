//! What a person reads whose names clash or are looked for in vain in a pipeline of several files.

#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "support/several.rs"]
mod several;
mod support;
#[path = "support/told.rs"]
mod told;

use several::project;
use support::Project;
use told::faults_of;

#[test]
fn a_name_that_two_files_give() {
    let project = project(&[
        (
            "pipeline.yaml",
            "include: [a.yaml]
params: { x: 1 }
programs: { p: ./p }
stages: { a: { run: [touch, '{out.o}'], out: { o: } } }
",
        ),
        (
            "a.yaml",
            "params: { x: 2 }
programs: { p: ./q }
stages: { a: { run: [touch, '{out.o}'], out: { o: } } }
",
        ),
    ]);
    insta::assert_snapshot!(faults_of(&project, &["run"]), @r"
    error: parameter `x` stands in two files
     --> pipeline.yaml:2:11
      |
    2 | params: { x: 1 }
      |           ^
    note: it stands here first
     --> a.yaml:1:11
      |
    1 | params: { x: 2 }
      |           ^
    hint: name one of them otherwise, or include one file under a namespace: `{ file: FILE, as: NAME }`

    error: program `p` stands in two files
     --> pipeline.yaml:3:13
      |
    3 | programs: { p: ./p }
      |             ^
    note: it stands here first
     --> a.yaml:2:13
      |
    2 | programs: { p: ./q }
      |             ^
    hint: name one of them otherwise, or include one file under a namespace: `{ file: FILE, as: NAME }`

    error: stage `a` stands in two files
     --> pipeline.yaml:4:11
      |
    4 | stages: { a: { run: [touch, '{out.o}'], out: { o: } } }
      |           ^
    note: it stands here first
     --> a.yaml:3:11
      |
    3 | stages: { a: { run: [touch, '{out.o}'], out: { o: } } }
      |           ^
    hint: name one of them otherwise, or include one file under a namespace: `{ file: FILE, as: NAME }`

    3 faults; nothing was run
    ");
}

#[test]
fn a_namespace_that_is_called_like_something_else() {
    let project = project(&[
        (
            "pipeline.yaml",
            "include: [{ file: a.yaml, as: a }, { file: b.yaml, as: p }, { file: b.yaml, as: p }]
params: { p: 1 }
stages: { a: { run: [touch, '{out.o}'], out: { o: } } }
",
        ),
        (
            "a.yaml",
            "stages: { a: { run: [touch, '{out.o}'], out: { o: } } }
",
        ),
        (
            "b.yaml",
            "stages: { a: { run: [touch, '{out.o}'], out: { o: } } }
",
        ),
    ]);
    insta::assert_snapshot!(faults_of(&project, &["run"]), @r"
    error: `a` is the name of a namespace and of a stage
     --> pipeline.yaml:1:31
      |
    1 | include: [{ file: a.yaml, as: a }, { file: b.yaml, as: p }, { file: b.yaml, as: p }]
      |                               ^
    note: the stage
     --> pipeline.yaml:3:11
      |
    3 | stages: { a: { run: [touch, '{out.o}'], out: { o: } } }
      |           ^

    error: `p` is the name of a namespace and of a parameter
     --> pipeline.yaml:1:56
      |
    1 | include: [{ file: a.yaml, as: a }, { file: b.yaml, as: p }, { file: b.yaml, as: p }]
      |                                                        ^
    note: the parameter
     --> pipeline.yaml:2:11
      |
    2 | params: { p: 1 }
      |           ^

    error: two files are included as `p`
     --> pipeline.yaml:1:81
      |
    1 | include: [{ file: a.yaml, as: a }, { file: b.yaml, as: p }, { file: b.yaml, as: p }]
      |                                                                                 ^
    note: the first one
     --> pipeline.yaml:1:56
      |
    1 | include: [{ file: a.yaml, as: a }, { file: b.yaml, as: p }, { file: b.yaml, as: p }]
      |                                                        ^

    3 faults; nothing was run
    ");
}

#[test]
fn names_are_looked_for_in_the_namespace_at_hand() {
    let project = project(&[
        (
            "pipeline.yaml",
            "include: [{ file: a.yaml, as: dev }]
params: { seed: 1, y: '${params.dev.rouns}' }
stages:
  own: { run: [cp, '{in.x}', '{in.y}', '{out.o}'], in: { x: dev.profil.o, y: dev.o }, out: { o: } }
",
        ),
        (
            "a.yaml",
            "params: { rounds: 2 }
stages:
  profile:
    run: [sh, -c, 'echo ${params.seed}', '{in.a}', '{in.b}', '{in.c}', '{out.o}']
    in: { a: own.o, b: profle.o, c: profile.x }
    out: { o: }
",
        ),
    ]);
    insta::assert_snapshot!(faults_of(&project, &["run"]), @r"
    error: `${params.dev.rouns}`: there is no field `rouns`
     --> pipeline.yaml:2:23
      |
    2 | params: { seed: 1, y: '${params.dev.rouns}' }
      |                       ^^^^^^^^^^^^^^^^^^^^^
    hint: did you mean `rounds`?

    error: stage `own` needs `dev.profil.o`, which nothing produces
     --> pipeline.yaml:4:61
      |
    4 |   own: { run: [cp, '{in.x}', '{in.y}', '{out.o}'], in: { x: dev.profil.o, y: dev.o }, out: { o: } }
      |                                                             ^^^^^^^^^^^^
    hint: did you mean `dev.profile.o`?

    error: `dev` is a namespace: write `dev.STAGE.OUTPUT`
     --> pipeline.yaml:4:78
      |
    4 |   own: { run: [cp, '{in.x}', '{in.y}', '{out.o}'], in: { x: dev.profil.o, y: dev.o }, out: { o: } }
      |                                                                              ^^^^^

    error: there is no parameter `seed`
     --> a.yaml:4:19
      |
    4 |     run: [sh, -c, 'echo ${params.seed}', '{in.a}', '{in.b}', '{in.c}', '{out.o}']
      |                   ^^^^^^^^^^^^^^^^^^^^^
    hint: known: rounds

    error: stage `dev.profile` needs `own.o`, which nothing produces
     --> a.yaml:5:14
      |
    5 |     in: { a: own.o, b: profle.o, c: profile.x }
      |              ^^^^^
    hint: a file that is included `as` a namespace sees the stages of that namespace alone

    error: stage `dev.profile` needs `profle.o`, which nothing produces
     --> a.yaml:5:24
      |
    5 |     in: { a: own.o, b: profle.o, c: profile.x }
      |                        ^^^^^^^^
    hint: inputs are written `stage.output` or `file:path`

    error: stage `profile` has no output `x`
     --> a.yaml:5:37
      |
    5 |     in: { a: own.o, b: profle.o, c: profile.x }
      |                                     ^^^^^^^^^
    hint: did you mean `o`?

    7 faults; nothing was run
    ");
}

#[test]
fn stages_of_two_files_in_a_circle() {
    let project = project(&[
        (
            "pipeline.yaml",
            "include: [a.yaml]
stages:
  b: { run: [cp, '{in.x}', '{out.o}'], in: { x: a.o }, out: { o: } }
",
        ),
        (
            "a.yaml",
            "stages:
  a: { run: [cp, '{in.x}', '{out.o}'], in: { x: b.o }, out: { o: } }
",
        ),
    ]);
    insta::assert_snapshot!(faults_of(&project, &["run"]), @r"
    error: stages need each other in a circle: a → b → a
     --> a.yaml:2:3
      |
    2 |   a: { run: [cp, '{in.x}', '{out.o}'], in: { x: b.o }, out: { o: } }
      |   ^
    hint: one of them has to do without the other's output
    ");
}

#[test]
fn no_stage_in_any_file() {
    let project = project(&[
        (
            "pipeline.yaml",
            "include: [a.yaml]
",
        ),
        (
            "a.yaml",
            "params: { x: 1 }
stages:
",
        ),
    ]);
    insta::assert_snapshot!(faults_of(&project, &["run"]), @r"
    error: a pipeline needs `stages`
     --> pipeline.yaml:1:1
      |
    1 | include: [a.yaml]
      | ^
    hint: the files that it includes bring none
    ");
}

#[test]
fn parameters_of_a_namespace_that_are_not_there() {
    let project = project(&[
        (
            "pipeline.yaml",
            "include: [{ file: a.yaml, as: dev }]
stages: { a: { run: [touch, '{out.o}'], out: { o: } } }
",
        ),
        (
            "a.yaml",
            "params: { rounds: 1 }
",
        ),
    ]);
    insta::assert_snapshot!(faults_of(&project, &["plan", "--set", "params.dev.round=1", "--set", "params.dev=1", "--set", "params.dv.rounds=1", "--set", "params.rounds=1"]), @r"
    error: the pipeline has no parameter `dev.round`
     --> --set:1:1
      |
    1 | params.dev.round=1
      | ^^^^^^^^^^^^^^^^^^
    hint: did you mean `dev.rounds`?

    error: an override names a parameter: `params.dev.NAME=VALUE`
     --> --set:1:1
      |
    1 | params.dev=1
      | ^^^^^^^^^^^^

    error: the pipeline has no parameter `dv`
     --> --set:1:1
      |
    1 | params.dv.rounds=1
      | ^^^^^^^^^^^^^^^^^^
    hint: did you mean `dev`?

    error: the pipeline has no parameter `rounds`
     --> --set:1:1
      |
    1 | params.rounds=1
      | ^^^^^^^^^^^^^^^
    hint: known: dev

    4 faults; nothing was run
    ");
}

#[test]
fn what_the_report_shows_and_a_program_that_is_not_there() {
    let project = project(&[
        (
            "pipeline.yaml",
            "include: [{ file: a.yaml, as: dev }]
report: [{ output: dev.b.o }, { output: dev.a.x }]
",
        ),
        (
            "a.yaml",
            "programs: { p: ./gone }
stages:
  a: { run: [touch, '{out.o}'], out: { o: } }
  c: { use: x.y }
",
        ),
    ]);
    insta::assert_snapshot!(faults_of(&project, &["run"]), @r"
    error: the report shows `dev.b.o`, which nothing produces
     --> pipeline.yaml:2:20
      |
    2 | report: [{ output: dev.b.o }, { output: dev.a.x }]
      |                    ^^^^^^^
    hint: did you mean `dev.a.o`?

    error: stage `dev.a` has no output `x`
     --> pipeline.yaml:2:41
      |
    2 | report: [{ output: dev.b.o }, { output: dev.a.x }]
      |                                         ^^^^^^^
    hint: did you mean `o`?

    error: program `p`: there is no program `./gone`
     --> a.yaml:1:13
      |
    1 | programs: { p: ./gone }
      |             ^
    hint: relative paths begin at the root, ROOT

    3 faults; nothing was run
    ");
}

#[test]
fn parameters_of_namespaces_in_namespaces_are_bounded() {
    let nested =
        Project::new("include: [{ file: 0.yaml, as: a }]\nstages: { s: { run: [touch, '{out.o}'], out: { o: } } }\n");
    (0..20).for_each(|i| nested.write(&format!("{i}.yaml"), format!("include: [{{ file: {}.yaml, as: a }}]\n", i + 1)));
    let (long, references) = ("x".repeat(1 << 20), "${params.x}".repeat(40));
    nested.write("20.yaml", format!("params: {{ x: {long}, y: '{references}' }}\n"));
    let told = faults_of(&nested, &["run"]);
    assert!(
        told.starts_with("error: with those of `a` all parameters grow beyond 512 MiB\n --> 8.yaml:1:31\n"),
        "{told:.400}"
    );
}

#[test]
fn names_that_namespaces_make_too_long() {
    let name = "n".repeat(100);
    let project = Project::new(&format!("include: [{{ file: 0.yaml, as: {name} }}]\n"));
    project.write("0.yaml", format!("include: [{{ file: 1.yaml, as: {name} }}]\n"));
    project.write("1.yaml", format!("stages: {{ {name}: {{ run: [touch, '{{out.o}}'], out: {{ o: }} }} }}\n"));
    let told = faults_of(&project, &["run"]);
    assert!(told.contains("would have names of 303 letters; 240 is the most\n --> 1.yaml:1:11\n"), "{told}");
    assert!(told.contains("hint: shorten the namespaces that files are included under\n"), "{told}");
}

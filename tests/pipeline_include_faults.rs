//! What a person reads whose pipeline of several files is wrong: the caret stands in the file that is meant.

#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "support/faults.rs"]
mod faults;
mod support;

use faults::{faults, faults_of};
use support::Project;

/// A project with these files.
fn project(files: &[(&str, &str)]) -> Project {
    let project = Project::new("");
    files.iter().for_each(|(name, text)| project.write(name, text));
    project
}

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
fn files_that_include_each_other_in_a_circle() {
    let project = project(&[
        (
            "pipeline.yaml",
            "include: [sub/a.yaml, pipeline.yaml]
stages: { a: { run: [touch, '{out.o}'], out: { o: } } }
",
        ),
        (
            "sub/a.yaml",
            "include: [{ file: b.yaml, as: b }]
",
        ),
        (
            "sub/b.yaml",
            "include: [../sub/a.yaml]
",
        ),
    ]);
    insta::assert_snapshot!(faults_of(&project, &["run"]), @r"
    error: files include each other in a circle: `pipeline.yaml` → `pipeline.yaml`
     --> pipeline.yaml:1:23
      |
    1 | include: [sub/a.yaml, pipeline.yaml]
      |                       ^^^^^^^^^^^^^
    hint: put what both need into a file of its own, and include that

    error: files include each other in a circle: `sub/a.yaml` → `sub/b.yaml` → `sub/../sub/a.yaml`
     --> sub/b.yaml:1:11
      |
    1 | include: [../sub/a.yaml]
      |           ^^^^^^^^^^^^^
    hint: put what both need into a file of its own, and include that

    2 faults; nothing was run
    ");
}

#[test]
fn files_that_cannot_be_read() {
    let project = project(&[
        (
            "pipeline.yaml",
            "include:
  - gone.yaml
  - { file: empty.yaml, as: x }
  - blank.yaml
  - folder.yaml
  - pipe.yaml
  - bytes.yaml
  - long.yaml
  - dangling.yaml
  - \"line\\nand \\e[31m.yaml\"
stages: { a: { run: [touch, '{out.o}'], out: { o: } } }
",
        ),
        ("empty.yaml", ""),
        (
            "blank.yaml",
            "# nothing
",
        ),
    ]);
    project.write("bytes.yaml", b"a: 1\nb: \xff\n");
    fs_err::create_dir(project.path("folder.yaml")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, project.path("pipe.yaml"), rustix::fs::Mode::RWXU).unwrap();
    fs_err::File::create(project.path("long.yaml")).unwrap().set_len((64 << 20) + 1).unwrap();
    fs_err::os::unix::fs::symlink("gone", project.path("dangling.yaml")).unwrap();
    insta::assert_snapshot!(faults_of(&project, &["run"]), @r#"
    error: there is no file `gone.yaml`
     --> pipeline.yaml:2:5
      |
    2 |   - gone.yaml
      |     ^^^^^^^^^
    hint: the path is relative to the file that includes it

    error: `empty.yaml` is empty
     --> pipeline.yaml:3:13
      |
    3 |   - { file: empty.yaml, as: x }
      |             ^^^^^^^^^^
    hint: it may have `version`, `include`, `params`, `programs` and `stages`

    error: `blank.yaml` is empty
     --> pipeline.yaml:4:5
      |
    4 |   - blank.yaml
      |     ^^^^^^^^^^
    hint: it may have `version`, `include`, `params`, `programs` and `stages`

    error: `folder.yaml` is a folder, not a pipeline file
     --> pipeline.yaml:5:5
      |
    5 |   - folder.yaml
      |     ^^^^^^^^^^^

    error: `pipe.yaml` is a pipe, not a pipeline file
     --> pipeline.yaml:6:5
      |
    6 |   - pipe.yaml
      |     ^^^^^^^^^
    hint: write the pipeline into a file: it is read more than once

    error: `bytes.yaml` is not UTF-8: line 2 has other bytes
     --> pipeline.yaml:7:5
      |
    7 |   - bytes.yaml
      |     ^^^^^^^^^^
    hint: save it as UTF-8

    error: `long.yaml` is too long: a pipeline has at most 67108864 bytes
     --> pipeline.yaml:8:5
      |
    8 |   - long.yaml
      |     ^^^^^^^^^

    error: there is no file `dangling.yaml`
     --> pipeline.yaml:9:5
      |
    9 |   - dangling.yaml
      |     ^^^^^^^^^^^^^
    hint: the path is relative to the file that includes it

    error: there is no file `line⏎and �[31m.yaml`
      --> pipeline.yaml:10:5
       |
    10 |   - "line\nand \e[31m.yaml"
       |     ^^^^^^^^^^^^^^^^^^^^^^^
    hint: the path is relative to the file that includes it

    9 faults; nothing was run
    "#);
}

#[test]
fn files_outside_of_the_root() {
    let project = project(&[(
        "pipeline.yaml",
        "include: [../outside.yaml, { file: link.yaml, as: x }, /dev/zero, /etc/passwd]
stages: { a: { run: [touch, '{out.o}'], out: { o: } } }
",
    )]);
    project.write("../outside.yaml", "params: {}\n");
    fs_err::os::unix::fs::symlink("../outside.yaml", project.path("link.yaml")).unwrap();
    let beside = project.path("").parent().unwrap().display().to_string();
    insta::assert_snapshot!(faults_of(&project, &["run"]).replace(&beside, "BESIDE"), @r"
    error: `../outside.yaml` lies outside the pipeline's root, ROOT
     --> pipeline.yaml:1:11
      |
    1 | include: [../outside.yaml, { file: link.yaml, as: x }, /dev/zero, /etc/passwd]
      |           ^^^^^^^^^^^^^^^
    hint: name its folder under `allow: [BESIDE]`

    error: `link.yaml` lies outside the pipeline's root, ROOT
     --> pipeline.yaml:1:36
      |
    1 | include: [../outside.yaml, { file: link.yaml, as: x }, /dev/zero, /etc/passwd]
      |                                    ^^^^^^^^^
    hint: name its folder under `allow: [BESIDE]`

    error: `/dev/zero` lies outside the pipeline's root, ROOT
     --> pipeline.yaml:1:56
      |
    1 | include: [../outside.yaml, { file: link.yaml, as: x }, /dev/zero, /etc/passwd]
      |                                                        ^^^^^^^^^
    hint: name its folder under `allow: [/dev]`

    error: `/etc/passwd` lies outside the pipeline's root, ROOT
     --> pipeline.yaml:1:67
      |
    1 | include: [../outside.yaml, { file: link.yaml, as: x }, /dev/zero, /etc/passwd]
      |                                                                   ^^^^^^^^^^^
    hint: name its folder under `allow: [/etc]`

    4 faults; nothing was run
    ");
}

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

    error: an entry of `include` needs the path of a `file`
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

    error: `` is no namespace
     --> pipeline.yaml:7:23
      |
    7 |   - { file: a.yaml, as: }
      |                       ^
    hint: it has letters, digits, `_` and `-`, begins with a letter, digit or `_`, and is at most 100 long

    error: an entry of `include` has no key `sa`
     --> pipeline.yaml:8:21
      |
    8 |   - { file: a.yaml, sa: x }
      |                     ^^
    hint: did you mean `as`?

    error: an entry of `include` names no file
     --> pipeline.yaml:9:5
      |
    9 |   - " "
      |     ^^^
    hint: write `common.yaml`, or `{ file: devices.yaml, as: dev }`

    error: the path of an included file is text, without references
      --> pipeline.yaml:10:5
       |
    10 |   - ${params.x}.yaml
       |     ^^^^^^^^^^^^^^^^
    hint: files are read before there are parameters, which they may bring

    error: `./a.yaml` is included twice
      --> pipeline.yaml:12:5
       |
    12 |   - ./a.yaml
       |     ^^^^^^^^
    note: it is included here first
      --> pipeline.yaml:11:5
       |
    11 |   - a.yaml
       |     ^^^^^^

    10 faults; nothing was run
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
    hint: begin with `stages:`

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
    hint: did you mean `profile.o`?

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
fn files_that_grow_without_bound_are_refused() {
    let stages = "stages: { s: { run: [touch, '{out.o}'], out: { o: } } }\n";
    let chain = Project::new(&format!("include: [0.yaml]\n{stages}"));
    (0..40).for_each(|i| chain.write(&format!("{i}.yaml"), format!("include: [{}.yaml]\n", i + 1)));
    let told = faults_of(&chain, &["run"]);
    assert!(told.starts_with("error: files include each other more than 32 deep\n --> 31.yaml:1:11\n"), "{told}");
    let both = |name: usize| format!("include: [{{ file: {name}.yaml, as: a }}, {{ file: {name}.yaml, as: b }}]\n");
    let bomb = Project::new(&format!("{}{stages}", both(0)));
    (0..20).for_each(|i| bomb.write(&format!("{i}.yaml"), both(i + 1)));
    bomb.write("20.yaml", stages);
    let told = faults_of(&bomb, &["run"]);
    assert!(told.starts_with("error: a pipeline includes 1000 files at most\n --> 18.yaml:1:45\n"), "{told}");
    // A text counts each time that it comes.
    let long = Project::new(&format!("{}{stages}", both(0)));
    long.write("0.yaml", format!("# {}\nparams: {{}}\n", "x".repeat(40 << 20)));
    let told = faults_of(&long, &["run"]);
    assert!(told.starts_with("error: with `0.yaml` the files of the pipeline have more than 64 MiB\n"), "{told}");
    assert!(told.contains(" --> pipeline.yaml:1:44\n"), "{told}");
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

#[test]
fn a_folder_that_is_allowed_may_hold_included_files() {
    let project = Project::new("allow: [../more]\ninclude: [../more/a.yaml]\n");
    project.write("../more/a.yaml", "stages: { a: { run: [touch, '{out.o}'], out: { o: } } }\n");
    let outcome = project.nnf(&["run"]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    // Where the folder is known only by a parameter, too.
    project.write("pipeline.yaml", "allow: ['${params.more}']\ninclude: [../more/a.yaml]\nparams: { more: ../more }\n");
    assert!(project.nnf(&["run"]).err.contains("0 ran, 1 fresh"));
    let told = project.nnf(&["run", "--set", "params.more=."]);
    assert!(told.code == Some(2) && told.err.contains("`../more/a.yaml` lies outside"), "{told:?}");
}

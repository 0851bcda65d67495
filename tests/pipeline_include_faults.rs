//! What a person reads whose included files cannot be had: the caret stands in the file that names them.

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

//! Bounds of a pipeline are looked at when it is loaded, over all of it, and blamed on what stands in the file.

#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "support/faults.rs"]
mod faults;
#[path = "support/ran.rs"]
mod ran;
mod support;

use std::fmt::Write;

use faults::{faults, faults_of};
use ran::ran;
use support::Project;

/// So many values of an axis.
fn values(count: usize) -> String {
    (0..count).map(|value| format!("v{value}, ")).collect()
}

#[test]
fn instances_are_counted_over_the_whole_pipeline_before_any_is_made() {
    let mut pipeline = format!("params: {{ all: [{}] }}\nstages:\n", values(970_000));
    for stage in 0..40 {
        let _ = writeln!(pipeline, "  s{stage}: {{ each: {{ x: '${{params.all}}' }}, run: ['true'], out: {{ o: }} }}");
    }
    insta::assert_snapshot!(faults(&pipeline), @r"
    error: the pipeline would have 38800000 instances; 1000000 are the most
     --> pipeline.yaml:3:17
      |
    3 |   s0: { each: { x: '${params.all}' }, run: ['true'], out: { o: } }
      |                 ^
    hint: stage `s0` has 970000 of them: have each do more, or part the pipeline
    ");
    let axes: String = (0..20).map(|axis| format!("a{axis}: [{}], ", values(100))).collect();
    let many = faults(&format!("stages: {{ s: {{ each: {{ {axes} }}, run: ['true'], out: {{ o: }} }} }}"));
    assert!(many.contains("would have countless instances"), "{many}");
}

#[test]
fn names_of_instances_are_names_of_files() {
    let stage = |labels: usize| {
        let axes: String = (0..12).map(|axis| format!("axis{axis:02}: [{}], ", "l".repeat(labels))).collect();
        format!("stages:\n  s:\n    each: {{ {axes} }}\n    run: [sh, -c, 'echo x > {{out.o}}']\n    out: {{ o: }}\n")
    };
    let outcome = faults(&stage(14));
    assert!(outcome.contains("instances of stage `s` would have names of 266 letters; 240 is the most"), "{outcome}");
    assert!(outcome.contains(" --> pipeline.yaml:3:13\n"), "{outcome}");
    // What is allowed works to its end: logs and folders have the name, and more.
    let project = Project::new(&stage(11));
    assert_eq!(ran(&project, &[]).stages.len(), 1);
}

#[test]
fn words_and_variables_that_no_system_takes() {
    let long = "x".repeat(140_000);
    let pipeline = format!(
        "params: {{ long: {long} }}\nstages:
  a: {{ run: [echo, 'a-${{params.long}}'], out: {{ o: }} }}
  b: {{ run: [echo, '{{with.w}}'], with: {{ w: '${{params.long}}' }}, out: {{ o: }} }}
  c: {{ run: ['true'], env: {{ V: '${{params.long}}' }}, out: {{ o: }} }}
"
    );
    insta::assert_snapshot!(faults(&pipeline), @r"
    error: a word of a command has 131071 bytes at most, and this one 140002
     --> pipeline.yaml:3:20
      |
    3 |   a: { run: [echo, 'a-${params.long}'], out: { o: } }
      |                    ^^^^^^^^^^^^^^^^^^
    hint: have the program read it from a file

    error: a word of a command has 131071 bytes at most, and this one 140000
     --> pipeline.yaml:4:20
      |
    4 |   b: { run: [echo, '{with.w}'], with: { w: '${params.long}' }, out: { o: } }
      |                    ^^^^^^^^^^
    hint: have the program read it from a file

    error: variable `V` has 140002 bytes with its name; 131071 are the most
     --> pipeline.yaml:5:33
      |
    5 |   c: { run: ['true'], env: { V: '${params.long}' }, out: { o: } }
      |                                 ^^^^^^^^^^^^^^^^
    hint: have the program read it from a file

    3 faults; nothing was run
    ");
    // The longest that Linux takes.
    let most = "x".repeat(131_071);
    let project = Project::new(&format!(
        "stages: {{ a: {{ run: [sh, -c, 'echo x > $1', {most}, '{{out.o}}'], out: {{ o: }} }} }}"
    ));
    assert_eq!(ran(&project, &[]).stages, ["a"]);
}

#[test]
fn a_command_that_is_too_long_as_a_whole() {
    let pipeline = format!(
        "stages:
  each: {{ each: {{ x: [{}] }}, run: [touch, '{{out.o}}'], out: {{ o: }} }}
  all: {{ run: [cat, '{{in.all}}'], in: {{ all: 'each[*].o' }}, out: {{ o: }} }}
",
        values(80_000)
    );
    let outcome = faults(&pipeline);
    assert!(outcome.contains("error: the command has at least "), "{outcome}");
    assert!(outcome.contains(" bytes with this; the system takes "), "{outcome}");
    assert!(outcome.contains(" --> pipeline.yaml:3:21\n"), "{outcome}");
}

#[test]
fn inputs_and_texts_are_counted_too() {
    let all = values(3_000);
    let pipeline = format!(
        "params: {{ all: [{all}] }}\nstages:
  make: {{ each: {{ x: '${{params.all}}' }}, run: [touch, '{{out.o}}'], out: {{ o: }} }}
  read: {{ each: {{ y: '${{params.all}}' }}, run: ['true'], in: {{ all: 'make[*].o' }}, out: {{ o: }} }}
"
    );
    insta::assert_snapshot!(faults(&pipeline), @r"
    error: the instances of the pipeline would have more than 5000000 inputs
     --> pipeline.yaml:4:62
      |
    4 |   read: { each: { y: '${params.all}' }, run: ['true'], in: { all: 'make[*].o' }, out: { o: } }
      |                                                              ^^^
    hint: gather once, by a stage that the others read
    ");
    let long = "x".repeat(1 << 20);
    let pipeline = format!(
        "params: {{ long: {long}, all: [{all}] }}\nstages:
  s: {{ each: {{ x: '${{params.all}}' }}, with: {{ w: '${{params.long}}' }}, run: ['true'], out: {{ o: }} }}
"
    );
    assert!(faults(&pipeline).contains("would hold more than 512 MiB of text"));
}

#[test]
fn parameters_that_double_each_other() {
    let mut texts = String::from("params:\n  a0: xxxxxxxxxx\n");
    let mut lists = String::from("params:\n  a0: [x]\n");
    for at in 1..60 {
        let _ = writeln!(texts, "  a{at}: '${{params.a{0}}}${{params.a{0}}}'", at - 1);
        let _ = writeln!(lists, "  a{at}: ['${{params.a{0}}}', '${{params.a{0}}}']", at - 1);
    }
    for params in [texts, lists] {
        let outcome = faults(&format!("{params}stages: {{ s: {{ run: ['true'], out: {{ o: }} }} }}"));
        assert!(outcome.contains("` grows beyond 64 MiB") && outcome.contains("--> pipeline.yaml:2"), "{outcome}");
    }
    let word = "${params.a}".repeat(100);
    let long = "x".repeat(1 << 20);
    let outcome =
        faults(&format!("params: {{ a: {long} }}\nstages:\n  s: {{ run: ['true', '{word}'], out: {{ o: }} }}"));
    assert!(outcome.contains("this text grows beyond 64 MiB"), "{}", &outcome[outcome.len() - 300..]);
}

#[test]
fn programs_that_are_not_there_are_found_before_anything_runs() {
    let project = Project::new(
        "stages:
  first: { run: [sh, -c, 'echo 1 > {out.o}'], out: { o: } }
  second: { run: [no-such-program, '{in.o}'], in: { o: first.o }, out: { o: } }
  third: { each: { x: [1, 2] }, run: [./tool.sh], in: { o: first.o }, out: { o: } }
  fourth: { run: [./plain.txt], out: { o: } }
  fifth: { run: [./nothing], out: { o: } }
  sixth: { run: [/no/such/thing], in: { o: first.o }, out: { o: } }
  made: { run: ['{in.o}'], in: { o: first.o }, out: { o: } }
",
    );
    project.write("plain.txt", "");
    insta::assert_snapshot!(faults_of(&project, &["run"]), @r"
    error: there is no program `no-such-program` in PATH
     --> pipeline.yaml:3:19
      |
    3 |   second: { run: [no-such-program, '{in.o}'], in: { o: first.o }, out: { o: } }
      |                   ^^^^^^^^^^^^^^^
    hint: install it, or name its path: `./no-such-program` is one in the pipeline's root

    error: `./plain.txt` is no program: it may not be executed; `chmod +x ROOT/plain.txt` allows it
     --> pipeline.yaml:5:19
      |
    5 |   fourth: { run: [./plain.txt], out: { o: } }
      |                   ^^^^^^^^^^^

    error: `./nothing` is no program: there is no such file
     --> pipeline.yaml:6:18
      |
    6 |   fifth: { run: [./nothing], out: { o: } }
      |                  ^^^^^^^^^
    hint: relative paths begin at the pipeline's root, ROOT

    error: `/no/such/thing` is no program: there is no such file
     --> pipeline.yaml:7:18
      |
    7 |   sixth: { run: [/no/such/thing], in: { o: first.o }, out: { o: } }
      |                  ^^^^^^^^^^^^^^
    hint: a stage runs on the machine that `nnf` runs on

    4 faults; nothing was run
    ");
    assert!(!project.path("artifacts/latest").exists(), "nothing was run");
    let plan = project.nnf(&["plan", "second"]);
    assert_eq!(plan.code, Some(2), "{plan:?}");
    assert!(plan.out.contains("1 to run, up to 1 more") && plan.err.contains("no-such-program"), "{plan:?}");
    assert_eq!(project.nnf(&["run", "first"]).code, Some(0), "what does not need it runs");
}

#[test]
fn a_program_that_is_gone_is_no_matter_to_a_result_that_is_there() {
    let project = Project::new("");
    let elsewhere = project.path("").parent().unwrap().join("tool");
    fs_err::write(&elsewhere, "#!/bin/sh\necho made > \"$1\"\n").unwrap();
    use std::os::unix::fs::PermissionsExt;
    fs_err::set_permissions(&elsewhere, std::fs::Permissions::from_mode(0o755)).unwrap();
    project.write(
        "pipeline.yaml",
        format!("stages: {{ a: {{ run: [{}, '{{out.o}}'], out: {{ o: }} }} }}", elsewhere.display()),
    );
    assert_eq!(ran(&project, &[]).stages, ["a"]);
    fs_err::remove_file(&elsewhere).unwrap();
    assert_eq!(ran(&project, &[]).fresh, 1);
    let forced = project.nnf(&["run", "--force", "a"]);
    assert_eq!(forced.code, Some(2), "{forced:?}");
}

#[test]
fn a_program_that_a_stage_makes_is_looked_for_when_it_is_made() {
    let project = Project::new("stages:
  build: { run: [sh, -c, 'mkdir bin; cp {in.made} bin/tool; chmod +x bin/tool; touch {out.done}'], in: { made: 'file:made' }, out: { done: } }
  use: { run: [bin/tool, '{out.o}'], in: { built: build.done }, out: { o: } }
");
    project.write("made", "#!/bin/sh\necho built > \"$1\"\n");
    assert_eq!(ran(&project, &[]).stages, ["build", "use"]);
}

#[test]
fn what_has_no_end_or_no_beginning_is_no_pipeline() {
    let project = Project::new("");
    let pipe = project.path("pipe.yaml");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let _socket = std::os::unix::net::UnixListener::bind(project.path("socket.yaml")).unwrap();
    fs_err::create_dir(project.path("folder.yaml")).unwrap();
    let huge = fs_err::File::create(project.path("huge.yaml")).unwrap();
    huge.set_len(1 << 40).unwrap();
    for (file, message) in [
        ("/dev/zero", "`/dev/zero` is a device, not a pipeline file"),
        ("/dev/null", "`/dev/null` is a device, not a pipeline file"),
        ("pipe.yaml", "`pipe.yaml` is a pipe, not a pipeline file"),
        ("socket.yaml", "`socket.yaml` is a socket, not a pipeline file"),
        ("folder.yaml", "`folder.yaml` is a folder, not a pipeline file"),
        ("huge.yaml", "`huge.yaml` is too long: a pipeline has at most 67108864 bytes"),
        ("nothing.yaml", "there is no file `nothing.yaml`"),
    ] {
        for command in ["run", "plan", "gc"] {
            let outcome = project.nnf(&[command, file]);
            assert!(outcome.code == Some(2) && outcome.err.contains(message), "{command} {file}: {outcome:?}");
        }
    }
}

/// Where one of these is looked at in quadratic time, this test takes minutes.
#[test]
fn very_many_of_a_thing_take_no_more_than_their_share() {
    let all = values(30_000);
    let project = Project::new(&format!(
        "params: {{ all: [{all}] }}\nstages:
  make: {{ each: {{ x: '${{params.all}}' }}, run: [touch, '{{out.o}}'], out: {{ o: }} }}
  next: {{ each: {{ x: '${{params.all}}' }}, run: ['true'], in: {{ o: make.o }}, out: {{ o: }} }}
  here: {{ each: {{ x: '${{params.all}}' }}, run: ['true'], in: {{ o: 'next[*].o' }}, out: {{ o: }} }}
"
    ));
    let outcome = project.nnf(&["plan"]);
    assert!(outcome.err.contains("stage `next` has no axis to gather over here"), "{outcome:?}");
    let mut slips = String::from("stages:\n");
    let mut circle = String::from("stages:\n");
    for at in 0..20_000 {
        let _ = writeln!(slips, "  stage{at}: {{ run: ['true'], in: {{ a: stagx{at}.o }}, out: {{ o: }} }}");
        let _ = writeln!(circle, "  s{at}: {{ run: ['true'], in: {{ a: s{}.o }}, out: {{ o: }} }}", (at + 1) % 20_000);
    }
    project.write("slips.yaml", &slips);
    let outcome = project.nnf(&["plan", "slips.yaml"]);
    assert!(outcome.err.contains("hint: did you mean `stage0.o`?"), "{}", &outcome.err[..1000]);
    project.write("circle.yaml", &circle);
    let outcome = project.nnf(&["plan", "circle.yaml"]);
    assert!(outcome.err.contains("… 19981 more …") && outcome.err.len() < 2000, "{}", &outcome.err[..1000]);
    let mut chain = String::from("params:\n");
    for at in 0..20_000 {
        let _ = writeln!(chain, "  p{at}: '${{params.p{}}}'", at + 1);
    }
    chain += "  p20000: [a]\nstages: { s: { each: { x: '${params.p0}' }, run: ['true'], out: { o: } } }\n";
    project.write("chain.yaml", &chain);
    let outcome = project.nnf(&["plan", "chain.yaml"]);
    assert!(outcome.out.contains("s[x=a]"), "{outcome:?}");
}

#[test]
fn a_program_without_a_name_is_refused_where_it_is_written() {
    let project = Project::new(
        "params: { tool: ' ' }
stages:
  a: { run: ['', '{out.o}'], out: { o: } }
  b: { run: ['${params.tool}', '{out.o}'], out: { o: } }
",
    );
    insta::assert_snapshot!(faults_of(&project, &["run"]), @r"
    error: the name of the program is empty
     --> pipeline.yaml:3:14
      |
    3 |   a: { run: ['', '{out.o}'], out: { o: } }
      |              ^^
    hint: the first word of `run` is a program: its name in PATH, or its path with a `/`

    error: the name of the program is empty
     --> pipeline.yaml:4:14
      |
    4 |   b: { run: ['${params.tool}', '{out.o}'], out: { o: } }
      |              ^^^^^^^^^^^^^^^^
    hint: the first word of `run` is a program: its name in PATH, or its path with a `/`

    2 faults; nothing was run
    ");
}

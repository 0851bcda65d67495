//! What parts of the engine do to each other: notes, memories and bounds beside collections and changes of surroundings.

#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use support::{Outcome, Project};

const PIPELINE: &str = "params: { n: 1 }
stages:
  make: { run: [sh, -c, 'head -c 40000 /dev/zero > {out.x}; echo ${params.n} >> {out.x}'], out: { x: } }
";
/// What the engine says in its log when it goes by the note of an earlier run.
const SAID: &str = "left nothing to do";

fn run(project: &Project, words: &[&str], variables: &[(&str, &str)]) -> Outcome {
    let mut command = project.command(&[&["run"], words].concat());
    command.env("NNF_LOG", "nnf=debug").envs(variables.iter().copied());
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Outcome { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// Runs until the engine goes by the note.
fn settle(project: &Project) {
    std::thread::sleep(Duration::from_millis(2100));
    for _ in 0..2 {
        assert_eq!(run(project, &[], &[]).code, Some(0));
    }
    let outcome = run(project, &[], &[]);
    assert!(outcome.err.contains(SAID), "{}", outcome.err);
}

/// Sets the time at which a file was changed.
fn date(path: &Path, time: SystemTime) {
    fs_err::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}

fn script(project: &Project, name: &str, text: &str) {
    project.write(name, text);
    fs_err::set_permissions(project.path(name), PermissionsExt::from_mode(0o755)).unwrap();
}

#[test]
fn a_bound_holds_for_runs_with_nothing_to_do() {
    let project = Project::new(PIPELINE);
    run(&project, &["--set", "params.n=2"], &[]);
    settle(&project);
    let entries = |folder: &Path| fs_err::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let blobs = || entries(&project.path("artifacts/blobs/v1")).map(|folder| entries(&folder).count()).sum::<usize>();
    assert_eq!(blobs(), 2);
    let wrong = run(&project, &[], &[("NNF_MAX_SIZE", "plenty")]);
    assert_eq!(wrong.code, Some(2), "{wrong:?}");
    let outcome = run(&project, &[], &[("NNF_MAX_SIZE", "60KiB")]);
    assert!(outcome.code == Some(0) && outcome.err.contains("to keep the store within"), "{outcome:?}");
    assert_eq!(blobs(), 1);
}

#[test]
fn a_run_by_the_note_names_what_it_uses_though_the_run_before_it_is_gone() {
    let project = Project::new(PIPELINE);
    settle(&project);
    let runs = project.path("artifacts/runs/v1");
    fs_err::remove_dir_all(&runs).unwrap();
    fs_err::create_dir(&runs).unwrap();
    assert!(!run(&project, &[], &[]).err.contains(SAID), "nobody knows what that run was");
    assert!(run(&project, &[], &[]).err.contains(SAID));
    for run in fs_err::read_dir(&runs).unwrap() {
        let _ = fs_err::remove_file(run.unwrap().path().join("keys"));
    }
    assert!(run(&project, &[], &[]).err.contains(SAID), "what it uses is in the note");
    fs_err::remove_dir_all(project.path("artifacts/latest")).unwrap();
    let collected = project.nnf(&["gc", "--grace", "0", "--keep-runs", "1"]);
    assert_eq!(collected.code, Some(0), "{collected:?}");
    assert!(run(&project, &[], &[]).err.contains(" 0 ran, 1 fresh\n"), "its result was kept");
    for run in fs_err::read_dir(&runs).unwrap() {
        assert!(run.unwrap().path().join("pipeline.json").exists());
    }
}

/// A program that is put in another's place with the time and length of that one, as package managers do.
#[test]
fn a_program_of_the_same_length_and_time_is_asked_anew() {
    let project = Project::new("programs: { own: ./own }\nstages: { make: { use: own.make } }\n");
    let program = |fingerprint: &str| {
        format!(
            r#"#!/bin/sh
if [ "$1" = describe ]; then
  echo '{{"contract":1,"program":"own","version":"1","kinds":[{{"name":"own.make","summary":"Makes.","fingerprint":"{fingerprint}","outputs":[{{"name":"x","media":"text/plain","doc":"It."}}]}}]}}'
else
  echo {fingerprint} > "$(sed -n 's/.*"x": "\([^"]*\)".*/\1/p' "$4")"
fi
"#
        )
    };
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    for (fingerprint, ran) in [("one", " 1 ran"), ("one", " 0 ran"), ("two", " 1 ran")] {
        script(&project, "new", &program(fingerprint));
        date(&project.path("new"), long_ago);
        fs_err::rename(project.path("new"), project.path("own")).unwrap();
        let outcome = run(&project, &[], &[]);
        assert!(outcome.code == Some(0) && outcome.err.contains(ran), "{fingerprint}: {outcome:?}");
        assert_eq!(project.nnf(&["get", "make.x"]).out, format!("{fingerprint}\n"));
    }
}

/// A search path often leads to links, as those of virtual environments do.
#[test]
fn a_program_of_the_project_is_known_behind_links_in_the_search_path() {
    let project = Project::new("stages: { make: { run: [tool, '{out.x}'], out: { x: text/plain } } }\n");
    let elsewhere = tempfile::tempdir().unwrap();
    let path = format!("{}:{}", elsewhere.path().display(), std::env::var("PATH").unwrap());
    script(&project, "tools/tool.sh", "#!/bin/sh\necho one > $1\n");
    fs_err::os::unix::fs::symlink(project.path("tools/tool.sh"), elsewhere.path().join("tool")).unwrap();
    for text in ["one", "two"] {
        script(&project, "tools/tool.sh", &format!("#!/bin/sh\necho {text} > $1\n"));
        std::thread::sleep(Duration::from_millis(2100));
        for ran in [" 1 ran", " 0 ran", " 0 ran"] {
            let outcome = run(&project, &[], &[("PATH", &path)]);
            assert!(outcome.code == Some(0) && outcome.err.contains(ran), "{text}: {outcome:?}");
        }
        let output = project.command(&["get", "make.x"]).env("PATH", &path).output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{text}\n"));
    }
}

#[test]
fn an_input_that_cannot_be_a_result_is_the_same_fault_for_every_command() {
    let project = Project::new(
        "store: file:///nowhere-at-all\nstages: { make: { run: [cp, -r, '{in.a}', '{out.x}'], in: { a: 'file:folder' }, out: { x: inode/directory } } }\n",
    );
    let far = format!("file://{}", project.path("../far").display());
    project.write("folder/file", "");
    let made = std::process::Command::new("mkfifo").arg(project.path("folder/pipe")).status().unwrap();
    assert!(made.success());
    for command in ["plan", "push", "pull", "pin", "audit"] {
        let words: &[&str] = if command == "pin" { &["pin", "name"] } else { &[command] };
        let outcome = project.nnf(&[words, &["--store", &far]].concat());
        assert_eq!(outcome.code, Some(2), "{command}: {outcome:?}");
    }
}

/// The pipeline lies behind a link that is led elsewhere, as those of releases are.
#[test]
fn a_pipeline_behind_a_link_is_the_one_that_the_link_leads_to_now() {
    let project = Project::new("");
    let pipeline =
        "stages: { make: { run: [cp, '{in.a}', '{out.x}'], in: { a: 'file:a' }, out: { x: text/plain } } }\n";
    let link = project.path("current");
    for release in ["one", "two", "one"] {
        project.write(&format!("{release}/pipeline.yaml"), pipeline);
        project.write(&format!("{release}/a"), release);
        let _ = fs_err::remove_file(&link);
        fs_err::os::unix::fs::symlink(project.path(release), &link).unwrap();
        std::thread::sleep(Duration::from_millis(2100));
        for _ in 0..3 {
            assert_eq!(run(&project, &["current/pipeline.yaml"], &[]).code, Some(0));
        }
        assert_eq!(project.nnf(&["get", "current/pipeline.yaml", "make.x"]).out, release);
    }
}

/// An input is a link into another folder of the project, which is led elsewhere.
#[test]
fn an_input_behind_a_link_is_what_the_link_leads_to_now() {
    let project = Project::new(
        "stages: { make: { run: [sh, -c, 'cat {in.a}/*'], in: { a: 'file:data' }, out: {} }, copy: { run: [cp, '{in.a}', '{out.x}'], in: { a: 'file:data/a' }, out: { x: text/plain } } }\n",
    );
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    for name in ["one", "two"] {
        project.write(&format!("{name}/a"), name);
        date(&project.path(&format!("{name}/a")), long_ago);
    }
    for name in ["one", "two", "one"] {
        let _ = fs_err::remove_file(project.path("data"));
        fs_err::os::unix::fs::symlink(name, project.path("data")).unwrap();
        std::thread::sleep(Duration::from_millis(2100));
        for _ in 0..3 {
            assert_eq!(run(&project, &[], &[]).code, Some(0));
        }
        assert_eq!(project.nnf(&["get", "copy.x"]).out, name);
    }
}

#[test]
fn names_that_differ_by_an_ending_alone_do_not_meet() {
    let project = Project::new(
        "stages:
  make: { run: [sh, -c, 'echo one > {out.t}; echo two > {out.t.md}'], out: { t: text/markdown, t.md: text/markdown } }
  read:
    run: [sh, -c, 'grep -q checksum {in.t} && cat {in.t.json} > {out.x}']
    in: { t: make.record, t.json: make.t }
    out: { x: text/plain }
",
    );
    let outcome = project.nnf(&["run"]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let shown = |name: &str| fs_err::read_to_string(project.path("artifacts/latest/pipeline").join(name)).unwrap();
    assert_eq!(
        (shown("make/t"), shown("make/t.md"), shown("read/x.txt")),
        ("one\n".into(), "two\n".into(), "one\n".into())
    );
}

//! Strict stages: they see what they declare and nothing else, and the system's folders.
//!
//! Where the system cannot confine processes, the tests of what is refused have nothing to look at, and say so; that a
//! strict stage fails there is tested instead.

#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use std::os::unix::fs::symlink;

use nnf::executor::can_sandbox;
use support::{Outcome, Project};

/// Whether there is something to test; if not, it is made sure that a strict stage does not run unguarded.
fn can_be_strict() -> bool {
    let Err(error) = can_sandbox() else { return true };
    let project = Project::new("strict: true\nstages:\n  a: { run: [sh, -c, 'echo > {out.x}'], out: { x: } }\n");
    let outcome = project.nnf(&["run"]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.err.contains("stage `a` failed: this system cannot keep a stage from files"), "{}", outcome.err);
    assert!(outcome.err.contains("hint: without `strict: true` it runs with all of your rights"), "{}", outcome.err);
    std::io::Write::write_all(&mut std::io::stderr(), format!("skipped: {error}\n").as_bytes()).unwrap();
    false
}

/// A project with data that no stage declares, and a stage with this script.
fn project(script: &str, more: &str) -> Project {
    let pipeline = format!(
        "params: {{ here: HERE }}
stages:
  a:
    run: [sh, -c, '{script}']
    strict: true
    out: {{ x: text/plain }}
{more}"
    );
    let project = Project::new("");
    project.write("pipeline.yaml", pipeline.replace("HERE", project.path("").to_str().unwrap()));
    project.write("declared.txt", "declared\n");
    project.write("secret.txt", "secret\n");
    project.write("folder/one.txt", "one\n");
    project.write("folder/deep/two.txt", "two\n");
    project
}

fn run(project: &Project, code: i32) -> Outcome {
    let outcome = project.nnf(&["run"]);
    assert_eq!(outcome.code, Some(code), "{outcome:?}");
    outcome
}

fn records(project: &Project) -> usize {
    fs_err::read_dir(project.path("artifacts/records/v1")).unwrap().count()
}

#[test]
fn what_is_not_declared_cannot_be_read() {
    if !can_be_strict() {
        return;
    }
    for script in [
        "cat secret.txt > {out.x}",
        "cat ${params.here}/secret.txt > {out.x}",
        "cat folder/deep/two.txt > {out.x}",
        "cat pipeline.yaml > {out.x}",
        "ls > {out.x}",
        "ls ${params.here}/artifacts > {out.x}",
        "ls ~root > {out.x}; ls /home /root > {out.x}",
        "ln secret.txt {out.x}",
        "mv secret.txt {out.x}",
        "cat /proc/self/cwd/secret.txt > {out.x}",
        "cd $NNF_SCRATCH; ln -s ${params.here}/secret.txt s; cat s > {out.x}",
        "cat $(dirname {out.x})/../process > {out.x}",
    ] {
        let project = project(script, "");
        let outcome = project.nnf(&["run"]);
        assert_eq!(outcome.code, Some(1), "{script}: {outcome:?}");
        let hint = "hint: it runs with `strict: true`; files that it reads are to be listed under `in` or `code`";
        assert!(outcome.err.contains(hint), "{script}: {}", outcome.err);
        let refused = ["denied", "not permitted", "cross-device"].iter().any(|word| outcome.err.contains(word));
        assert!(refused, "{script}: {}", outcome.err);
        assert_eq!(records(&project), 0, "{script}");
        assert_eq!(fs_err::read_to_string(project.path("secret.txt")).unwrap(), "secret\n", "{script}");
        let lax =
            fs_err::read_to_string(project.path("pipeline.yaml")).unwrap().replace("strict: true", "strict: false");
        if script.starts_with("cat") && !script.contains("process") {
            project.write("pipeline.yaml", lax);
            run(&project, 0);
        }
    }
}

#[test]
fn nothing_outside_its_own_folders_can_be_changed() {
    if !can_be_strict() {
        return;
    }
    for change in [
        "echo more >> secret.txt",
        "echo new > new.txt",
        "rm secret.txt",
        "mkdir new",
        "truncate -s 0 secret.txt",
        "chmod u+w {in.x}; echo more >> {in.x}",
        "echo more >> {in.file}",
        "echo > /tmp/nnf-strict-$$",
        "echo > $(dirname {out.x})/../owner",
    ] {
        let project = project(
            &format!("echo > {{out.x}}; {change}"),
            "    in: { x: make.x, file: 'file:declared.txt' }
  make: { run: [sh, -c, 'echo made > {out.x}'], out: { x: text/plain } }
",
        );
        let outcome = run(&project, 1);
        assert!(outcome.err.contains("denied"), "{change}: {}", outcome.err);
        let text = |name: &str| fs_err::read_to_string(project.path(name)).unwrap();
        assert_eq!((text("secret.txt"), text("declared.txt")), ("secret\n".into(), "declared\n".into()), "{change}");
        assert_eq!(text("artifacts/latest/pipeline/make/x.txt"), "made\n", "{change}");
        assert!(!project.path("new.txt").exists() && !project.path("new").exists(), "{change}");
    }
}

#[test]
fn what_is_declared_can_be_read_and_written() {
    if !can_be_strict() {
        return;
    }
    let project = project(
        "set -e; cat {in.x} {in.file} {in.folder}/deep/two.txt {in.link} folder/one.txt; sh tools/lib.sh;
         ls -R {in.folder}; cat {in.many}; cat {in.record} | grep -c key;
         echo scratch > $TMPDIR/s; mkdir $HOME/d; mv $TMPDIR/s $HOME/d/s; ln $HOME/d/s $HOME/t;
         echo {} >> $NNF_EVENTS; echo kept > $NNF_CHECKPOINT/c; test -r /etc/passwd; echo > /dev/null;
         head -c 1 /dev/urandom | wc -c; cat /proc/cpuinfo | head -n 1;
         mkdir {out.tree}; mv $HOME/t {out.tree}/t; cp {in.file} {out.x}",
        "    in: { x: make.x, file: 'file:declared.txt', folder: 'file:folder', link: 'file:link.txt', many: { a: make.x, b: 'file:secret.txt' }, record: make.record }
    code: [tools]
    resumes: true
  make: { run: [sh, -c, 'echo made > {out.x}'], out: { x: text/plain } }
",
    );
    let text = fs_err::read_to_string(project.path("pipeline.yaml")).unwrap();
    let text = text.replace("{ x: text/plain }\n    in", "{ x: text/plain, tree: inode/directory }\n    in");
    // `{in.many}` is a list and must be a word by itself.
    let text = text
        .replace("cat {in.many}", "cat \"$@\"")
        .replace("cp {in.file} {out.x}']", "cp {in.file} {out.x}', sh, '{in.many}']");
    project.write("pipeline.yaml", text);
    project.write("tools/lib.sh", "echo from a tool\n");
    symlink(project.path("secret.txt"), project.path("link.txt")).unwrap();
    run(&project, 0);
    assert_eq!(project.nnf(&["get", "a.x"]).out, "declared\n");
    let log = project.nnf(&["log", "a"]).out;
    assert!(log.starts_with("made\ndeclared\ntwo\nsecret\none\nfrom a tool\n"), "{log}");
    let record = project.nnf(&["get", "a.record"]).out;
    assert!(record.contains("\"strict\": \"true\""), "{record}");
}

#[test]
fn strictness_is_no_part_of_the_key() {
    if !can_be_strict() {
        return;
    }
    let project = project("echo > {out.x}", "");
    run(&project, 0);
    let strict = fs_err::read_to_string(project.path("pipeline.yaml")).unwrap();
    for lax in [strict.replace("    strict: true\n", ""), strict.replace("strict: true", "strict: false")] {
        project.write("pipeline.yaml", lax);
        assert!(run(&project, 0).err.contains(" 0 ran, 1 fresh\n"));
    }
}

#[test]
fn a_pipeline_can_be_strict_and_a_stage_of_it_not() {
    if !can_be_strict() {
        return;
    }
    let project = Project::new(
        "strict: true
stages:
  a: { run: [sh, -c, 'cat secret.txt'], out: {} }
  b: { run: [sh, -c, 'cat secret.txt'], strict: false, out: {} }
",
    );
    project.write("secret.txt", "secret\n");
    let outcome = project.nnf(&["run", "--keep-going"]);
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.err.contains("stage `a` failed") && outcome.err.contains("done b"), "{}", outcome.err);
    let wrong = project.nnf(&["run"]).err.len();
    project.write("pipeline.yaml", "strict: perhaps\nstages: { a: { run: ['true'], strict: 1 } }\n");
    let outcome = project.nnf(&["run"]);
    assert!(wrong > 0 && outcome.code == Some(2), "{outcome:?}");
    assert_eq!(outcome.err.matches("`strict` is `true` or `false`").count(), 2, "{}", outcome.err);
}

#[test]
fn an_input_folder_shows_what_its_key_knows() {
    if !can_be_strict() {
        return;
    }
    let script = |read: &str| format!("cd {{in.all}}; cat folder/one.txt > {{out.x}}; {read}");
    let more = "    in: { all: 'file:.' }\n";
    run(&project(&script("cat secret.txt"), more), 0);
    for read in ["cat .git/config", "cat lib/.git/config", "cat tree/.git", "cat artifacts/.gitignore"] {
        let project = project(&script(read), more);
        project.write(".git/config", "mine\n");
        project.write("lib/.git/config", "mine\n");
        project.write("tree/.git", "gitdir: elsewhere\n");
        let outcome = run(&project, 1);
        assert!(outcome.err.contains("ermission denied"), "{read}: {}", outcome.err);
    }
}

#[test]
fn tools_outside_the_system_have_to_be_named() {
    if !can_be_strict() {
        return;
    }
    let elsewhere = tempfile::tempdir().unwrap();
    let tool = elsewhere.path().join("bin/tool");
    fs_err::create_dir(elsewhere.path().join("bin")).unwrap();
    fs_err::write(elsewhere.path().join("library"), "of the tool\n").unwrap();
    fs_err::write(&tool, "#!/bin/sh\ncat ${0%/bin/tool}/library > $1\n").unwrap();
    fs_err::set_permissions(&tool, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let project = Project::new("");
    let pipeline = |tools: &str| {
        format!(
            "strict: true\ntools: [{tools}]\nstages:\n  a: {{ run: ['{}', '{{out.x}}'], out: {{ x: text/plain }} }}\n",
            tool.display()
        )
    };
    project.write("pipeline.yaml", pipeline(""));
    assert!(run(&project, 1).err.contains("library: Permission denied"));
    project.write("pipeline.yaml", pipeline(elsewhere.path().to_str().unwrap()));
    run(&project, 0);
    assert_eq!(project.nnf(&["get", "a.x"]).out, "of the tool\n");
    project.write("pipeline.yaml", pipeline("/no/such/folder"));
    let outcome = run(&project, 2);
    assert!(outcome.err.contains("`/no/such/folder` is none of the tools: "), "{}", outcome.err);
}

/// A kind's program gets its task, its code and its inputs.
#[test]
fn a_kind_can_be_strict() {
    if !can_be_strict() {
        return;
    }
    let project = Project::new(
        "strict: true
programs: { mine: { run: [sh, kinds.sh], code: [kinds.sh] } }
stages: { a: { use: copy, in: { x: 'file:declared.txt' } } }
",
    );
    project.write("declared.txt", "declared\n");
    project.write(
        "kinds.sh",
        r#"if [ "$1" = describe ]; then
  echo '{"contract":1,"program":"mine","version":"1","kinds":[{"name":"copy","summary":"copies","fingerprint":"1",
    "inputs":[{"name":"x","media":"*/*","doc":"what"}],"outputs":[{"name":"y","media":"text/plain","doc":"copy"}]}]}'
  exit
fi
sed -n 's/.*"one": "\(.*\)".*/\1/p' "$4" > "$NNF_SCRATCH/from"
sed -n 's/ *"y": "\(.*\)".*/\1/p' "$4" > "$NNF_SCRATCH/to"
cp "$(cat "$NNF_SCRATCH/from")" "$(cat "$NNF_SCRATCH/to")"
"#,
    );
    run(&project, 0);
    assert_eq!(project.nnf(&["get", "a.y"]).out, "declared\n");
}

#[test]
fn a_strict_stage_can_be_stopped_and_its_exit_code_is_its_own() {
    if !can_be_strict() {
        return;
    }
    let outcome = run(&project("exit 7", ""), 1);
    assert!(outcome.err.contains("stage `a` failed with exit status 7"), "{}", outcome.err);
    let outcome = run(&project("sleep 600", "    timeout: 200ms\n"), 1);
    assert!(outcome.err.contains("it took longer than its timeout"), "{}", outcome.err);
}

/// A kernel stacks only so many restrictions, so within enough of them the next one is refused.
#[test]
fn a_stage_that_cannot_be_confined_does_not_run() {
    if !can_be_strict() {
        return;
    }
    let project = project("echo ran > {out.x}", "");
    project.write("all.json", "{\"read\":[],\"list\":[],\"write\":[\"/\"]}");
    let nnf = env!("CARGO_BIN_EXE_nnf");
    let mut words: Vec<String> = Vec::new();
    for _ in 0..16 {
        words.extend([nnf.into(), "__sandbox".into(), project.path("all.json").display().to_string()]);
    }
    words.extend([nnf.into(), "run".into()]);
    let words: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
    let outcome = project.nnf(&words);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.err.contains("stage `a` failed with exit status 125"), "{}", outcome.err);
    assert!(outcome.err.contains("nnf: the system refused to keep a stage from files"), "{}", outcome.err);
    assert_eq!(records(&project), 0);
}

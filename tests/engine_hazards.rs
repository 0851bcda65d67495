//! What the world does to a run: inputs that change and vanish, disks that fill up, clocks that lie, stages that leave
//! processes, floods and odd files behind.

#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use std::os::unix::fs::MetadataExt;
use std::process::Command;
use std::time::{Duration, SystemTime};

use support::{Outcome, Project};

/// A pipeline of one stage that knows where the project lies.
fn one(script: &str, more: &str) -> Project {
    let project = Project::new("");
    let text = format!(
        "params: {{ here: {} }}\nstages:\n  a:\n    run: [sh, -c, '{script}']\n{more}",
        project.path("").display()
    );
    project.write("pipeline.yaml", text);
    project
}

fn run(project: &Project, code: i32) -> Outcome {
    let outcome = project.nnf(&["run"]);
    assert_eq!(outcome.code, Some(code), "{outcome:?}");
    outcome
}

fn records(project: &Project) -> usize {
    let folders = fs_err::read_dir(project.path("artifacts/records/v1")).unwrap();
    folders.map(|folder| fs_err::read_dir(folder.unwrap().path()).unwrap().count()).sum()
}

#[test]
fn what_changes_while_a_stage_runs_leaves_no_record() {
    let changes = [
        (
            "changed back, and its times too",
            "cp -p data keep; echo two > data; cat keep > data; touch -r keep data",
            "data",
        ),
        ("the same size", "echo two > data", "data"),
        ("gone", "rm data", "data"),
        ("gone and back", "mv data keep; mv keep data", "data"),
        ("a link to another", "mv data keep; ln -s keep data", "data"),
        ("its code", "echo true >> tool/main.sh", "tool"),
        ("a new file of its code", "echo > tool/other.sh", "tool"),
    ];
    for (what, change, name) in changes {
        let project = one(
            &format!("cat {{in.data}} > {{out.x}}; . tool/main.sh; cd ${{params.here}}; {change}"),
            "    in: { data: 'file:data' }\n    code: [tool]\n    out: { x: text/plain }\n",
        );
        project.write("data", "one\n");
        project.write("tool/main.sh", "true\n");
        let outcome = run(&project, 1);
        let said = match what {
            // Its only copy is what the stage wrote.
            "gone" => "its input `data` was gone when it ended and was put back from what it left".to_owned(),
            _ => format!("its input `{name}` was changed while it ran, so nothing was recorded; run again"),
        };
        assert!(outcome.err.contains(&said), "{what}: {}", outcome.err);
        assert_eq!(records(&project), 0, "{what}");
    }
}

#[test]
fn a_checkpoint_that_rests_on_other_content_is_not_gone_on_from() {
    for (what, end) in [("it fails", "exit 1"), ("it ends well", "cp data {out.x}; exit 0")] {
        let project = one(
            &format!(
                "cd ${{params.here}}; test -e second || {{ touch second; cp data keep; echo two > data; \
                 cp data $NNF_CHECKPOINT/seen; cat keep > data; {end}; }}; \
                 test -e $NNF_CHECKPOINT/seen || cp data $NNF_CHECKPOINT/seen; cp $NNF_CHECKPOINT/seen {{out.x}}"
            ),
            "    in: { data: 'file:data' }\n    out: { x: text/plain }\n    resumes: true\n",
        );
        project.write("data", "one\n");
        assert!(run(&project, 1).err.contains("its input `data` was changed while it ran"), "{what}");
        run(&project, 0);
        assert_eq!(project.nnf(&["get", "a.x"]).out, "one\n", "{what}");
    }
}

#[test]
fn an_edit_of_the_pipeline_while_it_runs_is_for_the_next_run() {
    let project =
        one("echo old > {out.x}; sed -i s/old/new/ ${params.here}/pipeline.yaml", "    out: { x: text/plain }\n");
    run(&project, 0);
    let latest = project.path("artifacts/latest/pipeline/a/x.txt");
    assert_eq!(fs_err::read_to_string(&latest).unwrap(), "old\n");
    assert!(run(&project, 0).err.contains(" 1 ran, 0 fresh\n"));
    assert_eq!(fs_err::read_to_string(&latest).unwrap(), "new\n");
}

#[test]
fn an_input_that_is_gone_when_its_turn_comes_is_no_fault_of_the_store() {
    let project = one(
        "rm ${params.here}/data; echo > {out.x}",
        "    out: { x: text/plain }
  b: { run: [cat, '{in.data}', '{in.x}'], in: { x: a.x, data: 'file:data' } }
  c: { run: [sh, -c, 'cat {in.x} > {out.x}'], in: { x: a.x }, out: { x: text/plain } }
",
    );
    project.write("data", "one\n");
    let outcome = project.nnf(&["run", "--keep-going"]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    let said = "error: stage `b` failed: the input `data`, ROOT/data, cannot be read: it, or something in it, is not there any more\n";
    assert!(outcome.err.contains(said), "{}", outcome.err);
    assert!(outcome.err.contains("done c"), "{}", outcome.err);
    for arguments in [&["plan"][..], &["why", "b"], &["run"]] {
        assert_eq!(project.nnf(arguments).code, Some(2), "{arguments:?}");
    }
}

#[test]
fn times_in_the_future_are_not_believed() {
    let project = one("cat {in.data} > {out.x}", "    in: { data: 'file:data' }\n    out: { x: text/plain }\n");
    let future = SystemTime::now() + Duration::from_secs(100_000);
    for text in ["one\n", "two\n", "six\n"] {
        project.write("data", text);
        fs_err::File::options().write(true).open(project.path("data")).unwrap().set_modified(future).unwrap();
        assert!(run(&project, 0).err.contains(" 1 ran, 0 fresh\n"), "{text}");
        assert_eq!(project.nnf(&["get", "a.x"]).out, text);
    }
    assert!(run(&project, 0).err.contains(" 0 ran, 1 fresh\n"));
}

/// A shell with a mount table of its own, in which a small disk is the store. None where the system forbids that.
fn on_a_small_disk(project: &Project, script: &str) -> Option<String> {
    let allowed = |flags: &str| {
        let try_it = "mount -t tmpfs -o size=1m tmpfs /mnt";
        Command::new("unshare").args([flags, "sh", "-c", try_it]).output().is_ok_and(|output| output.status.success())
    };
    let flags = ["-m", "-rm"].into_iter().find(|flags| allowed(flags));
    let Some(flags) = flags else {
        std::io::Write::write_all(&mut std::io::stderr(), b"skipped: no disk can be mounted here\n").unwrap();
        return None;
    };
    fs_err::create_dir_all(project.path("artifacts")).unwrap();
    let script = format!(
        "set -u; mount -t tmpfs -o size=24m tmpfs artifacts; nnf() {{ {} \"$@\" 2>&1; }}; {script}",
        env!("CARGO_BIN_EXE_nnf")
    );
    let environment: Vec<(String, std::ffi::OsString)> = project
        .command(&[])
        .get_envs()
        .filter_map(|(name, value)| Some((name.to_str()?.to_owned(), value?.to_owned())))
        .collect();
    let mut command = Command::new("unshare");
    command.args([flags, "sh", "-c", &script]).current_dir(project.path("")).env_clear().envs(environment);
    let output = command.output().unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn a_full_disk_loses_nothing_that_was_finished() {
    let project = one(
        "echo small > {out.x}",
        "    out: { x: text/plain }
  big: { run: [sh, -c, 'head -c 20000000 /dev/zero > {out.y}'], in: { x: a.x }, out: { y: application/octet-stream } }
",
    );
    // First the stage has no room for its output, then the engine has none for anything.
    let said = on_a_small_disk(
        &project,
        "head -c 12000000 /dev/zero > artifacts/filler; nnf run; echo code $?; head -c 100000000 /dev/zero >> artifacts/filler 2>/dev/null
         nnf run; echo code $?; rm artifacts/filler; nnf run; echo code $?
         nnf get big.y -o copy >/dev/null; echo code $?; ls -A artifacts/attempts",
    );
    let Some(said) = said else { return };
    let codes: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix("code ")).collect();
    assert_eq!(codes, ["1", "3", "0", "0"], "{said}");
    assert!(said.contains("No space left on device"), "{said}");
    assert!(said.contains("(make room on the disk and run again; nothing is lost)"), "{said}");
    assert!(said.contains(" 1 ran, 1 fresh\n"), "{said}");
    assert_eq!(fs_err::metadata(project.path("copy")).unwrap().len(), 20_000_000);
    assert!(said.ends_with("code 0\n"), "nothing is left among the attempts: {said}");
}

#[test]
fn a_store_that_is_read_only_can_be_read() {
    let project = one("echo to the log; echo ${params.here} > {out.x}", "    out: { x: text/plain }\n");
    let said = on_a_small_disk(
        &project,
        "nnf run >/dev/null; echo code $?; mount --bind -o ro artifacts artifacts; nnf get a.x; echo code $?
         nnf plan; echo code $?; nnf log a; echo code $?; nnf run; echo code $?",
    );
    let Some(said) = said else { return };
    let codes: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix("code ")).collect();
    assert_eq!(codes, ["0", "0", "0", "0", "3"], "{said}");
    assert!(said.contains("nothing to run, 1 fresh"), "{said}");
    assert!(said.contains("(the store has to lie on a disk that can be written)"), "{said}");
}

#[test]
fn a_store_without_permission_says_so() {
    let project = one("echo > {out.x}", "    out: { x: text/plain }\n");
    run(&project, 0);
    let set = |mode| {
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(mode);
        fs_err::set_permissions(project.path("artifacts/runs/v1"), permissions).unwrap();
    };
    set(0o500);
    let outcome = project.nnf(&["run"]);
    set(0o755);
    // Nothing is forbidden to the superuser.
    if fs_err::metadata(project.path("")).unwrap().uid() != 0 {
        assert_eq!(outcome.code, Some(3), "{outcome:?}");
        assert!(outcome.err.contains("(give yourself permission to write there)"), "{}", outcome.err);
    }
}

#[cfg(target_os = "linux")]
mod processes {
    use super::*;

    fn is_there(id: &str) -> bool {
        let state = fs_err::read_to_string(format!("/proc/{}/stat", id.trim()));
        state.is_ok_and(|text| text.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z')))
    }

    #[test]
    fn a_process_that_left_its_group_ends_with_its_stage() {
        let daemon = "setsid sh -c \"setsid sleep 600 & echo \\$! > ${params.here}/inner; sleep 600\" & echo $! > ${params.here}/outer; while ! test -s ${params.here}/inner; do sleep 0.02; done";
        for (end, code) in [("echo > {out.x}", 0), ("exit 1", 1)] {
            let project = one(&format!("{daemon}; {end}"), "    out: { x: text/plain }\n");
            run(&project, code);
            for name in ["inner", "outer"] {
                let id = fs_err::read_to_string(project.path(name)).unwrap();
                assert!(!is_there(&id), "{name} outlives its stage");
            }
        }
    }

    /// The engine is killed; the process that left its group is found by the next run.
    #[test]
    fn a_process_that_left_its_group_ends_before_the_next_run() {
        let script = "test -e ${params.here}/again && { echo > {out.x}; exit; }; touch ${params.here}/again; setsid sleep 600 & echo $! > ${params.here}/new; mv ${params.here}/new ${params.here}/id; wait";
        let project = one(script, "    out: { x: text/plain }\n");
        let mut nnf = project.command(&["run"]).stderr(std::process::Stdio::null()).spawn().unwrap();
        while !project.path("id").exists() {
            std::thread::sleep(Duration::from_millis(10));
        }
        nnf.kill().unwrap();
        nnf.wait().unwrap();
        let id = fs_err::read_to_string(project.path("id")).unwrap();
        assert!(is_there(&id), "it outlives a killed engine");
        let outcome = run(&project, 0);
        assert!(!is_there(&id), "{}", outcome.err);
        assert!(outcome.err.contains("left by a killed run, were ended"), "{}", outcome.err);
    }

    /// Before the process's number is noted, the engine may be killed too.
    #[test]
    fn a_process_of_which_there_is_no_note_ends_before_the_next_run() {
        let script = "test -e ${params.here}/again && { echo > {out.x}; exit; }; touch ${params.here}/again; echo $$ > ${params.here}/new; mv ${params.here}/new ${params.here}/id; sleep 600";
        let project = one(script, "    out: { x: text/plain }\n");
        let mut nnf = project.command(&["run"]).stderr(std::process::Stdio::null()).spawn().unwrap();
        while !project.path("id").exists() {
            std::thread::sleep(Duration::from_millis(10));
        }
        nnf.kill().unwrap();
        nnf.wait().unwrap();
        let engine = fs_err::read_dir(project.path("artifacts/attempts")).unwrap().next().unwrap().unwrap().path();
        for attempt in fs_err::read_dir(engine).unwrap() {
            let _ = fs_err::remove_file(attempt.unwrap().path().join("process"));
        }
        run(&project, 0);
        assert!(!is_there(&fs_err::read_to_string(project.path("id")).unwrap()));
    }

    #[test]
    fn a_stage_that_ignores_the_signal_to_end_is_killed() {
        let project = one(
            "echo $$ > ${params.here}/id; trap \"\" TERM; while :; do sleep 0.05; done",
            "    timeout: 200ms\n    out: { x: }\n",
        );
        assert!(run(&project, 1).err.contains("it took longer than its timeout of 0.2 s and was ended"));
        assert!(!is_there(&fs_err::read_to_string(project.path("id")).unwrap()));
    }
}

/// The live log's middle is given back to the disk, and nobody reads all of it into memory.
#[test]
fn a_flood_of_log_takes_little_room() {
    let flood = "echo first; head -c 400000000 /dev/zero | tr \"\\\\0\" x; echo; echo last";
    let project = one(&format!("{flood}; echo > {{out.x}}"), "    out: { x: text/plain }\n");
    run(&project, 0);
    let runs = fs_err::read_dir(project.path("artifacts/runs/v1")).unwrap().next().unwrap().unwrap().path();
    let log = fs_err::metadata(runs.join("logs/a.1.log")).unwrap();
    assert!(log.len() > 400_000_000);
    if cfg!(target_os = "linux") {
        assert!(log.blocks() * 512 < 200_000_000, "{} bytes are on disk", log.blocks() * 512);
    }
    let shown = project.nnf(&["log", "a"]).out;
    assert!(shown.starts_with("first\nxxx") && shown.ends_with("xxx\nlast\n"), "both ends are shown");
    assert!(shown.len() < 80 << 20 && shown.contains("bytes of the log are left out"), "{}", shown.len());
    assert!(!shown.contains('\0'), "no hole is shown");
}

#[test]
fn a_folder_of_many_files_is_kept() {
    let project = one(
        "mkdir {out.x}; cd {out.x}; seq 1 5000 | xargs touch; echo one > 1",
        "    out: { x: inode/directory }
  b: { run: [sh, -c, 'ls {in.x} | wc -l > {out.x}'], in: { x: a.x }, out: { x: text/plain } }
",
    );
    run(&project, 0);
    assert_eq!(project.nnf(&["get", "b.x"]).out.trim(), "5000");
}

/// The owner of a folder may do with its permissions what it likes; the engine has the same owner.
#[test]
fn folders_and_files_that_were_made_unreadable_are_kept() {
    let project = one(
        "mkdir -p {out.x}/a/b; echo one > {out.x}/a/b/c; echo two > {out.y}; chmod 000 {out.x}/a/b/c {out.x}/a/b {out.x}/a {out.x} {out.y}",
        "    out: { x: inode/directory, y: text/plain }\n",
    );
    run(&project, 0);
    assert_eq!(fs_err::read_to_string(project.path("artifacts/latest/pipeline/a/x/a/b/c")).unwrap(), "one\n");
    assert_eq!(project.nnf(&["get", "a.y"]).out, "two\n");
}

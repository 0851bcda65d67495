//! Processes of stages: timeouts, interruptions, leftovers of a killed run. Nothing that a stage started outlives it.

#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use support::Project;

/// Longest time that anything here is waited for; reached only when a test fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// A stage that writes the ids of itself and of a grandchild, and then does what the script says.
fn project(script: &str, more: &str) -> Project {
    let marks = "params: { marks: MARKS }";
    let stage = format!(
        "run: [sh, -c, '(sleep 600 & echo $! > ${{params.marks}}/grandchild; wait) & echo $$ > ${{params.marks}}/child.new; mv ${{params.marks}}/child.new ${{params.marks}}/child; {script}']"
    );
    let project = Project::new("");
    let text = format!("{marks}\nstages:\n  a:\n    {stage}\n    out: {{ x: text/plain }}\n{more}");
    fs_err::create_dir(project.path("../marks")).unwrap();
    let marks = project.path("").parent().unwrap().join("marks");
    project.write("pipeline.yaml", text.replace("MARKS", marks.to_str().unwrap()));
    project
}

fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn mark(project: &Project, name: &str) -> std::path::PathBuf {
    project.path("").parent().unwrap().join("marks").join(name)
}

/// The process id in a file, once it is there.
fn process(project: &Project, name: &str) -> Pid {
    let read = |path: &Path| fs_err::read_to_string(path).ok()?.trim().parse().ok();
    Pid::from_raw(eventually(name, || read(&mark(project, name)))).unwrap()
}

/// A process is gone, or a zombie that its new parent has not looked at yet.
fn is_gone(id: Pid) -> bool {
    let state = fs_err::read_to_string(format!("/proc/{}/stat", id.as_raw_nonzero()));
    let zombie = state.is_ok_and(|text| text.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z')));
    zombie || test_kill_process(id).is_err()
}

fn assert_all_end(project: &Project) {
    for name in ["child", "grandchild"] {
        let id = process(project, name);
        eventually(name, || is_gone(id).then_some(()));
    }
    let left = fs_err::read_dir(project.path("artifacts/attempts")).unwrap().count();
    assert_eq!(left, 0, "a folder of an attempt is left");
}

/// A run that heeds signals, though whoever runs the tests may ignore some: a shell does for what it starts in the
/// background.
fn spawn(project: &Project, arguments: &[&str]) -> Child {
    if cfg!(target_os = "linux") {
        return spawn_by(project, "--default-signal", arguments);
    }
    project.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// A run that begins with signals as an option of `env` sets them.
fn spawn_by(project: &Project, signals: &str, arguments: &[&str]) -> Child {
    let own = project.command(arguments);
    let mut command = std::process::Command::new("env");
    command.arg(signals).arg(own.get_program()).args(own.get_args()).current_dir(project.path(""));
    command.envs(own.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// The exit code, and what was said.
fn end(child: Child) -> (Option<i32>, String) {
    let output = child.wait_with_output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(!text.contains("panicked"), "{text}");
    (output.status.code(), text)
}

fn is_recorded(project: &Project) -> bool {
    fs_err::read_dir(project.path("artifacts/records/v1")).unwrap().count() > 0
}

#[test]
fn a_timeout_ends_the_whole_process_group() {
    let project = project("sleep 600", "    timeout: 300ms\n");
    let outcome = project.nnf(&["run"]);
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.err.contains("error: stage `a` failed: it took longer than its timeout of 0.3 s and was ended\n"));
    assert_all_end(&project);
}

#[test]
fn a_stage_that_ends_well_when_it_is_told_to_end_has_not_done_its_work() {
    let project =
        project("echo half > {out.x}; trap \"exit 0\" TERM; while :; do sleep 0.02; done", "    timeout: 300ms\n");
    let outcome = project.nnf(&["run"]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.err.contains("it took longer than its timeout"), "{}", outcome.err);
    assert!(!is_recorded(&project));
    assert_all_end(&project);
}

#[test]
fn what_a_stage_leaves_running_is_ended_with_it() {
    let project = project("while ! test -s ${params.marks}/grandchild; do sleep 0.02; done; echo done > {out.x}", "");
    assert_eq!(project.nnf(&["run"]).code, Some(0));
    assert_all_end(&project);
}

#[test]
fn an_interruption_stops_stages_cleanly() {
    let more = "  b: { run: [cp, '{in.x}', '{out.x}'], in: { x: a.x }, out: { x: } }\n";
    let project =
        project("trap \"echo tidy > ${params.marks}/tidied; exit 1\" TERM; while :; do sleep 0.02; done", more);
    // Each would end a program that does not heed it.
    let ending = [
        Signal::INT,
        Signal::TERM,
        Signal::QUIT,
        Signal::USR1,
        Signal::USR2,
        Signal::ALARM,
        Signal::VTALARM,
        Signal::PROF,
        Signal::IO,
        Signal::ABORT,
        Signal::XCPU,
    ];
    for with in ending {
        let _ = fs_err::remove_dir_all(mark(&project, ""));
        fs_err::create_dir(mark(&project, "")).unwrap();
        let run = spawn(&project, &["run"]);
        process(&project, "grandchild");
        process(&project, "child");
        signal(&run, with);
        let (code, said) = end(run);
        assert_eq!(code, Some(130), "{said}");
        assert!(said.contains("  stopped a\n") && said.contains("  not started: a, b\ninterrupted in "), "{said}");
        assert!(!said.contains("error:"), "{said}");
        assert_eq!(fs_err::read_to_string(mark(&project, "tidied")).unwrap(), "tidy\n");
        assert_all_end(&project);
        assert!(!is_recorded(&project));
    }
    assert!(project.nnf(&["runs"]).out.lines().all(|line| line.contains("interrupted")));
}

/// `nohup` says that a run is to outlive its terminal.
#[cfg(target_os = "linux")]
#[test]
fn the_loss_of_the_terminal_interrupts_unless_it_is_to_be_ignored() {
    let project = project("while ! test -e ${params.marks}/go; do sleep 0.02; done; echo > {out.x}", "");
    for (with, expected) in [("--default-signal=HUP", 130), ("--ignore-signal=HUP", 0)] {
        let _ = fs_err::remove_dir_all(mark(&project, ""));
        fs_err::create_dir(mark(&project, "")).unwrap();
        let run = spawn_by(&project, with, &["run"]);
        process(&project, "grandchild");
        process(&project, "child");
        signal(&run, Signal::HUP);
        if expected == 0 {
            fs_err::write(mark(&project, "go"), "").unwrap();
        }
        let (code, said) = end(run);
        assert_eq!(code, Some(expected), "{with}: {said}");
        assert_all_end(&project);
    }
}

#[test]
fn a_second_interruption_kills_what_does_not_end() {
    let project = project("trap \"\" TERM; while :; do sleep 0.02; done", "");
    let run = spawn(&project, &["run", "--json"]);
    process(&project, "grandchild");
    process(&project, "child");
    signal(&run, Signal::INT);
    std::thread::sleep(Duration::from_millis(200));
    signal(&run, Signal::INT);
    let (code, said) = end(run);
    assert_eq!(code, Some(130), "{said}");
    assert!(said.contains("\"interrupted\":true"), "{said}");
    assert_all_end(&project);
}

#[test]
fn leftovers_of_a_killed_run_are_ended_before_the_next_one() {
    let project = project(
        "test -e ${params.marks}/again || { touch ${params.marks}/again; sleep 600; }; echo done > {out.x}",
        "",
    );
    let run = spawn(&project, &["run"]);
    process(&project, "grandchild");
    let (child, grandchild) = (process(&project, "child"), process(&project, "grandchild"));
    eventually("its note", || {
        let engine = fs_err::read_dir(project.path("artifacts/attempts")).ok()?.next()?.ok()?.path();
        let note = fs_err::read_to_string(engine.join("0/process")).ok()?;
        note.ends_with('\n').then_some(())
    });
    eventually("the second mark", || mark(&project, "again").exists().then_some(()));
    signal(&run, Signal::KILL);
    assert_eq!(end(run).0, None);
    assert!(!is_gone(child) && !is_gone(grandchild), "they outlive a killed engine");
    let outcome = project.nnf(&["run"]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(outcome.err.contains("left by a killed run, was ended"), "{}", outcome.err);
    assert!(is_gone(child));
    eventually("the grandchild's end", || is_gone(grandchild).then_some(()));
    assert_all_end(&project);
    let runs = project.nnf(&["runs"]).out;
    assert!(runs.contains("done ") && runs.contains("unfinished "), "{runs}");
}

/// The state of a process as the system tells it: running, sleeping, stopped.
#[cfg(target_os = "linux")]
fn state(id: Pid) -> char {
    let text = fs_err::read_to_string(format!("/proc/{}/stat", id.as_raw_nonzero())).unwrap_or_default();
    text.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next()).unwrap_or('-')
}

#[cfg(target_os = "linux")]
#[test]
fn what_stops_nnf_stops_its_stages_and_lets_them_go_on_with_it() {
    // The first child has a process group of its own, as `timeout` makes one. The time while all is stopped does not count.
    let marks = "${params.marks}";
    let script = format!(
        "timeout 600 sh -c \"echo \\$\\$ > {marks}/inner.new; mv {marks}/inner.new {marks}/inner; while ! test -e {marks}/go; do sleep 0.02; done\"; echo > {{out.x}}"
    );
    for with in [Signal::TSTP, Signal::TTOU, Signal::TTIN] {
        let project = project(&script, "    timeout: 3s\n");
        let run = spawn(&project, &["run"]);
        let stages = ["grandchild", "child", "inner"].map(|name| process(&project, name));
        let all = [Pid::from_child(&run), stages[0], stages[1], stages[2]];
        signal(&run, with);
        for id in all {
            eventually("a stop", || (state(id) == 'T').then_some(()));
        }
        std::thread::sleep(Duration::from_millis(3200));
        assert!(all.iter().all(|id| state(*id) == 'T'));
        signal(&run, Signal::CONT);
        for id in all {
            eventually("going on", || (state(id) != 'T').then_some(()));
        }
        fs_err::write(mark(&project, "go"), "").unwrap();
        let (code, said) = end(run);
        assert_eq!(code, Some(0), "{said}");
        assert_all_end(&project);
    }
}

/// A shell that starts something in the background has it ignore the keys of the terminal.
#[cfg(target_os = "linux")]
#[test]
fn what_was_to_be_ignored_is_ignored() {
    let project = project("while ! test -e ${params.marks}/go; do sleep 0.02; done; echo > {out.x}", "");
    let run = spawn_by(&project, "--ignore-signal=QUIT,USR1,TSTP", &["run"]);
    process(&project, "grandchild");
    process(&project, "child");
    for with in [Signal::QUIT, Signal::USR1, Signal::TSTP] {
        signal(&run, with);
    }
    fs_err::write(mark(&project, "go"), "").unwrap();
    let (code, said) = end(run);
    assert_eq!(code, Some(0), "{said}");
    assert_all_end(&project);
}

/// What was stopped as it measured has measured something else.
#[cfg(target_os = "linux")]
#[test]
fn what_measures_and_was_stopped_meanwhile_measures_again() {
    let project =
        Project::new("programs: { mine: { run: [sh, kinds.sh], code: [kinds.sh] } }\nstages: { a: { use: mine.a } }\n");
    let kind = r#"{"name":"mine.a","summary":"s","fingerprint":"1","measures":true,"outputs":[{"name":"x","media":"text/plain","doc":"d"}]}"#;
    project.write(
        "kinds.sh",
        format!(
            r#"if [ "$1" = describe ]; then
  echo '{{"contract":1,"program":"mine","version":"1","kinds":[{kind}]}}'
else
  echo try >> tries
  while ! test -e go; do sleep 0.02; done
  echo > "$(sed -n 's/.*"x": "\(.*\)".*/\1/p' "$4")"
fi
"#
        ),
    );
    let mut command = project.command(&["run"]);
    command.env("NNF_LOCKS", project.path(".."));
    let run = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    eventually("its begin", || project.path("tries").exists().then_some(()));
    signal(&run, Signal::TSTP);
    eventually("a stop", || (state(Pid::from_child(&run)) == 'T').then_some(()));
    signal(&run, Signal::CONT);
    eventually("going on", || (state(Pid::from_child(&run)) != 'T').then_some(()));
    project.write("go", "");
    let (code, said) = end(run);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("it was stopped for a while as it measured, so nothing was recorded; trying again\n"),
        "{said}"
    );
    assert_eq!(fs_err::read_to_string(project.path("tries")).unwrap(), "try\ntry\n");
}

//! What the process of a stage is like when it begins, whatever `nnf` itself was started with.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use std::process::Command;

use support::Project;

/// The command line of a project, started by another one: `env`, `sh`, `script`.
fn started_by(project: &Project, words: &[&str]) -> Command {
    let own = project.command(&["run"]);
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).current_dir(project.path("")).env_clear().env("NNF", own.get_program());
    command.envs(own.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command
}

/// What the stage wrote.
fn written(project: &Project, mut command: Command) -> String {
    let output = command.output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{said}");
    project.nnf(&["get", "a.x"]).out
}

#[test]
fn signals_are_as_they_are_by_default() {
    let project = Project::new(
        "stages:\n  a: { run: [sh, -c, 'grep -E \"^Sig(Ign|Blk)\" /proc/self/status > {out.x}; yes | head -n 1 >> {out.x}'], out: { x: text/plain } }\n",
    );
    let names = "HUP,INT,QUIT,PIPE,USR1,CHLD";
    let words = [&format!("--ignore-signal={names}"), "--block-signal=TERM,ALRM", "sh", "-c", "exec \"$NNF\" run"];
    let found = written(&project, started_by(&project, &[&["env"][..], &words[..]].concat()));
    let lines: Vec<&str> = found.lines().collect();
    for (line, name) in lines.iter().zip(["SigBlk:", "SigIgn:"]) {
        let mask = u64::from_str_radix(line.strip_prefix(name).unwrap().trim(), 16).unwrap();
        // The C library keeps two signals for itself, which no program can set.
        assert_eq!(mask & !(0b11 << 31), 0, "{found}");
    }
    assert_eq!(lines[2], "y", "a pipe whose reader has gone ends who writes into it");
}

#[test]
fn no_file_is_open_but_the_log() {
    let script = "cat > {out.x}; for file in /proc/self/fd/*; do readlink $file | sed s,.*/,,; done >> {out.x}; cd /proc/self/fd; echo * >> {out.x}";
    let project = Project::new(&format!("stages:\n  a: {{ run: [sh, -c, '{script}'], out: {{ x: text/plain }} }}\n"));
    let words = ["sh", "-c", "exec 7</etc/passwd 9>>/dev/null; echo typed | \"$NNF\" run"];
    let found = written(&project, started_by(&project, &words));
    assert!(!found.contains("typed") && !found.contains("passwd"), "{found}");
    let numbers = found.lines().last().unwrap();
    assert!(!numbers.contains('7') && !numbers.contains('9'), "{found}");
}

#[test]
fn a_stage_leads_a_session_of_its_own() {
    let script = "cut -d\" \" -f1,5,6 /proc/$$/stat > {out.x}";
    let project = Project::new(&format!("stages:\n  a: {{ run: [sh, -c, '{script}'], out: {{ x: text/plain }} }}\n"));
    let found = written(&project, project.command(&["run"]));
    let ids: Vec<&str> = found.split_whitespace().collect();
    assert!(ids.len() == 3 && ids[0] == ids[1] && ids[1] == ids[2], "{found}");
}

/// The kernel stops whoever reads from the terminal in the background.
#[test]
fn no_stage_can_read_from_the_terminal() {
    let script = "if (read line < /dev/tty) 2> /dev/null; then echo some; else echo none; fi > {out.x}";
    let project = Project::new(&format!(
        "stages:\n  a: {{ run: [sh, -c, '{script}'], out: {{ x: text/plain }}, timeout: 20s }}\n"
    ));
    let words = ["script", "--quiet", "--return", "--command", "\"$NNF\" run", "/dev/null"];
    assert_eq!(written(&project, started_by(&project, &words)), "none\n");
}

/// Runs a pipeline of one stage whose program is a file that a test makes, and says how it failed.
fn failing(run: &str, make: &dyn Fn(&Project)) -> String {
    let project = Project::new(&format!("stages:\n  a: {{ run: {run}, out: {{ x: text/plain }} }}\n"));
    make(&project);
    let outcome = project.nnf(&["run"]);
    assert!(outcome.code == Some(1) || outcome.code == Some(2), "{outcome:?}");
    assert!(!outcome.err.contains("os error") && !outcome.err.contains("PATH"), "{}", outcome.err);
    outcome.err
}

#[test]
fn what_does_not_start_is_told_with_what_is_wrong_and_what_to_do() {
    use std::os::unix::fs::PermissionsExt;
    let write = |text: &'static str, mode: u32| {
        move |project: &Project| {
            project.write("prog", text);
            let path = project.path("prog");
            fs_err::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        }
    };
    type Case<'a> = (&'a str, &'a dyn Fn(&Project), &'a str);
    let cases: [Case<'_>; 8] = [
        ("closed", &write("#!/bin/sh\n", 0o644), "it may not be executed; `chmod +x ROOT/prog` allows it"),
        ("CR LF", &write("#!/bin/sh\r\necho\r\n", 0o755), "ends as lines do on Windows (CR LF)"),
        ("no #!", &write("echo > $1\n", 0o755), "begin it with a line such as `#!/bin/sh`"),
        ("no reader", &write("#!/no/python3\n", 0o755), "names the interpreter `/no/python3`: there is no such file"),
        ("alien", &write("\x7fELF\x02\x01\x01", 0o755), "built for another kind of machine"),
        ("empty", &write("", 0o755), "its file is empty"),
        ("folder", &|project| fs_err::create_dir(project.path("prog")).unwrap(), "it is a folder"),
        (
            "dangling",
            &|project| fs_err::os::unix::fs::symlink("gone", project.path("prog")).unwrap(),
            "it is a link to `gone`, which is not there",
        ),
    ];
    for (what, make, expected) in cases {
        let told = failing("[./prog, '{out.x}']", make);
        assert!(told.contains(expected) && told.contains("prog"), "{what}: {told}");
    }
}

#[test]
fn a_program_of_a_pipeline_that_does_not_start_is_told_likewise() {
    let project = Project::new("programs: { mine: ./prog }\nstages: { a: { use: mine.a } }\n");
    project.write("prog", "#!/bin/sh\n");
    let outcome = project.nnf(&["run"]);
    assert_eq!(outcome.code, Some(2));
    assert!(outcome.err.contains("it may not be executed; `chmod +x ROOT/prog` allows it"), "{}", outcome.err);
}

/// A program of the pipeline behind a wrapper: its fingerprint stands in a file that nobody lists.
fn wrapped(run: &str) -> Project {
    use std::os::unix::fs::PermissionsExt;
    let project = Project::new("programs: { mine: ./wrap.sh }\nstages: { a: { use: mine.a } }\n");
    project.write(
        "wrap.sh",
        format!(
            r#"#!/bin/sh
if [ "$1" = describe ]; then
  echo '{{"contract":1,"program":"mine","version":"1","kinds":[{{"name":"mine.a","summary":"s","fingerprint":"'$(cat behind)'","outputs":[{{"name":"x","media":"text/plain","doc":"d"}}]}}]}}'
else
  {run}
  out=$(sed -n 's/.*"x": "\(.*\)".*/\1/p' "$4")
  cat behind > "$out"
fi
"#
        ),
    );
    fs_err::set_permissions(project.path("wrap.sh"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
    std::fs::File::open(project.path("wrap.sh")).unwrap().set_modified(long_ago).unwrap();
    project.write("behind", "one");
    project
}

#[test]
fn what_is_behind_a_wrapper_is_asked_in_every_run() {
    let project = wrapped("");
    assert_eq!(project.nnf(&["run"]).code, Some(0));
    // An answer is remembered only of what has not been changed for two seconds.
    std::thread::sleep(std::time::Duration::from_millis(2100));
    assert!(project.nnf(&["run"]).err.contains("0 ran, 1 fresh"));
    project.write("behind", "two");
    let again = project.nnf(&["run"]).err;
    assert!(again.contains("a (code changed)"), "{again}");
    assert_eq!(project.nnf(&["get", "a.x"]).out, "two");
}

#[test]
fn a_program_that_becomes_another_as_it_runs_records_nothing() {
    let project = wrapped("echo three > behind");
    let outcome = project.nnf(&["run"]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    let told = "told another fingerprint of `mine.a` when it had ended than before it began, so nothing was recorded";
    assert!(outcome.err.contains(told), "{}", outcome.err);
    assert_eq!(fs_err::read_dir(project.path("artifacts/records/v1")).unwrap().count(), 0);
    assert_eq!(project.nnf(&["run"]).code, Some(0));
}

#[test]
fn a_bad_answer_of_a_program_is_told_and_ends_what_it_left() {
    let kinds = r#"{"contract":1,"program":"m","version":"1","kinds":[{"name":"mine.a","summary":"s","fingerprint":"1","outputs":[]}]}"#;
    let cases = [
        (format!("echo '{}'", &kinds[..60]), "`describe` printed no description: "),
        ("echo hello".to_owned(), "`describe` printed no description: "),
        ("exit 0".to_owned(), "`describe` printed no description: "),
        (
            "echo first >&2; echo 'no module named x' >&2; exit 4".to_owned(),
            "`describe` failed (exit status: 4): no module named x",
        ),
        ("kill -9 $$".to_owned(), "`describe` failed (signal: 9 (SIGKILL)): it said nothing"),
        ("yes".to_owned(), "`describe` printed more than 16 MiB"),
        (format!("echo '{kinds}'; echo {{}}"), "`describe` printed no description: "),
        (format!("echo '{}'", kinds.replace("\"1\",\"outputs", "\"\",\"outputs")), "has no fingerprint"),
    ];
    for (script, expected) in cases {
        let project = Project::new(
            "programs: { mine: { run: [sh, kinds.sh], code: [kinds.sh] } }\nstages: { a: { use: mine.a } }\n",
        );
        project.write("kinds.sh", format!("{script}\n"));
        let outcome = project.nnf(&["plan"]);
        assert_eq!(outcome.code, Some(2), "{script}: {outcome:?}");
        assert!(outcome.err.contains(expected), "{script}: {}", outcome.err);
    }
    // What it leaves running has its output still, and is not waited for.
    let project =
        Project::new("programs: { mine: { run: [sh, kinds.sh], code: [kinds.sh] } }\nstages: { a: { use: mine.a } }\n");
    project.write("kinds.sh", format!("sleep 600 & echo $! > left; echo more >&2; echo '{kinds}'\n"));
    let outcome = project.nnf(&["show"]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let left = fs_err::read_to_string(project.path("left")).unwrap();
    let state = fs_err::read_to_string(format!("/proc/{}/stat", left.trim()));
    assert!(state.is_err() || state.is_ok_and(|text| text.contains(") Z")), "it is gone");
}

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

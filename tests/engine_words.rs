//! What is shown: somebody else's words stay within their line, and all that is written arrives or is told.

#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use std::fs::File;
use std::process::{Command, Stdio};

use support::Project;

/// Text that clears a screen, forges a line, turns the direction of text and changes colours.
const HOSTILE: &str = r"x\u001b[2J\u001b[31m\r\nFAILED forged: by me\u202e\u009b1A\u0007end";

/// No character is left that a terminal would heed.
fn assert_quiet(text: &str) {
    for line in text.lines() {
        assert!(!line.contains(|c: char| c.is_control() || c == '\u{202e}'), "{line:?}");
        assert!(!line.starts_with("FAILED forged") && !line.starts_with("  FAILED forged"), "{text}");
    }
}

/// A pipeline of one stage that appends these events.
fn saying(events: &str, end: &str) -> Project {
    let project = Project::new(&format!(
        "stages:\n  a: {{ run: [sh, -c, 'cat {{in.e}} >> $NNF_EVENTS; cat {{in.l}}; {end}'], in: {{ e: 'file:e.jsonl', l: 'file:l.txt' }}, out: {{ x: text/plain }} }}\n"
    ));
    project.write("e.jsonl", events);
    project.write("l.txt", "");
    project
}

#[test]
fn what_a_stage_says_stays_within_its_line() {
    let text = format!(
        "{{\"event\":\"note\",\"text\":\"{HOSTILE}\"}}\n{{\"event\":\"metrics\",\"values\":{{\"{HOSTILE}\":1}}}}\n{{\"event\":\"progress\",\"done\":1,\"unit\":\"{HOSTILE}\"}}\n"
    );
    let project = saying(&text, "echo > {out.x}");
    let outcome = project.nnf(&["run"]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert_quiet(&outcome.err);
    assert!(outcome.err.contains("  a: x�[2J�[31m⏎FAILED forged: by me��1A�end\n"), "{}", outcome.err);
    // Programs are told all of it.
    let outcome = project.nnf(&["run", "--force", "a", "--json"]);
    assert_quiet(&outcome.out);
    let note = outcome.out.lines().find(|line| line.contains("\"note\"")).unwrap();
    let note: serde_json::Value = serde_json::from_str(note).unwrap();
    let said: String = serde_json::from_str(&format!("\"{HOSTILE}\"")).unwrap();
    assert_eq!(note["text"], said);
}

#[test]
fn a_long_text_is_cut() {
    let project =
        saying(&format!("{{\"event\":\"note\",\"text\":\"{}\"}}\n", "long ".repeat(100_000)), "echo > {out.x}");
    let outcome = project.nnf(&["run"]);
    assert!(outcome.err.len() < 10_000 && outcome.err.contains(" characters more)\n"), "{}", outcome.err.len());
}

#[test]
fn the_end_of_a_log_and_names_of_files_stay_within_their_lines() {
    let project = saying("", "exit 3");
    let log: String = serde_json::from_str(&format!("\"{HOSTILE}\"")).unwrap();
    project.write("l.txt", format!("{log}\n"));
    let outcome = project.nnf(&["run"]);
    assert_eq!(outcome.code, Some(1));
    assert_quiet(&outcome.err);
    assert!(outcome.err.contains("        FAILED forged: by me"), "indented, as all of the log: {}", outcome.err);
    let log = project.nnf(&["log", "a"]).out;
    assert!(log.contains("\u{1b}[2J"), "into a pipe goes every byte: {log:?}");

    let script = r#"echo > {out.x}; : > "$(dirname {out.x})/$(printf "z\nFAILED forged: file\033[2J")""#;
    let project = Project::new(&format!("stages:\n  a: {{ run: [sh, -c, '{script}'], out: {{ x: }} }}\n"));
    let outcome = project.nnf(&["run"]);
    assert_eq!(outcome.code, Some(1));
    assert_quiet(&outcome.err);
    assert!(outcome.err.contains("⏎FAILED forged: file"), "{}", outcome.err);
}

#[test]
fn what_a_program_describes_stays_within_its_line() {
    let project =
        Project::new("programs: { mine: { run: [sh, kinds.sh], code: [kinds.sh] } }\nstages: { a: { use: mine.a } }\n");
    let kind = format!(
        "{{\"name\":\"mine.a\",\"summary\":\"{HOSTILE}\",\"fingerprint\":\"1\",\"outputs\":[],\"parameters\":[{{\"name\":\"p\",\"type\":{{\"is\":\"string\"}},\"doc\":\"{HOSTILE}\",\"default\":\"{HOSTILE}\"}}]}}"
    );
    project
        .write("kinds.json", format!("{{\"contract\":1,\"program\":\"mine\",\"version\":\"1\",\"kinds\":[{kind}]}}"));
    project.write("kinds.sh", "cat kinds.json");
    for arguments in [&["describe"][..], &["describe", "mine.a"], &["show"], &["schema"], &["describe", "--json"]] {
        let outcome = project.nnf(arguments);
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        assert_quiet(&outcome.out);
    }
    project.write("kinds.sh", r#"printf "\033[2Jbad\nFAILED forged: it\n" >&2; exit 4"#);
    let outcome = project.nnf(&["show"]);
    assert_eq!(outcome.code, Some(2));
    assert_quiet(&outcome.err);
}

/// All commands that print, of a project where each has something to say.
const PRINTING: [&[&str]; 24] = [
    &["plan"],
    &["plan", "--json"],
    &["show"],
    &["show", "--json"],
    &["why", "a"],
    &["why", "a", "--json"],
    &["runs"],
    &["runs", "--json"],
    &["log", "a"],
    &["get", "a.x"],
    &["get", "a.record"],
    &["describe"],
    &["schema"],
    &["completions", "bash"],
    &["completions", "zsh"],
    &["--help"],
    &["run", "--help"],
    &["--version"],
    &["verify"],
    &["gc", "--dry-run"],
    &["pins"],
    &["report", "-o", "-"],
    &["audit"],
    &["run", "--json", "--force", "a"],
];

fn printing() -> Project {
    let project = Project::new(
        "programs: { mine: { run: [sh, kinds.sh], code: [kinds.sh] } }\nstages: { a: { run: [sh, -c, 'echo said; echo > {out.x}'], out: { x: text/plain } } }\n",
    );
    let kind = r#"{"name":"mine.a","summary":"s","fingerprint":"1","outputs":[]}"#;
    project.write(
        "kinds.sh",
        format!("echo '{{\"contract\":1,\"program\":\"mine\",\"version\":\"1\",\"kinds\":[{kind}]}}'"),
    );
    assert_eq!(project.nnf(&["run"]).code, Some(0));
    project
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told() {
    let project = printing();
    for arguments in PRINTING {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = project.command(arguments).stdout(full).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{arguments:?}: {said}");
        let told = "error: standard output cannot be written: No space left on device";
        assert_eq!(said.matches(told).count(), 1, "{arguments:?}: {said}");
        assert!(!said.contains("panicked"), "{arguments:?}: {said}");
    }
    // The run did its work all the same.
    assert_eq!(project.nnf(&["plan"]).out, "nothing to run, 1 fresh\n");
    // Where nothing is to be written nothing fails.
    let full = File::options().write(true).open("/dev/full").unwrap();
    assert_eq!(project.command(&["run"]).stdout(full).output().unwrap().status.code(), Some(0));
}

#[test]
fn a_reader_that_has_gone_away_ends_it_quietly() {
    let project = printing();
    for arguments in PRINTING {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = project.command(arguments).stdout(writer).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {said}");
        assert!(!said.contains("error") && !said.contains("panicked"), "{arguments:?}: {said}");
    }
}

/// What `nnf` shows on a terminal of this kind.
#[cfg(target_os = "linux")]
fn on_a_terminal(project: &Project, set: &[(&str, &str)], line: &str) -> String {
    let own = project.command(&[]);
    let mut command = Command::new("script");
    command.args(["--quiet", "--return", "--command", line, "/dev/null"]);
    command.current_dir(project.path("")).env_clear().env("NNF", own.get_program());
    command.envs(own.get_envs().filter_map(|(name, value)| Some((name, value?)))).envs(set.iter().copied());
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    String::from_utf8_lossy(&output.stdout).replace("\r\n", "\n")
}

#[cfg(target_os = "linux")]
#[test]
fn a_terminal_that_cannot_draw_gets_lines() {
    type Variables = &'static [(&'static str, &'static str)];
    let wide = "stty cols 100 rows 30; \"$NNF\" run --force a";
    let cases: [(Variables, &str, bool); 6] = [
        (&[("TERM", "xterm")], wide, true),
        (&[("TERM", "dumb")], wide, false),
        (&[("TERM", "")], wide, false),
        (&[], wide, false),
        (&[("TERM", "xterm")], "stty cols 0 rows 0; \"$NNF\" run --force a", false),
        (&[("TERM", "xterm")], "stty cols 5 rows 2; \"$NNF\" run --force a", false),
    ];
    for (set, line, draws) in cases {
        let project = printing();
        let shown = on_a_terminal(&project, set, line);
        assert_eq!(shown.contains("\u{1b}["), draws, "{set:?} {line}: {shown:?}");
        assert_eq!(
            shown.contains("  start a (forced)\n") && shown.contains("  done a ("),
            !draws,
            "{set:?}: {shown:?}"
        );
        assert!(shown.contains("1 ran, 0 fresh\n"), "{set:?} {line}: {shown:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_log_on_a_terminal_is_safe_unless_it_is_to_be_raw() {
    let project = Project::new(
        r#"stages: { a: { run: [sh, -c, 'printf "one\033[31m\ttwo\rthree\n"; echo > {out.x}'], out: { x: text/plain } } }"#,
    );
    assert_eq!(project.nnf(&["run"]).code, Some(0));
    let set = [("TERM", "xterm")];
    assert_eq!(on_a_terminal(&project, &set, "\"$NNF\" log a"), "one�[31m\ttwo�three\n");
    assert_eq!(on_a_terminal(&project, &set, "\"$NNF\" log a --raw"), "one\u{1b}[31m\ttwo\rthree\n");
}

const TALKING: &str = "params: { word: one }
stages: { a: { run: [sh, -c, 'echo ${params.word}; test ${params.word} != bad && echo ${params.word} > {out.x}'], out: { x: text/plain } } }
";

#[test]
fn a_log_is_that_of_the_key_at_hand() {
    let project = Project::new(TALKING);
    let log = |more: &[&str]| project.nnf(&[&["log", "a"], more].concat());
    assert_eq!(project.nnf(&["run"]).code, Some(0));
    assert_eq!(project.nnf(&["run", "--set", "params.word=two"]).code, Some(0));
    assert_eq!(log(&[]).out, "one\n", "not that of another --set");
    assert_eq!(log(&["--set", "params.word=two"]).out, "two\n");
    assert_eq!(project.nnf(&["run", "--set", "params.word=bad"]).code, Some(1));
    assert_eq!(log(&["--set", "params.word=bad"]).out, "bad\n");
    assert_eq!(log(&[]).out, "one\n", "not that of a failure");
    // What has not run has none, and whose there is is told.
    let none = log(&["--set", "params.word=three"]);
    assert_eq!((none.code, none.out.as_str()), (Some(2), ""));
    let runs = project.nnf(&["runs"]).out;
    let last = runs.split_whitespace().next().unwrap();
    assert_eq!(
        none.err,
        format!(
            "error: there is no log of `a` as the pipeline stands\nhint: `nnf log a --run {last}` shows that of attempt 1, which was of other work\n\n"
        )
    );
    assert_eq!(log(&["--run", last]).out, "bad\n");
}

#[test]
fn what_waits_for_its_inputs_has_no_log_yet() {
    let project = Project::new(
        "stages:
  make: { run: [sh, -c, 'cp {in.f} {out.x}'], in: { f: 'file:f.txt' }, out: { x: text/plain } }
  use: { run: [sh, -c, 'cat {in.x}; cp {in.x} {out.y}'], in: { x: make.x }, out: { y: text/plain } }
",
    );
    project.write("f.txt", "one\n");
    assert_eq!(project.nnf(&["run"]).code, Some(0));
    project.write("f.txt", "two\n");
    let none = project.nnf(&["log", "use"]);
    assert_eq!((none.code, none.out.as_str()), (Some(2), ""));
    assert!(none.err.starts_with(
        "error: `use` has not run as the pipeline stands: what it reads is to be made first\nhint: `nnf log use --run "
    ));
    fs_err::remove_file(project.path("f.txt")).unwrap();
    assert_eq!(project.nnf(&["log", "use"]).code, Some(2));
}

#[test]
fn a_metric_that_is_no_number_is_told_and_leaves_no_older_value() {
    let project = saying(
        "{\"event\": \"metrics\", \"step\": 1, \"values\": {\"loss\": 0.5, \"acc\": 0.1}}\n{\"event\": \"metrics\", \"step\": 2, \"values\": {\"loss\": NaN, \"acc\": 0.2}}\nno event\n{\"event\":\"metrics\",\"values\":{\"last\":7}}",
        "echo > {out.x}",
    );
    let outcome = project.nnf(&["run", "--json"]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let metrics: Vec<&str> = outcome.out.lines().filter(|line| line.contains("\"metrics\"")).collect();
    assert!(metrics[1].contains(r#""values":{"acc":0.2,"loss":"NaN"}"#), "{metrics:?}");
    let record: serde_json::Value = serde_json::from_str(&project.nnf(&["get", "a.record"]).out).unwrap();
    assert_eq!(record["metrics"], serde_json::json!({ "acc": 0.2, "last": 7.0 }));
    let told = project.nnf(&["run", "--force", "a"]).err;
    assert!(
        told.contains("  a: no number that a record can hold: its last `loss` is NaN; left out of the record\n"),
        "{told}"
    );
    assert!(
        told.contains(
            "  a: 1 line of its events is none and was left out; the first, line 3: expected ident at column 2\n"
        ),
        "{told}"
    );
    assert_eq!(project.nnf(&["report"]).code, Some(0));
    assert!(fs_err::read_to_string(project.path("report.html")).unwrap().contains("NaN"));
}

#[test]
fn a_line_of_some_megabytes_is_read_and_a_longer_one_told() {
    let project = Project::new(
        "stages:\n  a: { run: [sh, -c, '(printf \"{\\\"event\\\":\\\"metrics\\\",\\\"values\\\":{\\\"n\\\":1,\\\"%s\\\":2}}\\n\" $(head -c 90000 /dev/zero | tr \"\\\\0\" x); head -c 3000000 /dev/zero | tr \"\\\\0\" \" \"; echo \"{\\\"event\\\":\\\"metrics\\\",\\\"values\\\":{\\\"m\\\":3}}\"; head -c 9000000 /dev/zero | tr \"\\\\0\" y) > $NNF_EVENTS; echo > {out.x}'], out: { x: text/plain } }\n",
    );
    let outcome = project.nnf(&["run"]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let record: serde_json::Value = serde_json::from_str(&project.nnf(&["get", "a.record"]).out).unwrap();
    assert_eq!(record["metrics"], serde_json::json!({ "m": 3.0, "n": 1.0 }));
    assert!(outcome.err.contains("names of at most 1000 bytes; others are left out\n"), "{}", outcome.err);
    assert!(
        outcome
            .err
            .contains("1 line of its events is none and was left out; the first, line 3: it is longer than 8 MiB\n"),
        "{}",
        outcome.err
    );
}

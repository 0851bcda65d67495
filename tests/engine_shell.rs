//! What is put into the script of a shell arrives as it is, whatever is in it: a path or a value is never code.

#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "support/ran.rs"]
mod ran;
mod support;

use std::path::PathBuf;
use std::process::{Command, Output};

use proptest::prelude::*;
use support::Project;

/// A project in a folder with this name, in a folder of its own that is removed afterwards.
struct Folder {
    all: tempfile::TempDir,
    name: String,
}

impl Folder {
    fn new(name: &str, pipeline: &str) -> Self {
        let folder = Folder { all: tempfile::tempdir().unwrap(), name: name.to_owned() };
        fs_err::create_dir_all(folder.path()).unwrap();
        folder.write("pipeline.yaml", pipeline);
        folder
    }

    fn path(&self) -> PathBuf {
        self.all.path().join("root").join(&self.name)
    }

    fn write(&self, name: &str, text: &str) {
        fs_err::write(self.path().join(name), text).unwrap();
    }

    fn nnf(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nnf"));
        command.args(arguments).current_dir(self.path()).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap()).env("NNF_CACHE", self.all.path().join("cache"));
        command.env("HOME", self.all.path()).output().unwrap()
    }

    /// Runs the pipeline, which must succeed, and make nothing but results.
    fn run(&self) {
        let ran = self.nnf(&["run"]);
        assert!(ran.status.success(), "{} {ran:?}", self.name);
        self.stays_inside();
    }

    /// What an output holds.
    fn get(&self, output: &str) -> String {
        String::from_utf8(self.nnf(&["get", output]).stdout).unwrap()
    }

    /// That nothing was made beside the folder, nor in it.
    fn stays_inside(&self) {
        let names = |path: PathBuf| {
            let names = fs_err::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
            names.collect::<Vec<_>>()
        };
        assert_eq!(names(self.all.path().join("root")), std::slice::from_ref(&self.name));
        let inside = names(self.path());
        let known = ["pipeline.yaml", "artifacts", "words.txt", "a b.txt"];
        assert!(inside.iter().all(|name| known.contains(&name.as_str())), "{inside:?}");
    }
}

/// Names of folders that a shell would read as more than a word.
const NAMES: [&str; 16] = [
    "my exp",
    "it's",
    "say \"hi\"",
    "$(touch x)",
    "`touch x`",
    "*",
    "a;touch x",
    "a&b",
    "a|b",
    "a>b",
    "$HOME",
    "a\\b",
    "~",
    "#a",
    "a\nb",
    "{a,b}",
];

#[test]
fn the_first_pipeline_works_in_any_folder() {
    let pipeline = r#"
params: { letters: 4 }
stages:
  long:
    run: [sh, -c, "grep -E '^.{${params.letters},}$' {in.text} > {out.words}"]
    in: { text: "file:words.txt" }
    out: { words: text/plain }
  count:
    run: [sh, -c, "wc -l < {in.words} > {out.number}"]
    in: { words: long.words }
    out: { number: text/plain }
"#;
    for name in NAMES {
        let folder = Folder::new(name, pipeline);
        folder.write("words.txt", "a\nword\nlonger\n");
        folder.run();
        assert_eq!(folder.get("long.words"), "word\nlonger\n");
        assert_eq!(folder.get("count.number").trim(), "2");
    }
}

#[test]
fn a_path_arrives_wherever_in_a_script_it_stands() {
    let scripts = [
        "cat {in.t} > {out.o}",
        "cat \"{in.t}\" > \"{out.o}\"",
        "cat '{in.t}' > '{out.o}'",
        "cat \"$(dirname \"{in.t}\")\"/words.txt >{out.o}",
        "x=\"$(cat {in.t})\"; echo \"$x\" > {out.o}",
        "echo `cat {in.t}` > {out.o}",
        "echo \"`cat {in.t}`\" > {out.o}",
        "x={in.t}; cat \"$x\" > {out.o}",
        "cat <<E > {out.o}\n$(cat {in.t})\nE",
        "cat <<'E' > /dev/null\n{in.t}'\"`\nE\ncat {in.t} > {out.o}",
        "cat \"$${NOTHING:-{in.t}}\" > {out.o}",
        "# {in.t} '\n cat {in.t} > {out.o}",
        "for f in {in.t}; do cat \"$f\"; done > {out.o}",
        "if test -s {in.t}; then cat {in.t}; fi > {out.o}",
        "cat < {in.t} > {out.o} # don't {in.t}",
        "case {in.t} in *words.txt) cat {in.t} ;; esac > {out.o}",
        "y=$(case {in.t} in *words.txt) cat {in.t} ;; esac); echo $y > {out.o}",
        "(cat {in.t}) | { cat > {out.o}; }",
        "awk '{ print $1 }' {in.t} > {out.o}",
        "awk '{print}' {in.t} | sed -e \"s/x/y/\" > {out.o}",
        "f() { cat \"$1\"; }; f {in.t} > {out.o}",
        "cat {in.t} 2>&1 > {out.o}",
        "cp {in.t} {out.o} && test -e {out.o} || exit 3",
    ];
    for name in ["my exp", "it's", "$(touch x)", "a;touch x", "say \"hi\" `x`", "*"] {
        let stages: Vec<String> = scripts
            .iter()
            .enumerate()
            .map(|(i, script)| {
                let script = serde_json::Value::from(*script);
                format!(
                    "  s{i}: {{ run: [sh, -c, {script}], in: {{ t: 'file:words.txt' }}, out: {{ o: text/plain }} }}\n"
                )
            })
            .collect();
        let folder = Folder::new(name, &format!("stages:\n{}", stages.concat()));
        folder.write("words.txt", "word\n");
        folder.run();
        for (i, script) in scripts.iter().enumerate() {
            assert_eq!(folder.get(&format!("s{i}.o")), "word\n", "{script}");
        }
    }
}

#[test]
fn shells_are_found_behind_other_programs_and_their_options() {
    let shells = [
        "sh, -c",
        "/bin/sh, -c",
        "sh, -ec",
        "sh, -e, -c",
        "bash, -c",
        "bash, -euo, pipefail, -c",
        "bash, -o, pipefail, -c",
        "bash, --norc, -c",
        "env, FOO=1, sh, -c",
        "env, -i, bash, -c",
        "nice, sh, -c",
        "timeout, '5', sh, -ceu",
    ];
    let stages: Vec<String> = shells
        .iter()
        .enumerate()
        .map(|(i, shell)| {
            let path = "PATH=/usr/bin:/bin; ";
            format!("  s{i}: {{ run: [{shell}, '{path}cat {{in.t}} > {{out.o}}'], in: {{ t: 'file:a b.txt' }}, out: {{ o: text/plain }} }}\n")
        })
        .collect();
    let folder = Folder::new("my exp", &format!("stages:\n{}", stages.concat()));
    folder.write("a b.txt", "word\n");
    folder.run();
    for (i, shell) in shells.iter().enumerate() {
        assert_eq!(folder.get(&format!("s{i}.o")), "word\n", "{shell}");
    }
}

#[test]
fn a_path_that_would_be_code_is_refused() {
    for (name, command) in [
        ("my exp", "sh, -c, \"bash -c 'cat {in.t}'\""),
        ("my exp", "sh, -c, 'eval \"cat {in.t}\"'"),
        ("my exp", "sh, -c, \"trap 'rm -f {in.t}.x' EXIT\""),
        ("my exp", "fish, -c, 'cat {in.t}'"),
        ("it's", "python3, -c, \"open('{in.t}')\""),
        ("a\\b", "awk, 'BEGIN { getline < \"{in.t}\" }'"),
        ("say \"hi\"", "sh, -c, \"perl -e 'open(F, q({in.t}))'\""),
    ] {
        let folder = Folder::new(
            name,
            &format!("stages:\n  a: {{ run: [{command}], in: {{ t: 'file:words.txt' }}, out: {{}} }}\n"),
        );
        folder.write("words.txt", "word\n");
        let refused = folder.nnf(&["run"]);
        let said = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(2), "{command}: {said}");
        assert!(said.contains("would be read as code here"), "{said}");
        let folder = Folder::new(
            "plain",
            &format!("stages:\n  a: {{ run: [{command}], in: {{ t: 'file:words.txt' }}, out: {{}} }}\n"),
        );
        folder.write("words.txt", "word\n");
        assert_eq!(folder.nnf(&["show"]).status.code(), Some(0), "{command} in a folder with a plain name");
    }
}

/// A stage whose script writes what a value became.
fn value(value: &str, script: &str) -> (Project, support::Outcome) {
    let value = serde_json::Value::from(value.replace("${", "$${"));
    let script = serde_json::Value::from(script);
    let project = Project::new(&format!(
        "params: {{ x: {value} }}\nstages:\n  a: {{ run: [sh, -c, {script}], with: {{ x: '${{params.x}}' }}, out: {{ o: text/plain }} }}\n"
    ));
    let outcome = project.nnf(&["run"]);
    (project, outcome)
}

const VALUES: [&str; 12] = [
    "a b",
    "a; touch x",
    "$(touch x)",
    "`touch x`",
    "it's",
    "say \"hi\"",
    "$HOME",
    "*",
    "a\nb",
    "\\$x\\",
    "-n 'a b'",
    "<({in.x})",
];

#[test]
fn a_value_between_quotes_arrives_and_one_without_is_refused() {
    for text in VALUES {
        for script in [
            "printf %s \"{with.x}\" > {out.o}",
            "printf %s '${params.x}' > {out.o}",
            "printf %s \"${params.x}\" > {out.o}",
            "printf %s '{with.x}' > {out.o}",
        ] {
            let (project, outcome) = value(text, script);
            assert_eq!(outcome.code, Some(0), "{script} {text}: {outcome:?}");
            assert_eq!(project.nnf(&["get", "a.o"]).out, text, "{script}");
            assert!(!project.path("x").exists());
        }
        for script in ["printf %s {with.x} > {out.o}", "printf %s ${params.x} > {out.o}"] {
            let (_, outcome) = value(text, script);
            assert_eq!(outcome.code, Some(2), "{script} {text}: {outcome:?}");
            assert!(outcome.err.contains("for one word write `\""), "{outcome:?}");
        }
    }
    let (project, outcome) = value("echo a | tr a b", "eval \"{with.x}\" > {out.o}");
    assert_eq!((outcome.code, project.nnf(&["get", "a.o"]).out.as_str()), (Some(0), "b\n"), "asked for by name");
}

#[test]
fn what_was_read_as_code_once_has_another_key_and_all_else_the_same() {
    let key = |text: &str, script: &str| {
        let (project, _) = value(text, script);
        let folder = |path: PathBuf| fs_err::read_dir(path).unwrap().next().unwrap().unwrap().path();
        let record = folder(folder(project.path("artifacts/records/v1")));
        fs_err::read_to_string(record).unwrap()
    };
    for (text, as_before) in [("^a.*$", true), ("a\\.b", true), ("a b", true), ("$(x)", false), ("a\"b", false)] {
        let key = key(text, "printf %s \"{with.x}\" > {out.o}");
        assert_eq!(key.contains("{with.x}"), as_before, "{key}");
    }
}

#[test]
fn lists_are_as_many_words() {
    let project = Project::new(
        "params: { flags: [-n, a b, 1.30, \"it's\"] }
stages:
  one: { run: [sh, -c, 'printf \"%s\" 1 > {out.o}'], out: { o: text/plain } }
  two: { run: [sh, -c, 'printf \"%s\" 2 > {out.o}'], out: { o: text/plain } }
  a:
    run: [sh, -c, 'printf \"<%s>\" {with.flags} > {out.o}; cat {in.all} >> {out.o}; printf \"<%s>\" \"$@\" >> {out.o}', sh, '{with.flags}']
    with: { flags: '${params.flags}' }
    in: { all: { x: one.o, y: two.o } }
    out: { o: text/plain }
",
    );
    ran::ran(&project, &[]);
    let words = "<-n><a b><1.30><it's>";
    assert_eq!(project.nnf(&["get", "a.o"]).out, format!("{words}12{words}"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_path_arrives_in_the_script_of_a_shell(name in "[^\\x00/]{1,12}|[ $'\"\\\\`;&|<>*?(){}~#!\\n\\t-]{1,8}") {
        prop_assume!(!matches!(name.as_str(), "." | ".."));
        let script = "printf '<%s>' {in.t} \"{in.t}\" '{in.t}' \"$(printf %s. {in.t})\" `printf %s. \"{in.t}\" | tr -d '\\n'` > {out.o}";
        let script = serde_json::Value::from(script);
        let folder = Folder::new(
            &name,
            &format!("stages:\n  a: {{ run: [sh, -c, {script}], in: {{ t: 'file:words.txt' }}, out: {{ o: text/plain }} }}\n"),
        );
        folder.write("words.txt", "word\n");
        let path = folder.path().canonicalize().unwrap().join("words.txt").to_str().unwrap().to_owned();
        folder.run();
        let left = folder.get("a.o");
        let expected = format!("<{path}><{path}><{path}><{path}.>");
        prop_assert!(left.starts_with(&expected), "{left:?} is not {expected:?}");
    }
}

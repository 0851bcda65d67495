//! What a command names is what its key knows: files and folders of the project, by whatever name; and what a folder holds
//! as an input is the same whatever git keeps there.

#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "support/ran.rs"]
mod ran;
mod support;

use std::process::Command;

use ran::ran;
use support::Project;

/// A project with a folder `lib` and ways that lead to it.
fn project(words: &str, more: &str) -> Project {
    let project = Project::new("");
    project.write("lib/sub/x", "text\n");
    project.write("conf.yaml", "text\n");
    let link = |to: &str, name: &str| fs_err::os::unix::fs::symlink(to, project.path(name)).unwrap();
    link("lib", "link");
    link(project.path("").to_str().unwrap(), "../way");
    let here = project.path("").display().to_string().trim_end_matches('/').to_owned();
    let text = format!("stages:\n  a: {{ run: [cp, -rL, {words}, '{{out.o}}'], out: {{ o: }}{more} }}\n");
    project.write("pipeline.yaml", text.replace("HERE", &here));
    project
}

/// The faults that `nnf run` finds before it runs anything.
fn faults_of(project: &Project) -> String {
    let outcome = project.nnf(&["run"]);
    assert_eq!((outcome.code, project.path("artifacts/runs").exists()), (Some(2), false), "{outcome:?}");
    outcome.err
}

#[test]
fn a_folder_that_a_command_names_is_listed_like_a_file() {
    for (word, what) in [
        ("lib", "folder `lib`"),
        ("./lib", "folder `./lib`"),
        ("lib/", "folder `lib/`"),
        ("lib/sub", "folder `lib/sub`"),
        ("lib/../lib/./sub/", "folder `lib/../lib/./sub/`"),
        (".", "folder `.`"),
        ("link", "folder `link`"),
        ("link/sub", "folder `link/sub`"),
        ("link/sub/x", "file `link/sub/x`"),
        ("HERE/lib", "folder `ROOT/lib`"),
        ("HERE/../way/lib", "folder `ROOT/../way/lib`"),
        ("--from=lib", "folder `lib`"),
        ("--conf=conf.yaml", "file `conf.yaml`"),
        ("if=conf.yaml", "file `conf.yaml`"),
        ("'@conf.yaml'", "file `conf.yaml`"),
        ("'--data=@conf.yaml'", "file `conf.yaml`"),
    ] {
        let err = faults_of(&project(word, ""));
        let said = format!("the command names the {what}, which its key does not know\n");
        assert!(err.contains(&said), "{word}: {err}");
        assert!(err.contains("hint: list it under `code: ["), "{word}: {err}");
    }
    for (with, what) in [("conf.yaml", "file `conf.yaml`"), ("lib/sub", "folder `lib/sub`")] {
        let err = faults_of(&project("'{with.p}'", &format!(", with: {{ p: {with} }}")));
        assert!(err.contains(&format!("the command names the {what}")), "{err}");
    }
    let err = faults_of(&project("'lib/{with.p}'", ", with: { p: sub }"));
    assert!(err.contains("the folder `lib/sub`"), "{err}");
}

#[test]
fn the_hints_say_what_to_do() {
    let err = faults_of(&project("lib", ""));
    insta::assert_snapshot!(err, @r"
    error: the command names the folder `lib`, which its key does not know
     --> pipeline.yaml:2:23
      |
    2 |   a: { run: [cp, -rL, lib, '{out.o}'], out: { o: } }
      |                       ^^^
    hint: list it under `code: [lib]`, or as an input `in: { NAME: 'file:lib' }` and write `{in.NAME}`
    hint: if it is a word that has the name of a folder by chance, give the command to a shell: `[sh, -c, '…']`
    ");
    let stored = project("lib", ", code: [lib]");
    ran(&stored, &[]);
    let text = fs_err::read_to_string(stored.path("pipeline.yaml")).unwrap();
    stored.write("pipeline.yaml", text.replace("-rL, lib,", "-rL, artifacts/latest,"));
    let outcome = stored.nnf(&["run"]);
    assert!(outcome.err.contains("hint: it lies in the store; what another stage made is read by"), "{}", outcome.err);
}

#[test]
fn what_is_listed_may_be_named_by_any_name() {
    for (word, more) in [
        ("lib", ", code: [lib]"),
        ("./lib/", ", code: [lib]"),
        ("lib/sub", ", code: [lib]"),
        ("link", ", code: [lib]"),
        ("lib", ", code: [link]"),
        ("HERE/../way/lib", ", code: [lib]"),
        ("lib", ", in: { x: 'file:lib' }"),
        ("lib/sub", ", in: { x: 'file:.' }"),
        ("--no-target-directory, lib", ", code: [lib]"),
        ("lib", ", code: [.]"),
    ] {
        let project = project(word, &format!("{more}, strict: false"));
        assert_eq!(ran(&project, &[]).stages, ["a"], "{word} {more}");
        project.write("lib/sub/x", "other\n");
        assert_eq!(ran(&project, &[]).stages, ["a"], "{word} {more}: it is content now");
    }
}

#[test]
fn a_word_that_names_nothing_of_the_project_is_a_word() {
    for word in [
        "..",
        "/",
        "/usr",
        "lib2",
        "--lib",
        "'-'",
        "'lib conf'",
        "'a=b=lib'",
        "=",
        "'@'",
        "'rm -r $X/..'",
        "'x=$Y/../lib/..'",
    ] {
        let project = project(&format!("{word}, lib"), ", code: [lib]");
        let outcome = project.nnf(&["plan"]);
        assert_eq!(outcome.code, Some(0), "{word}: {}", outcome.err);
    }
    // The value of a parameter that is called like a folder.
    let project = project("'{with.split}'", ", with: { split: lib }");
    assert_eq!(project.nnf(&["plan"]).code, Some(0));
}

#[test]
fn programs_are_made_of_folders_too() {
    let project = Project::new("programs: { mine: [python3, -m, kinds] }\nstages: {}\n");
    project.write("kinds/__main__.py", "");
    let err = faults_of(&project);
    assert!(err.contains("program `mine` is made of the folder `kinds`, which no key would know"), "{err}");
    assert!(err.contains("hint: write `mine: { run: […], code: [kinds] }`"), "{err}");
}

fn git(folder: &std::path::Path, arguments: &[&str]) -> bool {
    let mut git = Command::new("git");
    git.args(["-c", "user.name=n", "-c", "user.email=e", "-c", "protocol.file.allow=always"]).args(arguments);
    git.current_dir(folder).env("GIT_CONFIG_GLOBAL", "/dev/null").output().is_ok_and(|output| output.status.success())
}

const ALL: &str = "root: .
stages:
  a: { run: [sh, -c, 'ls -A \"$1\" > \"$2\"', sh, '{in.all}', '{out.o}'], in: { all: 'file:.' }, out: { o: text/plain } }
";

/// In a worktree and in a submodule `.git` is a file with the path of a folder elsewhere.
#[test]
fn what_git_keeps_is_no_part_of_an_input() {
    let main = Project::new(ALL);
    main.write("words", "words\n");
    main.write(".gitignore", "artifacts\n");
    let here = main.path("");
    if !git(&here, &["init", "-q"]) {
        std::io::Write::write_all(&mut std::io::stderr(), b"skipped: there is no git\n").unwrap();
        return;
    }
    assert!(git(&here, &["add", "."]) && git(&here, &["commit", "-qm", "one"]));
    let key = |folder: &std::path::Path| {
        let outcome = main.command(&["run", "--json"]).current_dir(folder).output().unwrap();
        let text = String::from_utf8_lossy(&outcome.stdout).into_owned();
        assert!(outcome.status.success(), "{text}");
        let first = text.lines().find(|line| line.contains("\"key\":")).unwrap().to_owned();
        serde_json::from_str::<serde_json::Value>(&first).unwrap()["key"].as_str().unwrap().to_owned()
    };
    let whole = key(&here);
    for place in ["../one", "../two"] {
        assert!(git(&here, &["worktree", "add", "-q", "--detach", place]));
        assert!(main.path(place).join(".git").is_file());
        assert_eq!(key(&main.path(place)), whole, "a worktree");
    }
    let around = main.path("../around");
    fs_err::create_dir(&around).unwrap();
    assert!(git(&around, &["init", "-q"]));
    assert!(git(&around, &["submodule", "add", "-q", here.to_str().unwrap(), "inner"]));
    assert!(around.join("inner/.git").is_file());
    assert_eq!(key(&around.join("inner")), whole, "a submodule");
    // And where it lies in the folder that is read.
    fs_err::copy(main.path("pipeline.yaml"), around.join("pipeline.yaml")).unwrap();
    let before = key(&around);
    fs_err::write(around.join("inner/.git"), "gitdir: elsewhere\n").unwrap();
    assert_eq!(key(&around), before, "a submodule within");
    fs_err::remove_file(around.join("inner/.git")).unwrap();
    assert!(git(&around.join("inner"), &["init", "-q"]));
    assert_eq!(key(&around), before, "a repository within");
    fs_err::write(around.join("inner/words"), "other\n").unwrap();
    assert_ne!(key(&around), before);
}

/// The store is left out where it lies elsewhere, too.
#[test]
fn a_store_by_a_link_is_no_part_of_an_input() {
    let project = Project::new(ALL);
    fs_err::create_dir(project.path("../disk")).unwrap();
    fs_err::os::unix::fs::symlink(project.path("../disk"), project.path("artifacts")).unwrap();
    assert_eq!(ran(&project, &[]).stages, ["a"]);
    assert_eq!(ran(&project, &[]).stages, [""; 0]);
}

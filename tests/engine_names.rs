//! A pipeline is its file and its root; its name is for people. Pipelines of one name, or of files whose names are no
//! plain words, keep their results apart.

#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "support/ran.rs"]
mod ran;
mod support;

use std::path::Path;

use ran::ran;
use support::{Outcome, Project};

/// A pipeline of one stage, which says a word. Its log says it too.
fn says(word: &str, more: &str) -> String {
    format!("{more}\nstages: {{ say: {{ run: [sh, -c, 'echo {word} | tee {{out.x}}'], out: {{ x: text/plain }} }} }}\n")
}

fn shown(project: &Project) -> Vec<String> {
    names(&project.path("artifacts/latest"))
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs_err::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with('.'))
        .collect();
    names.sort();
    names
}

fn latest(project: &Project, name: &str) -> String {
    fs_err::read_to_string(project.path(&format!("artifacts/latest/{name}/say/x.txt"))).unwrap()
}

fn done(project: &Project, arguments: &[&str]) -> Outcome {
    let outcome = project.nnf(arguments);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    outcome
}

/// How many runs are told of a pipeline.
fn runs(project: &Project, file: &str) -> usize {
    done(project, &["runs", file, "--json"]).out.lines().count()
}

/// `one/demo.yaml` and `two/demo.yaml`, with one root; the first has run.
fn two_of_one_name() -> Project {
    let project = Project::new("");
    for word in ["one", "two"] {
        project.write(&format!("{word}/demo.yaml"), says(word, "root: .."));
    }
    ran(&project, &["one/demo.yaml"]);
    project
}

#[test]
fn files_whose_names_are_no_plain_words_have_names_of_their_own() {
    let project = Project::new("");
    let files = ["my exp.yaml", "your exp.yaml", "größe.yaml", "it's.yaml", "$x.yml"];
    for file in files {
        project.write(file, says(&format!("a{}", file.len()), ""));
        ran(&project, &[&format!("./{file}")]);
    }
    assert_eq!(shown(&project), ["%24x", "größe", "it%27s", "my%20exp", "your%20exp"]);
    for (file, name) in files.iter().zip(["my%20exp", "your%20exp", "größe", "it%27s", "%24x"]) {
        assert_eq!(latest(&project, name), format!("a{}\n", file.len()));
        assert_eq!(runs(&project, &format!("./{file}")), 1);
    }
    let long = format!("./{}.yaml", "long name ".repeat(20));
    project.write(&long, says("long", ""));
    ran(&project, &[&long]);
}

#[test]
fn hints_quote_what_a_shell_needs_quoted() {
    let project = Project::new("");
    project.write("my exp.yaml", "stages: { a: { each: { x: [1] }, run: ['false'], out: { o: } } }");
    let failed = project.nnf(&["run", "my exp.yaml"]);
    assert!(failed.err.contains("`nnf why 'my exp.yaml' 'a[x=1]'` shows"), "{}", failed.err);
    let missing = project.nnf(&["get", "my exp.yaml", "a[x=1].o"]);
    assert!(missing.err.contains("`nnf run 'my exp.yaml' 'a[x=1]'` makes it"), "{}", missing.err);
}

#[test]
fn two_pipelines_of_one_name_keep_their_results_apart() {
    let project = two_of_one_name();
    let second = done(&project, &["run", "two/demo.yaml"]);
    let [first, other] = shown(&project).try_into().unwrap();
    let said = format!(
        "note: `demo` is the name of `one/demo.yaml` in this store, so results of this pipeline go by `{other}`; \
         `name: …` gives it one of its own"
    );
    assert!(second.err.contains(&said), "{}", second.err);
    assert_eq!((first.as_str(), &other[..5]), ("demo", "demo@"));
    assert_eq!((latest(&project, "demo"), latest(&project, &other)), ("one\n".into(), "two\n".into()));
    for (file, word) in [("one/demo.yaml", "one\n"), ("two/demo.yaml", "two\n")] {
        assert_eq!(runs(&project, file), 1);
        assert_eq!(done(&project, &["log", file, "say"]).out, word);
        let page = done(&project, &["report", file, "-o", "-"]).out;
        assert!(page.contains("say") && !page.contains("no longer"), "{page}");
        assert_eq!(ran(&project, &[file]).stages, [""; 0]);
    }
    assert_eq!(shown(&project), ["demo".to_owned(), other]);
}

#[test]
fn collecting_keeps_the_last_runs_of_both() {
    let project = two_of_one_name();
    ran(&project, &["two/demo.yaml"]);
    fs_err::remove_dir_all(project.path("artifacts/latest")).unwrap();
    done(&project, &["gc", "two/demo.yaml", "--keep-runs", "1", "--grace", "0s"]);
    for file in ["one/demo.yaml", "two/demo.yaml"] {
        assert_eq!(ran(&project, &[file]).stages, [""; 0], "{file}");
    }
}

#[test]
fn what_a_run_compares_with_is_its_own() {
    let project = two_of_one_name();
    ran(&project, &["two/demo.yaml"]);
    project.write("one/demo.yaml", says("one", "root: ..").replace("echo one", "echo 1"));
    let plan = done(&project, &["plan", "one/demo.yaml"]).out;
    assert!(plan.contains("echo 1") || plan.contains("command"), "{plan}");
    let why = done(&project, &["why", "one/demo.yaml", "say"]).out;
    assert!(why.contains("echo one") && !why.contains("echo two"), "{why}");
}

#[test]
fn a_file_that_is_gone_or_calls_itself_otherwise_leaves_its_name() {
    let project = two_of_one_name();
    fs_err::create_dir(project.path("moved")).unwrap();
    fs_err::rename(project.path("one/demo.yaml"), project.path("moved/demo.yaml")).unwrap();
    assert!(!done(&project, &["run", "moved/demo.yaml"]).err.contains("note:"));
    assert_eq!(shown(&project), ["demo"]);
    assert_eq!(runs(&project, "moved/demo.yaml"), 2);
    project.write("moved/demo.yaml", says("one", "root: ..\nname: first"));
    ran(&project, &["moved/demo.yaml"]);
    assert!(!done(&project, &["run", "two/demo.yaml"]).err.contains("note:"));
    assert_eq!((latest(&project, "demo"), latest(&project, "first")), ("two\n".into(), "one\n".into()));
}

#[test]
fn a_name_that_depends_on_parameters_is_several() {
    let project = Project::new(&says("${params.w}", "name: 'word-${params.w}'\nparams: { w: a }"));
    ran(&project, &[]);
    ran(&project, &["--set", "params.w=b"]);
    project.write("other.yaml", says("c", "name: word-a"));
    let other = done(&project, &["run", "other.yaml"]);
    assert!(other.err.contains("`word-a` is the name of `pipeline.yaml`"), "{}", other.err);
    assert_eq!((latest(&project, "word-a"), latest(&project, "word-b")), ("a\n".into(), "b\n".into()));
}

#[test]
fn a_copy_of_a_project_is_itself() {
    let project = two_of_one_name();
    ran(&project, &["two/demo.yaml"]);
    let before = shown(&project);
    let copy = project.path("").parent().unwrap().join("copy");
    let copied = std::process::Command::new("cp").arg("-a").args([&project.path(""), &copy]).status().unwrap();
    assert!(copied.success());
    for (file, notes) in [("one/demo.yaml", 0), ("two/demo.yaml", 1)] {
        let output = project.command(&["run", file, "--force", "say"]).current_dir(&copy).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), said.matches("note: `demo`").count()), (Some(0), notes), "{said}");
    }
    assert_eq!(names(&copy.join("artifacts/latest")), before);
    // A store that two roots have linked is another matter.
    let linked = project.path("").parent().unwrap().join("linked");
    fs_err::create_dir_all(linked.join("one")).unwrap();
    fs_err::write(linked.join("one/demo.yaml"), says("three", "root: ..")).unwrap();
    std::os::unix::fs::symlink(project.path("artifacts"), linked.join("artifacts")).unwrap();
    let output = project.command(&["run", "one/demo.yaml"]).current_dir(&linked).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("note: `demo` is the name of"), "{said}");
    assert_eq!((latest(&project, "demo"), shown(&project).len()), ("one\n".into(), 3));
}

#[test]
fn what_an_older_version_called_pipeline_is_that_of_the_first_to_claim_it() {
    let project = Project::new(&says("old", ""));
    ran(&project, &[]);
    fs_err::rename(project.path("pipeline.yaml"), project.path("my exp.yaml")).unwrap();
    fs_err::remove_file(project.path("artifacts/heads/v1/pipeline.owner")).unwrap();
    project.write("your exp.yaml", says("new", ""));
    assert_eq!(runs(&project, "my exp.yaml"), 1);
    assert_eq!(ran(&project, &["my exp.yaml"]).stages, [""; 0]);
    assert_eq!(ran(&project, &["your exp.yaml"]).stages, ["say"]);
    assert_eq!(shown(&project), ["pipeline", "your%20exp"]);
    assert_eq!((latest(&project, "pipeline"), runs(&project, "my exp.yaml")), ("old\n".into(), 2));
}

#[test]
fn two_projects_of_one_name_keep_their_last_results_in_a_remote_store() {
    let (one, two) = (Project::new(&says("one", "")), Project::new(&says("two", "")));
    let far = one.path("").parent().unwrap().join("far");
    let url = format!("file://{}", far.display());
    for project in [&one, &two, &one] {
        ran(project, &["--store", &url]);
    }
    let head = fs_err::read_to_string(far.join("heads/v1/pipeline.jsonl")).unwrap();
    assert_eq!(head.lines().count(), 2, "{head}");
    done(&two, &["gc", "--remote", "--store", &url, "--grace", "0s"]);
    fs_err::remove_dir_all(one.path("artifacts")).unwrap();
    assert_eq!(ran(&one, &["--store", &url]).stages, [""; 0]);
    // A clone says the same, in the same place.
    let clone = Project::new(&says("one", ""));
    ran(&clone, &["--store", &url]);
    let again = fs_err::read_to_string(far.join("heads/v1/pipeline.jsonl")).unwrap();
    assert_eq!(again.lines().count(), 2, "{again}");
    for name in ["my exp.yaml", "größe.yaml"] {
        clone.write(name, says(&format!("n{}", name.len()), ""));
        ran(&clone, &[name, "--store", &url]);
    }
    done(&clone, &["gc", "--remote", "--store", &url, "--grace", "0s", "--keep-runs", "1"]);
    assert_eq!(names(&far.join("heads/v1")).len(), 3);
}

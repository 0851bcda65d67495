//! GPUs are handed out by index: a stage sees its own and no other's. The machine is made up by `NNF_GPUS`.

#![expect(clippy::unwrap_used, reason = "tests")]

mod support;
#[path = "support/waiting.rs"]
mod waiting;

use std::process::{Output, Stdio};

use support::{Outcome, Project};
use waiting::until;

/// Runs with variables, and with locks of the project's own: tests must not wait for each other.
fn spawn(project: &Project, arguments: &[&str], variables: &[(&str, &str)]) -> std::process::Child {
    let locks = project.path("../locks");
    fs_err::create_dir_all(&locks).unwrap();
    let mut command = project.command(arguments);
    command.env("NNF_LOCKS", locks).envs(variables.iter().copied());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn end(output: &Output) -> Outcome {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Outcome { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
}

fn run(project: &Project, variables: &[(&str, &str)]) -> Outcome {
    end(&spawn(project, &["run", "-j", "8"], variables).wait_with_output().unwrap())
}

fn shown(project: &Project, output: &str) -> String {
    let outcome = project.nnf(&["get", output]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    outcome.out.trim().to_owned()
}

/// Says what it sees, once `other` is there too: the two run at the same time.
fn meeting(name: &str, other: &str) -> String {
    format!(
        "  {name}:
    run: [sh, -c, 'echo \"$CUDA_VISIBLE_DEVICES\" > {{out.x}}; touch ${{params.marks}}/{name}; {}']
    needs: {{ gpus: 1 }}
    out: {{ x: text/plain }}
",
        until(&format!("${{params.marks}}/{other}"))
    )
}

fn project(stages: &str) -> Project {
    let project = Project::new("");
    fs_err::create_dir(project.path("../marks")).unwrap();
    let marks = project.path("").parent().unwrap().join("marks");
    project.write("pipeline.yaml", format!("params: {{ marks: {} }}\nstages:\n{stages}", marks.display()));
    project
}

#[test]
fn two_stages_at_a_time_get_different_ones_and_others_none() {
    let none = "  none: { run: [sh, -c, 'echo \"$CUDA_VISIBLE_DEVICES|$NVIDIA_VISIBLE_DEVICES|$ROCR_VISIBLE_DEVICES|$HIP_VISIBLE_DEVICES\" > {out.x}'], out: { x: text/plain } }\n";
    let stages = format!("{}{}{none}", meeting("a", "b"), meeting("b", "a"));
    for (variables, pool) in [
        (&[("NNF_GPUS", "2")][..], ["0", "1"]),
        (&[("NNF_GPUS", "8"), ("CUDA_VISIBLE_DEVICES", "5,3")], ["3", "5"]),
        (&[("NNF_GPUS", "8"), ("CUDA_VISIBLE_DEVICES", "GPU-8932f937,7")], ["7", "GPU-8932f937"]),
    ] {
        let project = project(&stages);
        let outcome = run(&project, variables);
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        let mut seen = [shown(&project, "a.x"), shown(&project, "b.x")];
        seen.sort();
        assert_eq!(seen, pool);
        assert_eq!(shown(&project, "none.x"), "|none||-1");
    }
}

#[test]
fn no_two_stages_share_one_at_any_time() {
    let stage = "  s:
    each: { n: ['1', '2', '3', '4', '5', '6', '7', '8', '9'] }
    run: [sh, -c, 'set -e; for g in $(echo $CUDA_VISIBLE_DEVICES | tr , \" \"); do mkdir ${params.marks}/$g; done; echo {with.n} $CUDA_VISIBLE_DEVICES > {out.x}; sleep 0.05; for g in $(echo $CUDA_VISIBLE_DEVICES | tr , \" \"); do rmdir ${params.marks}/$g; done']
    with: { n: '${each.n}' }
    needs: { gpus: NEEDS }
    out: { x: text/plain }
";
    for (needs, each) in [("1", 1), ("2", 2)] {
        let project = project(&stage.replace("NEEDS", needs));
        let outcome = run(&project, &[("NNF_GPUS", "3")]);
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        for n in 1..=9 {
            let seen = shown(&project, &format!("s[n={n}].x"));
            assert_eq!(seen.split([' ', ',']).count(), 1 + each, "{seen}");
        }
    }
}

#[test]
fn a_kinds_task_names_them() {
    let project = Project::new(
        "programs: { mine: { run: [sh, kinds.sh], code: [kinds.sh] } }
stages: { a: { use: look, needs: { gpus: 2 } } }
",
    );
    project.write(
        "kinds.sh",
        r#"if [ "$1" = describe ]; then
  echo '{"contract":1,"program":"mine","version":"1","kinds":[{"name":"look","summary":"looks","fingerprint":"1",
    "outputs":[{"name":"y","media":"application/json","doc":"its task"}]}]}'
  exit
fi
cp "$4" "$(sed -n 's/ *"y": "\(.*\)".*/\1/p' "$4")"
"#,
    );
    let outcome = run(&project, &[("NNF_GPUS", "8"), ("CUDA_VISIBLE_DEVICES", "6,2,4")]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let task: serde_json::Value = serde_json::from_str(&shown(&project, "a.y")).unwrap();
    assert_eq!(task["gpus"], serde_json::json!([6, 2]));
}

#[test]
fn more_than_there_are_is_an_error() {
    let stage = "  a: { run: ['true'], needs: { gpus: 3 } }\n";
    for variables in [&[("NNF_GPUS", "2")][..], &[("NNF_GPUS", "4"), ("CUDA_VISIBLE_DEVICES", "0,1")]] {
        let outcome = run(&project(stage), variables);
        assert_eq!(outcome.code, Some(1), "{outcome:?}");
        assert!(outcome.err.contains("stage `a` failed: it needs 3 GPUs, and this machine has 2"), "{}", outcome.err);
    }
    let outcome = run(&project(stage), &[("NNF_GPUS", "none")]);
    assert!(outcome.err.contains("it needs 3 GPUs, and this machine has "), "{}", outcome.err);
}

#[test]
fn the_variables_are_not_the_pipelines_to_set() {
    for name in ["CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"] {
        for key in [format!("env: {{ {name}: '0' }}"), format!("pass: [{name}]")] {
            let outcome = run(&project(&format!("  a: {{ run: ['true'], {key} }}\n")), &[]);
            assert_eq!(outcome.code, Some(2), "{key}: {outcome:?}");
            let fault = format!("`{name}` is set by nnf, to the GPUs that are the stage's own");
            assert!(
                outcome.err.contains(&fault) && outcome.err.contains("hint: ask for some by `needs"),
                "{outcome:?}"
            );
        }
    }
}

/// Two runs, each of which believes that the machine is its own, in stores of their own.
#[test]
fn two_runs_get_different_ones_or_wait() {
    for (gpus, expected) in [("2", ["0", "1"]), ("1", ["0", "0"])] {
        let (one, two) = (project(&meeting("a", "go")), project(&meeting("a", "go")));
        let locks = one.path("../locks").display().to_string();
        fs_err::create_dir_all(one.path("../locks")).unwrap();
        let start = |project: &Project| {
            let mut command = project.command(&["run"]);
            command.env("NNF_LOCKS", &locks).env("NNF_GPUS", gpus).stdout(Stdio::piped()).stderr(Stdio::piped());
            command.spawn().unwrap()
        };
        let mark = |project: &Project, name: &str| project.path("").parent().unwrap().join("marks").join(name);
        let first = start(&one);
        while !mark(&one, "a").exists() {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        fs_err::write(mark(&two, "go"), "").unwrap();
        let second = start(&two);
        if gpus == "1" {
            std::thread::sleep(std::time::Duration::from_millis(300));
            assert!(!mark(&two, "a").exists(), "it waits");
        } else {
            assert_eq!(end(&second.wait_with_output().unwrap()).code, Some(0));
            fs_err::write(mark(&one, "go"), "").unwrap();
            assert_eq!(end(&first.wait_with_output().unwrap()).code, Some(0));
            assert_eq!([shown(&one, "a.x"), shown(&two, "a.x")], expected);
            continue;
        }
        fs_err::write(mark(&one, "go"), "").unwrap();
        let (first, second) = (first.wait_with_output().unwrap(), second.wait_with_output().unwrap());
        assert_eq!((end(&first).code, end(&second).code), (Some(0), Some(0)));
        assert!(end(&second).err.contains("another run, which uses GPU 0"), "{}", end(&second).err);
        assert_eq!([shown(&one, "a.x"), shown(&two, "a.x")], expected);
    }
}

//! Stages as jobs of a real Slurm, which the tests start; where it is not installed they say so and pass.

#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "support/slurm.rs"]
mod slurm;
#[path = "support/slurm_runs.rs"]
mod slurm_runs;
mod support;
#[path = "support/waiting.rs"]
mod waiting;

use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use slurm::Cluster;
use slurm_runs::{text, until};
use support::Project;

#[test]
fn a_pipeline_runs_as_jobs_and_is_fresh_here() {
    let Some(cluster) = Cluster::shared() else { return };
    let project = Project::new(
        "slurm: { arguments: ['--comment=ours'] }
stages:
  make:
    run: [sh, -c, 'echo $SLURM_JOB_ID-$SECRET-$NNF_CPUS-$CUDA_VISIBLE_DEVICES > \"$0\"; echo said', '{out.x}']
    out: { x: text/plain }
    pass: [SECRET]
    needs: { cpus: 2, memory: 200MiB, gpus: 1 }
  each:
    run: [cp, '{in.x}', '{out.y}']
    in: { x: make.x }
    out: { y: }
    with: { i: '${each.i}' }
    each: { i: [1, 2, 3] }
  here: { run: [cp, '{in.y}', '{out.z}'], in: { y: 'each[i=2].y' }, out: { z: }, executor: local }
",
    );
    let mut command = cluster.command(&project, &["run", "--executor", "slurm"]);
    let outcome = command.env("SECRET", "hush").output().unwrap();
    assert_eq!(outcome.status.code(), Some(0), "{}", String::from_utf8_lossy(&outcome.stderr));
    let made = text(project.path("artifacts/latest/pipeline/here/z"));
    // No variable of Slurm's reaches a stage; its share does.
    let (before, gpu) = made.trim().rsplit_once('-').unwrap();
    assert_eq!(before, "-hush-2");
    assert!(gpu.is_empty() || gpu == "0" || gpu == "1", "{made}");
    assert_eq!(project.nnf(&["log", "make"]).out.trim(), "said");
    assert!(!project.path("artifacts/slurm/v1").exists(), "nothing is left behind");
    let again = project.nnf(&["run", "--executor", "local"]);
    assert!(again.err.contains(" 0 ran, 5 fresh"), "{}", again.err);
}

#[test]
fn short_stages_share_jobs() {
    let Some(cluster) = Cluster::shared() else { return };
    let numbers: Vec<String> = (0..60).map(|number| number.to_string()).collect();
    let project = Project::new(&format!(
        "stages:
  s:
    run: [sh, -c, 'echo $0 > \"$1\"', '{{with.i}}', '{{out.x}}']
    out: {{ x: }}
    with: {{ i: '${{each.i}}' }}
    each: {{ i: [{}] }}
",
        numbers.join(", ")
    ));
    let outcome = cluster.nnf(&project, &["run", "--executor", "slurm"]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.err);
    assert_eq!(text(project.path("artifacts/latest/pipeline/s[i=59]/x")).trim(), "59");
    until("all jobs to be gone", || cluster.jobs(&project, "PENDING,RUNNING,COMPLETING").is_empty());
    let ended = cluster.jobs(&project, "COMPLETED").len();
    assert!((1..30).contains(&ended), "{ended} jobs for 60 stages");
}

#[test]
fn what_sbatch_refuses_is_told_in_its_words() {
    let Some(cluster) = Cluster::shared() else { return };
    let project = Project::new(
        "slurm: { partition: nowhere }
stages: { a: { run: [touch, '{out.x}'], out: { x: } } }
",
    );
    let outcome = cluster.nnf(&project, &["run", "--executor", "slurm"]);
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.err.contains("stage `a` failed"), "{}", outcome.err);
    assert!(outcome.err.contains("`sbatch` refused: ") && outcome.err.contains("nowhere"), "{}", outcome.err);
}

#[test]
fn where_slurm_is_not_installed_that_is_told() {
    let project = Project::new("stages: { a: { run: [/bin/true], out: {} } }\nexecutor: slurm\n");
    let outcome = project.command(&["run"]).env("PATH", "/no/such/folder").output().unwrap();
    let err = String::from_utf8_lossy(&outcome.stderr);
    assert_eq!(outcome.status.code(), Some(1), "{err}");
    assert!(err.contains("`sbatch` does not start") && err.contains("is Slurm installed"), "{err}");
}

#[test]
fn failures_and_timeouts_are_those_of_the_stage() {
    let Some(cluster) = Cluster::shared() else { return };
    let project = Project::new(
        "stages:
  code: { run: [sh, -c, 'echo its last words; exit 7'], out: {} }
  late: { run: [sleep, '600'], out: {}, timeout: 300ms }
",
    );
    let outcome = cluster.nnf(&project, &["run", "--executor", "slurm", "--keep-going"]);
    assert_eq!(outcome.code, Some(1));
    for words in ["exit status 7", "its last words", "timeout of 0.3 s"] {
        assert!(outcome.err.contains(words), "{words}: {}", outcome.err);
    }
}

/// A stage with this beginning runs when somebody cancels its job: it fails, and that is told.
fn is_told_when_somebody_cancels(cluster: &Cluster, beginning: &str) -> Project {
    let project = Project::new(&format!(
        "stages: {{ a: {{ run: [sh, -c, '{beginning}touch begun; {}'], out: {{}} }} }}\n",
        waiting::until("never")
    ));
    let run = cluster.command(&project, &["run", "--executor", "slurm"]).stderr(Stdio::piped()).spawn().unwrap();
    until("the stage to begin", || project.path("begun").exists());
    let ids = cluster.jobs(&project, "RUNNING");
    cluster.say("scancel", &ids.iter().map(String::as_str).collect::<Vec<_>>());
    let output = run.wait_with_output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{err}");
    assert!(err.contains("somebody ended it"), "{err}");
    project
}

#[test]
fn a_job_that_somebody_cancels_is_told() {
    let Some(cluster) = Cluster::shared() else { return };
    is_told_when_somebody_cancels(&cluster, "");
}

#[test]
fn ctrl_c_takes_back_what_waits_and_ends_what_runs() {
    let Some(cluster) = Cluster::shared() else { return };
    let project = Project::new(&format!(
        "stages:
  s:
    run: [sh, -c, 'touch begun; {}', '{{with.i}}']
    out: {{}}
    with: {{ i: '${{each.i}}' }}
    each: {{ i: [1, 2, 3, 4, 5, 6, 7, 8] }}
",
        waiting::until("never")
    ));
    let mut run = cluster.command(&project, &["run", "--executor", "slurm"]).stderr(Stdio::null()).spawn().unwrap();
    until("a stage to begin", || project.path("begun").exists());
    let pid = i32::try_from(run.id()).ok().and_then(Pid::from_raw).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    assert_eq!(run.wait().unwrap().code(), Some(130));
    until("all jobs to be gone", || cluster.jobs(&project, "PENDING,RUNNING,COMPLETING").is_empty());
}

#[test]
fn what_measures_has_a_node_alone_and_is_keyed_by_it() {
    let Some(cluster) = Cluster::shared() else { return };
    let project = Project::new(
        "executor: slurm\nprograms: { mine: { run: [sh, kinds.sh], code: [kinds.sh] } }\nstages: { m: { use: mine.m } }\n",
    );
    let kind = r#"{"name":"mine.m","summary":"s","fingerprint":"1","measures":true,"outputs":[{"name":"x","media":"text/plain","doc":"d"}]}"#;
    project.write(
        "kinds.sh",
        format!(
            r#"if [ "$1" = describe ]; then
  echo '{{"contract":1,"program":"mine","version":"1","kinds":[{kind}]}}'
else
  echo > "$(sed -n 's/.*"x": "\(.*\)".*/\1/p' "$4")"
fi
"#
        ),
    );
    let plan = || project.nnf(&["plan"]).out;
    assert!(plan().contains("not known yet which node is to be measured"), "{}", plan());
    let outcome = cluster.nnf(&project, &["run"]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.err);
    // Two jobs: one asked the node, the other one measured that node.
    let jobs = || {
        let all = cluster.say("squeue", &["--noheader", "--states=all", "--format=%Z|%h|%n|%N"]);
        let folder = project.path("artifacts/slurm").display().to_string();
        let own: Vec<String> = all.lines().filter(|line| line.starts_with(&folder)).map(str::to_owned).collect();
        own
    };
    let found = jobs();
    let parts: Vec<Vec<&str>> = found.iter().map(|job| job.split('|').skip(1).collect()).collect();
    assert_eq!(parts.len(), 2, "{found:?}");
    assert!(parts.iter().all(|job| job[0] == "NO"), "each has its node alone: {found:?}");
    let node = parts[0][2];
    assert!(parts.iter().any(|job| job[1] == node) && parts.iter().all(|job| job[2] == node), "{found:?}");
    assert!(plan().contains("nothing to run, 1 fresh"), "{}", plan());
    let again = cluster.nnf(&project, &["run"]);
    assert!(again.err.contains(" 0 ran, 1 fresh") && jobs().len() == 2, "{}", again.err);
    // As if another machine had answered then.
    let memory = project.path("artifacts/slurm/v1/machines");
    let file =
        fs_err::read_dir(&memory).unwrap().flatten().map(|entry| entry.path()).find(|path| path.is_file()).unwrap();
    let mut known: serde_json::Value = serde_json::from_str(&text(file.clone())).unwrap();
    known["machine"]["cpu"] = "another CPU".into();
    fs_err::write(&file, known.to_string()).unwrap();
    assert!(plan().contains("1 to run"), "{}", plan());
    let other = cluster.nnf(&project, &["run"]);
    assert_eq!(other.code, Some(1));
    assert!(other.err.contains("the machine changed while it was measured"), "{}", other.err);
    // The node is asked once more, and what was measured of it is fresh.
    let again = cluster.nnf(&project, &["run"]);
    assert!(again.err.contains(" 0 ran, 1 fresh"), "{}", again.err);
    // As if that node had been taken out of the cluster: it is told, and another one is asked by the next run.
    let mut known: serde_json::Value = serde_json::from_str(&text(file.clone())).unwrap();
    known["node"] = "gone".into();
    fs_err::write(&file, known.to_string()).unwrap();
    let gone = cluster.nnf(&project, &["run", "--force", "m"]);
    assert_eq!(gone.code, Some(1), "{}", gone.err);
    assert!(
        gone.err.contains("gone, the node that measured before, is forgotten: run again to ask another"),
        "{}",
        gone.err
    );
    let again = cluster.nnf(&project, &["run", "--force", "m"]);
    assert!(again.code == Some(0) && again.err.contains("1 ran"), "{}", again.err);
    // What would run is told of where it would: here another node is to be asked first.
    project.write("other.yaml", text(project.path("pipeline.yaml")).replace("executor: slurm\n", ""));
    fs_err::remove_file(&file).unwrap();
    let there = ["plan", "other.yaml", "--executor", "slurm"];
    assert!(project.nnf(&there).out.contains("not known yet which node is to be measured"));
    assert!(project.nnf(&["why", "other.yaml", "m", "--executor", "slurm"]).out.contains("is pending"));
    assert!(!project.nnf(&there[..2]).out.contains("not known yet"));
    // Where this machine is measured, its results are its own; here it is the same make.
    assert!(project.nnf(&["run", "--executor", "local"]).err.contains(" 0 ran, 1 fresh"));
}

#[test]
fn what_no_node_has_is_refused_before_anything_runs() {
    let Some(cluster) = Cluster::shared() else { return };
    let project = Project::new(
        "executor: slurm
stages:
  a: { run: [sh, -c, 'touch begun \"$0\"', '{out.x}'], out: { x: } }
  b: { run: [cp, '{in.x}', '{out.y}'], in: { x: a.x }, out: { y: }, needs: { cpus: 3 } }
",
    );
    let outcome = cluster.nnf(&project, &["run"]);
    assert_eq!(outcome.code, Some(1));
    let words = "stage `b` failed: it needs 3 cores, and the largest node of the usual partition has 2";
    assert!(outcome.err.contains(words), "{}", outcome.err);
    assert!(!project.path("begun").exists(), "{}", outcome.err);
}

/// Slurm tells a job to end, and kills it when it does not: here the stage takes no notice.
#[test]
fn a_stage_that_takes_no_notice_of_being_told_to_end_is_ended() {
    let Some(cluster) = Cluster::shared() else { return };
    let project = is_told_when_somebody_cancels(&cluster, "trap \"\" TERM; ");
    until("all jobs to be gone", || cluster.jobs(&project, "PENDING,RUNNING,COMPLETING").is_empty());
}

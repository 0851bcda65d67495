//! What a run on Slurm stands: being stopped or killed, a controller that is down, a node that fails. The tests start a
//! real Slurm; where it is not installed they say so and pass.

#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "support/slurm.rs"]
mod slurm;
#[path = "support/slurm_runs.rs"]
mod slurm_runs;
mod support;
#[path = "support/waiting.rs"]
mod waiting;

use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use slurm::Cluster;
use slurm_runs::{text, until};
use support::Project;

/// What was spare for a while is cancelled, and no more: stages that come later need the other tasks of the array.
#[test]
fn a_run_that_stood_still_for_a_while_goes_on() {
    let Some(cluster) = Cluster::shared() else { return };
    let numbers: Vec<String> = (0..60).map(|number| number.to_string()).collect();
    let project = Project::new(&format!(
        "stages:
  s:
    run: [sh, -c, 'sleep 0.5; echo done > {{out.o}}', '{{with.i}}']
    out: {{ o: text/plain }}
    with: {{ i: '${{each.i}}' }}
    each: {{ i: [{}] }}
",
        numbers.join(", ")
    ));
    let arguments = ["run", "--executor", "slurm", "--jobs", "24"];
    let mut run = cluster.command(&project, &arguments).stderr(Stdio::null()).spawn().unwrap();
    let records = project.path("artifacts/records/v1");
    until("a stage to be done", || records.read_dir().is_ok_and(|mut folders| folders.next().is_some()));
    let pid = i32::try_from(run.id()).ok().and_then(Pid::from_raw).unwrap();
    kill_process(pid, Signal::STOP).unwrap();
    std::thread::sleep(Duration::from_secs(2));
    kill_process(pid, Signal::CONT).unwrap();
    assert_eq!(run.wait().unwrap().code(), Some(0));
}

#[test]
fn a_controller_that_is_down_is_waited_for() {
    let Some(cluster) = Cluster::own() else { return };
    let folder = cluster.conf().parent().unwrap().to_owned();
    let controller = || text(folder.join("slurmctld.pid"));
    cluster.say("scontrol", &["shutdown", "slurmctld"]);
    until("the controller to end", || controller().is_empty());
    let project = Project::new(&format!(
        "stages: {{ a: {{ run: [sh, -c, 'touch begun; {}; echo > \"$0\"', '{{out.x}}'], out: {{ x: }} }} }}\n",
        waiting::until("go")
    ));
    let run = cluster.command(&project, &["run", "--executor", "slurm"]).stderr(Stdio::piped()).spawn().unwrap();
    until("the stage to wait for a job", || project.path("artifacts/slurm/v1").exists());
    std::thread::sleep(Duration::from_millis(300));
    let start = || Command::new("slurmctld").env("SLURM_CONF", cluster.conf()).status().unwrap();
    assert!(start().success());
    until("the stage to begin", || project.path("begun").exists());
    // And once more while the job runs.
    cluster.say("scontrol", &["shutdown", "slurmctld"]);
    until("the controller to end", || controller().is_empty());
    project.write("go", "");
    let output = run.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(start().success());
}

#[test]
fn a_node_that_fails_is_no_failure_of_the_stage() {
    let Some(cluster) = Cluster::own() else { return };
    let project = Project::new(&format!(
        "stages: {{ a: {{ run: [sh, -c, 'echo begun >> begun; {}; echo > \"$0\"', '{{out.x}}'], out: {{ x: }} }} }}\n",
        waiting::until("go")
    ));
    let run = cluster.command(&project, &["run", "--executor", "slurm"]).stderr(Stdio::piped()).spawn().unwrap();
    let begun = || text(project.path("begun")).lines().count();
    until("the stage to begin", || begun() == 1);
    let ids = cluster.jobs(&project, "RUNNING");
    let node = cluster.say("squeue", &["--noheader", "--format=%N", "--jobs", &ids[0]]);
    let node = format!("nodename={}", node.trim());
    cluster.say("scontrol", &["update", &node, "state=down", "reason=test"]);
    until("the stage to begin anew", || begun() == 2);
    project.write("go", "");
    let output = run.wait_with_output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{err}");
    assert!(err.contains("machine that it ran on failed"), "{err}");
}

/// Kills a run with no time to do anything about it.
fn kill(mut run: std::process::Child) {
    run.kill().unwrap();
    run.wait().unwrap();
}

#[test]
fn a_run_that_was_killed_finds_its_jobs_again() {
    let Some(cluster) = Cluster::own() else { return };
    // More than there are cores, so that some wait in the queue as the run is killed.
    let project = Project::new(&format!(
        "stages:
  s:
    run: [sh, -c, 'echo $0 >> begun; {}; echo said; echo $0 > \"$1\"', '{{with.i}}', '{{out.x}}']
    out: {{ x: }}
    with: {{ i: '${{each.i}}' }}
    each: {{ i: [1, 2, 3, 4, 5, 6] }}
  all: {{ run: [cp, '{{in.x}}', '{{out.y}}'], in: {{ x: 's[i=6].x' }}, out: {{ y: }} }}
",
        waiting::until("go")
    ));
    let begun = || text(project.path("begun"));
    let start = || cluster.command(&project, &["run", "--executor", "slurm"]).stderr(Stdio::piped()).spawn().unwrap();
    let run = start();
    until("four stages to begin", || begun().lines().count() == 4);
    kill(run);
    let jobs = cluster.jobs(&project, "RUNNING");
    assert_eq!(jobs.len(), 4, "they go on");
    // And once more, as the second run goes on with them.
    let run = start();
    std::thread::sleep(Duration::from_secs(2));
    kill(run);
    assert_eq!(cluster.jobs(&project, "RUNNING"), jobs);
    let run = start();
    std::thread::sleep(Duration::from_secs(1));
    project.write("go", "");
    let output = run.wait_with_output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{err}");
    assert!(err.contains("begun by a run that was killed"), "{err}");
    let mut all: Vec<_> = begun().lines().map(str::to_owned).collect();
    all.sort();
    assert_eq!(all, ["1", "2", "3", "4", "5", "6"], "{err}");
    assert_eq!(text(project.path("artifacts/latest/pipeline/all/y")).trim(), "6");
    assert_eq!(project.nnf(&["log", "s[i=1]"]).out.trim(), "said");
    assert!(!project.path("artifacts/slurm/v1").exists(), "nothing is left behind");
    let left = fs_err::read_dir(project.path("artifacts/attempts")).unwrap().flatten();
    assert_eq!(left.filter(|entry| entry.file_name().to_string_lossy().starts_with("r-")).count(), 0);
    let again = project.nnf(&["run"]);
    assert!(again.err.contains(" 0 ran, 7 fresh"), "{}", again.err);
}

#[test]
fn what_ended_while_nobody_looked_is_taken() {
    let Some(cluster) = Cluster::shared() else { return };
    let project = Project::new(&format!(
        "stages:
  well: {{ run: [sh, -c, 'echo well >> begun; {0}; echo made > \"$0\"; echo over >> ended', '{{out.x}}'], out: {{ x: }} }}
  badly: {{ run: [sh, -c, 'echo badly >> begun; {0}; echo over >> ended; exit 7'], out: {{}} }}
",
        waiting::until("go")
    ));
    let run = cluster.command(&project, &["run", "--executor", "slurm"]).stderr(Stdio::null()).spawn().unwrap();
    until("both stages to begin", || text(project.path("begun")).lines().count() == 2);
    kill(run);
    project.write("go", "");
    until("both stages to end", || text(project.path("ended")).lines().count() == 2);
    until("all jobs to be gone", || cluster.jobs(&project, "PENDING,RUNNING,COMPLETING").is_empty());
    // One that looks after other things leaves them alone.
    project.write("other.yaml", "stages: { o: { run: [touch, '{out.x}'], out: { x: } } }\nexecutor: slurm\n");
    assert_eq!(cluster.nnf(&project, &["run", "other.yaml"]).code, Some(0));
    assert_eq!(project.nnf(&["gc"]).code, Some(0));
    let outcome = cluster.nnf(&project, &["run", "--executor", "slurm", "--keep-going"]);
    assert_eq!(outcome.code, Some(1), "{}", outcome.err);
    assert!(outcome.err.contains("exit status 7"), "{}", outcome.err);
    assert_eq!(text(project.path("begun")).lines().count(), 2, "{}", outcome.err);
    assert_eq!(text(project.path("artifacts/latest/pipeline/well/x")).trim(), "made");
}

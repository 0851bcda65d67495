//! The keeper with a Slurm that a script plays.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use super::*;
use crate::executor::slurm::lane::Terms;
use crate::executor::slurm::state::{Job, JobEnd, JobState};

/// Takes all jobs, unless it is told to fail first, and keeps what it was asked for.
#[derive(Clone, Default)]
struct Scripted(Arc<Mutex<Script>>);

#[derive(Default)]
struct Script {
    jobs: BTreeMap<JobId, Job>,
    submissions: Vec<String>,
    queries: usize,
    cancelled: Vec<JobId>,
    fail: Vec<SlurmError>,
}

impl Scripted {
    fn script(&self) -> MutexGuard<'_, Script> {
        self.0.lock().unwrap()
    }

    fn all(&self, state: &JobState) {
        self.script().jobs.values_mut().for_each(|job| job.state = state.clone());
    }
}

impl Cluster for Scripted {
    fn submit(&self, arguments: &[String], _: &[u8], _: &std::path::Path) -> Result<JobId, SlurmError> {
        let mut script = self.script();
        if let Some(error) = script.fail.pop() {
            return Err(error);
        }
        let last = arguments.last().cloned().unwrap_or_default();
        script.submissions.push(last.clone());
        let id = script.submissions.len().to_string();
        let job = Job { state: JobState::Pending("Resources".into()), node: String::new() };
        match last.strip_prefix("--array=0-").and_then(|last| last.parse::<usize>().ok()) {
            Some(last) => script.jobs.extend((0..=last).map(|task| (format!("{id}_{task}"), job.clone()))),
            None => drop(script.jobs.insert(id.clone(), job)),
        }
        Ok(id)
    }

    fn queue(&self, _: &[String]) -> Result<BTreeMap<JobId, Job>, SlurmError> {
        let mut script = self.script();
        script.queries += 1;
        script.fail.pop().map_or_else(|| Ok(script.jobs.clone()), Err)
    }

    fn accounts(&self, _: &[JobId]) -> Result<BTreeMap<JobId, Job>, SlurmError> {
        Ok(BTreeMap::new())
    }

    fn cancel(&self, name: &str, ids: &[JobId]) -> Result<(), SlurmError> {
        assert_eq!(name, "lane");
        self.script().cancelled.extend_from_slice(ids);
        Ok(())
    }
}

const PACE: Pace = Pace {
    poll: Duration::from_millis(10),
    look: Duration::from_millis(5),
    gather: Duration::from_millis(100),
    pause: (Duration::from_millis(1), Duration::from_millis(4)),
    patience: Duration::ZERO,
};

fn silent() -> SlurmError {
    SlurmError::Silent("`sbatch`: Socket timed out".into())
}

struct Case {
    _folder: tempfile::TempDir,
    lane: Lane,
    cluster: Scripted,
    keeper: Keeper,
}

fn case(most: usize, fail: Vec<SlurmError>) -> Case {
    let folder = tempfile::tempdir().unwrap();
    let terms = Terms { arguments: Vec::new(), shared_for: Duration::ZERO };
    let lane = Lane::create(folder.path(), &terms).unwrap();
    let cluster = Scripted::default();
    cluster.script().fail = fail;
    let keeper = Keeper::new(Box::new(cluster.clone()), PACE, most);
    Case { _folder: folder, lane, cluster, keeper }
}

impl Case {
    fn wait(&self, stages: std::ops::Range<usize>) {
        for stage in stages {
            let served = || Served::new(&self.lane, vec!["--one".into()], Vec::new(), Fleet::default());
            self.keeper.wait("lane", served, &stage.to_string());
        }
    }

    /// Until it holds. A test that waits in vain is ended by whoever runs the tests.
    fn until(&self, holds: impl Fn(&Self) -> bool) {
        while !holds(self) {
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn told(&self) -> Waiting {
        loop {
            match self.keeper.waiting("lane") {
                Waiting::Quiet => std::thread::sleep(Duration::from_millis(2)),
                told => return told,
            }
        }
    }
}

#[test]
fn stages_that_come_together_share_an_array() {
    let case = case(100, Vec::new());
    case.wait(0..50);
    case.until(|case| case.cluster.script().jobs.len() == 50);
    assert_eq!(case.cluster.script().submissions, ["--array=0-49"]);
    case.wait(50..51);
    case.until(|case| case.cluster.script().jobs.len() == 51);
    assert_eq!(case.cluster.script().submissions, ["--array=0-49", "--output=output/%j"]);
}

#[test]
fn no_more_jobs_are_out_than_may_be() {
    let case = case(3, Vec::new());
    case.wait(0..10);
    case.until(|case| case.cluster.script().queries > 2);
    assert_eq!(case.cluster.script().jobs.len(), 3);
    case.cluster.all(&JobState::Running);
    for stage in ["0", "1", "2"] {
        case.keeper.tell("lane", |fleet| fleet.taken(stage, &format!("1_{stage}"))).unwrap();
    }
    case.cluster.all(&JobState::Ended(JobEnd::Completed));
    case.until(|case| case.cluster.script().jobs.len() == 6);
}

#[test]
fn silence_is_waited_out_and_told() {
    let case = case(5, vec![silent(); 4]);
    case.wait(0..1);
    assert_eq!(case.told(), Waiting::For("Slurm does not answer: `sbatch`: Socket timed out".into()));
    assert_eq!(case.told(), Waiting::For("job 1 of Slurm, which is pending: Resources".into()));
    assert_eq!(case.keeper.waiting("lane"), Waiting::Quiet, "it is said once");
    case.cluster.script().fail = vec![silent(); 3];
    case.until(|case| case.cluster.script().fail.is_empty());
    let answered = case.cluster.script().queries;
    case.until(|case| case.cluster.script().queries > answered + 1);
    assert_eq!(case.keeper.fate("lane", "1"), None, "nothing has become of the job meanwhile");
}

#[test]
fn a_job_that_has_left_is_made_up_for_at_once() {
    let case = case(5, Vec::new());
    case.wait(0..1);
    case.until(|case| case.cluster.script().jobs.len() == 1);
    case.keeper.tell("lane", |fleet| (fleet.taken("0", "1"), fleet.over("0", "1"))).unwrap();
    case.cluster.all(&JobState::Running);
    case.lane.leave("1").unwrap();
    case.wait(1..2);
    case.until(|case| case.cluster.script().jobs.len() == 2);
}

#[test]
fn a_refusal_is_for_good() {
    let refused = SlurmError::Refused { program: "sbatch", said: "invalid partition specified: x".into() };
    let case = case(5, vec![refused]);
    case.wait(0..1);
    assert_eq!(case.told(), Waiting::Never("`sbatch` refused: invalid partition specified: x".into()));
}

#[test]
fn where_arrays_are_refused_jobs_come_one_by_one() {
    let refused = SlurmError::Refused { program: "sbatch", said: "Invalid job array specification".into() };
    let case = case(5, vec![refused]);
    case.wait(0..3);
    case.until(|case| case.cluster.script().jobs.len() == 3);
    assert_eq!(case.cluster.script().submissions, ["--output=output/%j"; 3]);
}

#[test]
fn a_limit_on_jobs_is_waited_for_while_some_are_out() {
    let full = || SlurmError::Full("QOSMaxSubmitJobPerUserLimit".into());
    let first = case(5, vec![full()]);
    first.wait(0..1);
    assert!(matches!(first.told(), Waiting::Never(_)), "none of ours will make room");
    let second = case(5, Vec::new());
    second.wait(0..1);
    second.until(|case| case.cluster.script().jobs.len() == 1);
    second.cluster.script().fail = vec![full(); 3];
    second.wait(1..2);
    second.until(|case| case.cluster.script().jobs.len() == 2);
}

#[test]
fn what_is_spare_is_cancelled() {
    let case = case(5, Vec::new());
    case.wait(0..4);
    case.until(|case| case.cluster.script().jobs.len() == 4);
    for stage in ["0", "1", "2"] {
        case.keeper.tell("lane", |fleet| (fleet.taken(stage, "1_0"), fleet.over(stage, "1_0"))).unwrap();
    }
    case.until(|case| case.cluster.script().cancelled.len() == 3);
    assert_eq!(case.cluster.script().cancelled, ["1_3", "1_2", "1_1"]);
    let Case { keeper, cluster, .. } = case;
    drop(keeper);
    assert_eq!(cluster.script().cancelled.len(), 3, "one that runs without a stage ends by itself");
}

#[test]
fn a_person_may_cancel_a_job() {
    let case = case(5, Vec::new());
    case.wait(0..2);
    case.until(|case| case.cluster.script().jobs.len() == 2);
    case.cluster.script().jobs.get_mut("1_0").unwrap().state = JobState::Ended(JobEnd::Cancelled);
    case.until(|case| case.keeper.fate("lane", "1_0").is_some());
    let cancelled = std::iter::repeat_with(|| case.told()).find(|told| matches!(told, Waiting::Cancelled(_)));
    assert_eq!(cancelled, Some(Waiting::Cancelled("1_0".into())));
}

#[test]
fn jobs_that_take_nothing_are_explained() {
    let case = case(5, Vec::new());
    fs_err::write(case.lane.output("1_2"), "line 1: /opt/nnf: not found\n").unwrap();
    case.wait(0..3);
    case.until(|case| case.cluster.script().jobs.len() == 3);
    case.cluster.all(&JobState::Ended(JobEnd::Failed));
    let never = std::iter::repeat_with(|| case.told()).find(|told| matches!(told, Waiting::Never(_)));
    let expected = "job 1_2 ended before it took a stage; it said: line 1: /opt/nnf: not found";
    assert_eq!(never, Some(Waiting::Never(expected.into())));
}

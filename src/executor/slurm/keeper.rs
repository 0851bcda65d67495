//! The one thread that speaks with Slurm: it submits the jobs that lanes are short of, asks for all jobs at once, and
//! cancels those that are too many. Whoever waits for a stage looks at what it has found out.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::executor::slurm::cluster::{Cluster, SlurmError};
use crate::executor::slurm::fleet::{Fate, Fleet};
use crate::executor::slurm::lane::Lane;
use crate::executor::slurm::state::{Job, JobId};

/// How the keeper goes about it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// How often Slurm is asked for all jobs while some are out.
    pub(crate) poll: Duration,
    /// How often it is looked whether jobs, of which stages expect something, have left.
    pub(crate) look: Duration,
    /// How long stages are gathered before jobs are submitted for them.
    pub(crate) gather: Duration,
    /// First and longest pause after Slurm did not answer.
    pub(crate) pause: (Duration, Duration),
    /// How long Slurm may be silent before that is told.
    pub(crate) patience: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Pace {
            poll: Duration::from_secs(3),
            look: Duration::from_millis(300),
            gather: Duration::from_millis(20),
            pause: (Duration::from_secs(1), Duration::from_secs(60)),
            patience: Duration::from_secs(20),
        }
    }
}

/// Most jobs of one array.
const MOST_TASKS: usize = 200;

/// One lane, with what is needed to submit jobs for it.
pub(crate) struct Served {
    lane: Lane,
    arguments: Vec<String>,
    script: Vec<u8>,
    fleet: Fleet,
    /// It takes arrays of jobs, as far as is known.
    arrays: bool,
    /// When a stage came that has no job yet.
    since: Instant,
    /// Nothing will ever run in it, for this reason.
    broken: Option<String>,
    /// Jobs that a person cancelled, for each of which a stage is to end.
    cancelled: Vec<JobId>,
    /// What was told of its waiting, and when.
    told: Option<(String, Instant)>,
}

impl Served {
    /// A lane that is new, or one that another run left.
    pub(crate) fn new(lane: &Lane, arguments: Vec<String>, script: Vec<u8>, fleet: Fleet) -> Self {
        Served {
            lane: lane.clone(),
            arguments,
            script,
            fleet,
            arrays: true,
            since: Instant::now(),
            broken: None,
            cancelled: Vec::new(),
            told: None,
        }
    }
}

/// Slurm's silence.
struct Trouble {
    since: Instant,
    said: String,
    pause: Duration,
    until: Instant,
}

struct Desk {
    lanes: BTreeMap<String, Served>,
    /// Jobs that are to be cancelled at once.
    cancel: Vec<JobId>,
    poll_at: Instant,
    look_at: Instant,
    trouble: Option<Trouble>,
    closing: bool,
}

/// Speaks with Slurm until it is dropped.
pub(crate) struct Keeper {
    shared: Arc<Shared>,
    thread: Option<std::thread::JoinHandle<()>>,
}

struct Shared {
    desk: Mutex<Desk>,
    changed: Condvar,
    cluster: Box<dyn Cluster>,
    pace: Pace,
    /// Most jobs at a time.
    most: usize,
}

/// What a stage that waits is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// Nothing new.
    Quiet,
    /// What it waits for, for a person.
    For(String),
    /// It is not going to run.
    Never(String),
    /// A person cancelled a job for which it waited.
    Cancelled(JobId),
}

impl Keeper {
    pub(crate) fn new(cluster: Box<dyn Cluster>, pace: Pace, most: usize) -> Self {
        let now = Instant::now();
        let desk = Desk {
            lanes: BTreeMap::new(),
            cancel: Vec::new(),
            poll_at: now,
            look_at: now,
            trouble: None,
            closing: false,
        };
        let shared = Shared { desk: Mutex::new(desk), changed: Condvar::new(), cluster, pace, most: most.max(1) };
        let shared = Arc::new(shared);
        let working = Arc::clone(&shared);
        let thread = std::thread::spawn(move || working.work());
        Keeper { shared, thread: Some(thread) }
    }

    /// Lets a stage wait in a lane, which is known by the name of its jobs.
    pub(crate) fn wait(&self, name: &str, served: impl FnOnce() -> Served, stage: &str) {
        let mut desk = self.shared.lock();
        let served = desk.lanes.entry(name.to_owned()).or_insert_with(served);
        if served.fleet.short_of() == 0 {
            served.since = Instant::now();
        }
        served.fleet.wait(stage);
        self.shared.changed.notify_all();
    }

    /// Tells of the jobs of a lane.
    pub(crate) fn tell<T>(&self, name: &str, what: impl FnOnce(&mut Fleet) -> T) -> Option<T> {
        let mut desk = self.shared.lock();
        let told = desk.lanes.get_mut(name).map(|served| what(&mut served.fleet));
        self.shared.changed.notify_all();
        told
    }

    /// What became of a job.
    pub(crate) fn fate(&self, name: &str, id: &str) -> Option<Fate> {
        self.shared.lock().lanes.get(name)?.fleet.fate(id)
    }

    /// Has a job cancelled at once.
    pub(crate) fn cancel(&self, name: &str, id: &str) {
        let mut desk = self.shared.lock();
        if let Some(served) = desk.lanes.get_mut(name) {
            served.fleet.dismissed(&[id.to_owned()]);
        }
        desk.cancel.push(id.to_owned());
        self.shared.changed.notify_all();
    }

    /// What a stage that waits for a job of a lane is told.
    pub(crate) fn waiting(&self, name: &str) -> Waiting {
        let mut desk = self.shared.lock();
        let trouble = desk.trouble(self.shared.pace.patience);
        let Some(served) = desk.lanes.get_mut(name) else { return Waiting::Quiet };
        if let Some(broken) = &served.broken {
            return Waiting::Never(broken.clone());
        }
        if let Some(id) = served.cancelled.pop() {
            return Waiting::Cancelled(id);
        }
        let pending =
            || served.fleet.reason().map(|(id, reason)| format!("job {id} of Slurm, which is pending: {reason}"));
        let Some(what) = trouble.or_else(pending) else { return Waiting::Quiet };
        // One of many that wait says it for all.
        let again = served.told.as_ref().is_none_or(|(said, _)| *said != what);
        if again {
            served.told = Some((what.clone(), Instant::now()));
            return Waiting::For(what);
        }
        Waiting::Quiet
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.shared.lock().closing = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Desk {
    fn trouble(&self, patience: Duration) -> Option<String> {
        let trouble = self.trouble.as_ref()?;
        (trouble.since.elapsed() >= patience).then(|| trouble.said.clone())
    }

    fn out(&self) -> usize {
        self.lanes.values().map(|served| served.fleet.out()).sum()
    }

    /// The lane that has waited longest for jobs, if its time has come; else when that will be.
    fn next(&self, most: usize, gather: Duration) -> Result<(&String, usize), Option<Instant>> {
        let room = most.saturating_sub(self.out());
        let short = self.lanes.iter().filter(|(_, served)| served.broken.is_none() && served.fleet.short_of() > 0);
        let Some((name, served)) = short.min_by_key(|(_, served)| served.since).filter(|_| room > 0) else {
            return Err(None);
        };
        let due = served.since + gather;
        if due > Instant::now() {
            return Err(Some(due));
        }
        let tasks = if served.arrays { served.fleet.short_of().min(room).min(MOST_TASKS) } else { 1 };
        Ok((name, tasks))
    }

    fn answered(&mut self) {
        self.trouble = None;
    }

    /// Slurm did not do what it was asked for, which may pass.
    fn silent(&mut self, error: &SlurmError, pause: (Duration, Duration)) {
        let (since, pause) = match &self.trouble {
            Some(trouble) => (trouble.since, (trouble.pause * 2).min(pause.1)),
            None => (Instant::now(), pause.0),
        };
        tracing::debug!("{error}");
        self.trouble = Some(Trouble { since, said: error.to_string(), pause, until: Instant::now() + pause });
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        loop {
            let desk = self.lock();
            if desk.closing {
                drop(desk);
                self.close();
                return;
            }
            let now = Instant::now();
            let paused = desk.trouble.as_ref().map(|trouble| trouble.until).filter(|until| *until > now);
            let next = desk.next(self.most, self.pace.gather);
            let open = desk.lanes.values().any(|served| served.fleet.is_open());
            let hopes = desk.lanes.values().any(|served| served.fleet.hopes());
            match (paused, next) {
                (None, _) if !desk.cancel.is_empty() => self.cancel(desk),
                (None, Ok((name, tasks))) => {
                    let name = name.clone();
                    self.submit(desk, &name, tasks);
                }
                (None, Err(_)) if open && desk.poll_at <= now => self.poll(desk),
                (_, Err(_)) if hopes && desk.look_at <= now => self.look(desk),
                (paused, next) => {
                    let poll = open.then_some(desk.poll_at);
                    let due = paused.or_else(|| next.err().flatten().into_iter().chain(poll).min());
                    let due = due.into_iter().chain(hopes.then_some(desk.look_at)).min();
                    let wait = due.map_or(Duration::from_secs(3600), |due| due.saturating_duration_since(now));
                    drop(self.changed.wait_timeout(desk, wait.max(Duration::from_millis(1))));
                }
            }
        }
    }

    fn submit(&self, desk: MutexGuard<'_, Desk>, name: &str, tasks: usize) {
        let Some(served) = desk.lanes.get(name) else { return };
        let mut arguments = served.arguments.clone();
        match tasks {
            1 => arguments.push("--output=output/%j".into()),
            tasks => arguments.extend(["--output=output/%A_%a".into(), format!("--array=0-{}", tasks - 1)]),
        }
        let (script, lane) = (served.script.clone(), served.lane.clone());
        drop(desk);
        let submitted = self.cluster.submit(&arguments, &script, lane.folder());
        let mut desk = self.lock();
        let out = desk.out();
        match submitted {
            Ok(id) => {
                desk.answered();
                if out == 0 {
                    desk.poll_at = Instant::now() + self.pace.poll;
                }
                let Some(served) = desk.lanes.get_mut(name) else { return };
                served.since = Instant::now();
                match tasks {
                    1 => served.fleet.submitted([id]),
                    tasks => served.fleet.submitted((0..tasks).map(|task| format!("{id}_{task}"))),
                }
            }
            Err(error @ SlurmError::Silent(_)) => desk.silent(&error, self.pace.pause),
            // Whether the limit is on jobs or on something of this job cannot always be told.
            Err(error @ SlurmError::Full(_)) if out > 0 => desk.silent(&error, self.pace.pause),
            Err(error) => {
                let Some(served) = desk.lanes.get_mut(name) else { return };
                match tasks {
                    1 => served.broken = Some(error.to_string()),
                    // A site may forbid arrays, or large ones.
                    _ => served.arrays = false,
                }
            }
        }
    }

    fn poll(&self, mut desk: MutexGuard<'_, Desk>) {
        let open = |desk: &Desk| -> Vec<(String, Lane)> {
            let open = desk.lanes.iter().filter(|(_, served)| served.fleet.is_open());
            open.map(|(name, served)| (name.clone(), served.lane.clone())).collect()
        };
        let lanes = open(&desk);
        desk.poll_at = Instant::now() + self.pace.poll;
        drop(desk);
        let names: Vec<String> = lanes.iter().map(|(name, _)| name.clone()).collect();
        let queue = self.cluster.queue(&names);
        let left: Vec<_> = lanes.iter().map(|(_, lane)| lane.left()).collect();
        let mut desk = self.lock();
        let mut seen = match queue {
            Ok(seen) => seen,
            Err(error) => return desk.silent(&error, self.pace.pause),
        };
        let unknown = |(name, _): &(String, Lane)| desk.lanes.get(name).map(|served| served.fleet.unknown(&seen));
        let unknown: Vec<JobId> = lanes.iter().filter_map(unknown).flatten().collect();
        if !unknown.is_empty() {
            drop(desk);
            let accounts = self.cluster.accounts(&unknown);
            desk = self.lock();
            match accounts {
                Ok(accounts) => seen.extend(accounts),
                Err(error) => return desk.silent(&error, self.pace.pause),
            }
        }
        desk.answered();
        for ((name, lane), left) in lanes.iter().zip(left) {
            let Some(served) = desk.lanes.get_mut(name) else { continue };
            served.fleet.left(&left);
            let spare = served.fleet.spare();
            let findings = served.fleet.seen(&seen);
            served.cancelled.extend(findings.cancelled);
            if let Some(id) = findings.barren {
                served.broken = Some(barren(lane, &id, &seen));
            }
            // What is spare for a moment may be wanted in the next one: only what was spare before the look goes.
            let still = served.fleet.spare();
            let spare: Vec<JobId> = still.into_iter().filter(|id| spare.contains(id)).collect();
            served.fleet.dismissed(&spare);
            desk.cancel.extend(spare);
        }
    }

    /// Looks which of the jobs that could take a stage have left: it is told in their lane before Slurm tells of it.
    fn look(&self, mut desk: MutexGuard<'_, Desk>) {
        let hope = desk.lanes.iter().filter(|(_, served)| served.fleet.hopes());
        let lanes: Vec<(String, Lane)> = hope.map(|(name, served)| (name.clone(), served.lane.clone())).collect();
        desk.look_at = Instant::now() + self.pace.look;
        drop(desk);
        let left: Vec<_> = lanes.into_iter().map(|(name, lane)| (name, lane.left())).collect();
        let mut desk = self.lock();
        for (name, left) in left {
            if let Some(served) = desk.lanes.get_mut(&name) {
                served.fleet.left(&left);
            }
        }
    }

    fn cancel(&self, mut desk: MutexGuard<'_, Desk>) {
        let ids = std::mem::take(&mut desk.cancel);
        drop(desk);
        if let Err(error) = self.cluster.cancel(&ids) {
            let mut desk = self.lock();
            desk.cancel.extend(ids);
            desk.silent(&error, self.pace.pause);
        }
    }

    /// Cancels what would take stages for which nobody waits any more.
    fn close(&self) {
        let mut desk = self.lock();
        for served in desk.lanes.values() {
            // Where that fails, jobs without a stage end a little later.
            let _ = served.lane.close();
        }
        let mut ids = std::mem::take(&mut desk.cancel);
        for served in desk.lanes.values() {
            ids.extend(served.fleet.to_cancel());
        }
        drop(desk);
        if !ids.is_empty()
            && let Err(error) = self.cluster.cancel(&ids)
        {
            tracing::warn!("jobs {} may still be in the queue: {error}", ids.join(" "));
        }
    }
}

/// Why jobs end before they take a stage: their own words, else what is most likely.
fn barren(lane: &Lane, id: &str, seen: &BTreeMap<JobId, Job>) -> String {
    let node = seen.get(id).map(|job| job.node.as_str()).filter(|node| !node.is_empty());
    let whom = node.map_or(format!("job {id}"), |node| format!("job {id} on {node}"));
    let said = crate::executor::tail(&lane.output(id), 3);
    match said.is_empty() {
        false => format!("{whom} ended before it took a stage; it said: {}", said.join("; ")),
        true => format!(
            "{whom} ended before it took a stage, and said nothing: a node has to see {} under the same path",
            lane.folder().display()
        ),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::executor::slurm::lane::Terms;
    use crate::executor::slurm::state::{JobEnd, JobState};

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

        fn cancel(&self, ids: &[JobId]) -> Result<(), SlurmError> {
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
}

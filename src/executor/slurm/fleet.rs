//! The jobs that serve one lane: how many are wanted, which are too many, and what became of each.
//!
//! A job is not bound to a stage: whichever begins first takes the stage that has waited longest.

use std::collections::{BTreeMap, BTreeSet};

use crate::executor::slurm::state::{Job, JobEnd, JobId, JobState};

/// How often in a row a job may be unknown to Slurm before it counts as gone.
const UNKNOWN: u32 = 3;
/// How many jobs may end, one after the other, before any has taken a stage.
const BARREN: u32 = 3;

/// What comes later has a higher one.
type Turn = u64;

/// What became of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Ended(JobEnd),
    /// Slurm does not know it any more.
    Forgotten,
}

#[derive(Clone, Debug)]
struct Known {
    job: Job,
    /// The stage at hand.
    stage: Option<String>,
    /// When it was submitted; never for one that another run submitted.
    submitted: Turn,
    /// It has taken a stage.
    served: bool,
    /// It takes no more stages.
    left: bool,
    /// We had it cancelled.
    dismissed: bool,
    fate: Option<Fate>,
    /// How often in a row Slurm did not know it.
    unknown: u32,
}

impl Known {
    fn new() -> Self {
        let job = Job { state: JobState::Pending(String::new()), node: String::new() };
        Known { job, stage: None, submitted: 0, served: false, left: false, dismissed: false, fate: None, unknown: 0 }
    }

    fn is_out(&self) -> bool {
        self.fate.is_none() && !self.dismissed
    }

    /// Whether it will take a stage that waits.
    fn is_available(&self) -> bool {
        self.is_out() && !self.left && self.stage.is_none()
    }

    fn is_pending(&self) -> bool {
        self.is_out() && matches!(self.job.state, JobState::Pending(_))
    }
}

/// What a look at Slurm brought to light.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Findings {
    /// Jobs that a person cancelled before they began.
    pub(crate) cancelled: Vec<JobId>,
    /// The last of several jobs that ended before they took a stage: nodes and lane do not fit together.
    pub(crate) barren: Option<JobId>,
}

/// All jobs of a lane, and the stages that wait for one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fleet {
    jobs: BTreeMap<JobId, Known>,
    /// Stages that wait, and when they came.
    waiting: BTreeMap<String, Turn>,
    turn: Turn,
    barren: u32,
    /// It may have jobs that are not known yet, so Slurm is asked before any is submitted.
    unseen: bool,
}

impl Fleet {
    /// The jobs of a lane that another run left.
    pub(crate) fn found() -> Self {
        Fleet { unseen: true, ..Fleet::default() }
    }

    /// A stage waits for a job.
    pub(crate) fn wait(&mut self, stage: &str) {
        self.turn += 1;
        self.waiting.insert(stage.to_owned(), self.turn);
    }

    /// A stage waits no more, though no job has taken it.
    pub(crate) fn withdraw(&mut self, stage: &str) {
        self.waiting.remove(stage);
    }

    /// A job has taken a stage.
    pub(crate) fn taken(&mut self, stage: &str, id: &str) {
        self.waiting.remove(stage);
        self.barren = 0;
        let known = self.jobs.entry(id.to_owned()).or_insert_with(Known::new);
        known.stage = Some(stage.to_owned());
        known.served = true;
        if matches!(known.job.state, JobState::Pending(_)) {
            known.job.state = JobState::Running;
        }
    }

    /// A job has done with a stage.
    pub(crate) fn over(&mut self, stage: &str, id: &str) {
        if let Some(known) = self.jobs.get_mut(id).filter(|known| known.stage.as_deref() == Some(stage)) {
            known.stage = None;
        }
    }

    /// These jobs have been submitted.
    pub(crate) fn submitted(&mut self, ids: impl IntoIterator<Item = JobId>) {
        for id in ids {
            // It may have been quicker than the word of it.
            self.turn += 1;
            self.jobs.entry(id).or_insert_with(Known::new).submitted = self.turn;
        }
    }

    /// These jobs take no more stages.
    pub(crate) fn left(&mut self, ids: &BTreeSet<JobId>) {
        for id in ids {
            if let Some(known) = self.jobs.get_mut(id) {
                known.left = true;
            }
        }
    }

    /// How many jobs are there, or will be.
    pub(crate) fn out(&self) -> usize {
        self.jobs.values().filter(|known| known.is_out()).count()
    }

    /// Whether Slurm has to be asked.
    pub(crate) fn is_open(&self) -> bool {
        self.unseen || self.jobs.values().any(|known| known.is_out() || (known.fate.is_none() && known.stage.is_some()))
    }

    /// How many jobs are missing.
    pub(crate) fn short_of(&self) -> usize {
        let available = self.jobs.values().filter(|known| known.is_available()).count();
        if self.unseen { 0 } else { self.waiting.len().saturating_sub(available) }
    }

    /// Jobs that have not begun, and for which there is no stage; the last ones first.
    pub(crate) fn spare(&self) -> Vec<JobId> {
        let available = self.jobs.values().filter(|known| known.is_available()).count();
        let pending = self.jobs.iter().rev().filter(|(_, known)| known.is_pending() && known.is_available());
        pending.take(available.saturating_sub(self.waiting.len())).map(|(id, _)| id.clone()).collect()
    }

    /// Whether a stage waits for a job that runs already.
    pub(crate) fn hopes(&self) -> bool {
        !self.waiting.is_empty() && self.jobs.values().any(|known| known.is_available() && !known.is_pending())
    }

    /// Jobs that would go on if nobody ended them. One that finds no stage ends by itself.
    pub(crate) fn to_cancel(&self) -> Vec<JobId> {
        let goes_on = |known: &Known| known.is_pending() || (known.is_out() && known.stage.is_some());
        self.jobs.iter().filter(|(_, known)| goes_on(known)).map(|(id, _)| id.clone()).collect()
    }

    /// All jobs that may still be there.
    pub(crate) fn all(&self) -> Vec<JobId> {
        self.jobs.iter().filter(|(_, known)| known.fate.is_none()).map(|(id, _)| id.clone()).collect()
    }

    /// These jobs are being cancelled by us.
    pub(crate) fn dismissed(&mut self, ids: &[JobId]) {
        for id in ids {
            if let Some(known) = self.jobs.get_mut(id) {
                known.dismissed = true;
            }
        }
    }

    /// What became of a job, once it has ended.
    pub(crate) fn fate(&self, id: &str) -> Option<Fate> {
        self.jobs.get(id)?.fate
    }

    /// Why the first of the jobs that wait does so.
    pub(crate) fn reason(&self) -> Option<(&JobId, &str)> {
        self.jobs.iter().filter(|(_, known)| known.is_out()).find_map(|(id, known)| match &known.job.state {
            JobState::Pending(reason) if !reason.is_empty() && reason != "None" => Some((id, reason.as_str())),
            _ => None,
        })
    }

    /// Jobs that Slurm should know, and of which its queue tells nothing.
    pub(crate) fn unknown(&self, seen: &BTreeMap<JobId, Job>) -> Vec<JobId> {
        self.all().into_iter().filter(|id| told(seen, id).is_none()).collect()
    }

    /// What Slurm tells of all jobs of the lane. Those that it does not know count as gone after a while.
    pub(crate) fn seen(&mut self, seen: &BTreeMap<JobId, Job>) -> Findings {
        let mut findings = Findings::default();
        self.unseen = false;
        // Those that a run before this one submitted, and those of which `sbatch` could not tell any more.
        for (id, _) in seen.iter().filter(|(_, job)| !matches!(job.state, JobState::Ended(_))) {
            self.jobs.entry(id.clone()).or_insert_with(Known::new);
        }
        let longest = self.waiting.values().min().copied();
        for (id, known) in &mut self.jobs {
            if known.fate.is_some() {
                continue;
            }
            match told(seen, id) {
                Some(job) => {
                    known.unknown = 0;
                    known.fate = match job.state {
                        JobState::Ended(end) => Some(Fate::Ended(end)),
                        _ => None,
                    };
                    // It is told of first by what it writes, and by Slurm a little later.
                    if !(known.served && matches!(job.state, JobState::Pending(_))) {
                        known.job = job.clone();
                    }
                }
                None => {
                    known.unknown += 1;
                    known.fate = (known.unknown >= UNKNOWN).then_some(Fate::Forgotten);
                }
            }
            if known.fate.is_none() || known.served || known.dismissed {
                continue;
            }
            match known.fate {
                Some(Fate::Ended(JobEnd::Cancelled)) => findings.cancelled.push(id.clone()),
                // Of a task that is cancelled before it begins, nothing is left.
                Some(Fate::Forgotten) if matches!(known.job.state, JobState::Pending(_)) => {
                    findings.cancelled.push(id.clone());
                }
                Some(Fate::Ended(JobEnd::Preempted | JobEnd::NodeFailed)) => {}
                // A stage waited all its life, and it did not take it.
                _ if longest.is_some_and(|came| came < known.submitted) => {
                    self.barren += 1;
                    findings.barren = (self.barren >= BARREN).then(|| id.clone()).or(findings.barren);
                }
                _ => {}
            }
        }
        findings
    }
}

/// What is told of a job. Tasks of an array that end before they begin are told of together, under the array's own id.
fn told<'a>(seen: &'a BTreeMap<JobId, Job>, id: &str) -> Option<&'a Job> {
    let array = || seen.get(id.split_once('_')?.0).filter(|job| matches!(job.state, JobState::Ended(_)));
    seen.get(id).or_else(array)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fleet(stages: usize, jobs: &[&str]) -> Fleet {
        let mut fleet = Fleet::default();
        (0..stages).for_each(|number| fleet.wait(&number.to_string()));
        fleet.submitted(jobs.iter().map(|id| (*id).to_owned()));
        fleet
    }

    fn seen(jobs: &[(&str, JobState)]) -> BTreeMap<JobId, Job> {
        let job = |state: &JobState| Job { state: state.clone(), node: "n1".into() };
        jobs.iter().map(|(id, state)| ((*id).to_owned(), job(state))).collect()
    }

    const PENDING: fn() -> JobState = || JobState::Pending("Resources".into());

    #[test]
    fn every_stage_that_waits_has_a_job_and_no_more() {
        let mut fleet = fleet(3, &["1"]);
        assert_eq!(fleet.short_of(), 2);
        fleet.submitted(["2_0".into(), "2_1".into()]);
        assert_eq!((fleet.short_of(), fleet.out()), (0, 3));
        fleet.taken("0", "1");
        assert_eq!((fleet.short_of(), fleet.spare()), (0, vec![]));
        fleet.over("0", "1");
        assert_eq!(fleet.spare(), ["2_1"], "the first job takes another stage");
        fleet.taken("1", "1");
        assert_eq!(fleet.spare(), ["2_1"]);
        fleet.dismissed(&["2_1".into()]);
        assert_eq!((fleet.spare(), fleet.out()), (vec![], 2));
        fleet.over("1", "1");
        fleet.left(&["1".into()].into());
        assert_eq!((fleet.short_of(), fleet.spare()), (0, vec![]), "the second job is left for the third stage");
        fleet.taken("2", "2_0");
        assert_eq!(fleet.short_of(), 0);
    }

    #[test]
    fn a_job_that_does_not_come_back_is_made_up_for() {
        let mut fleet = fleet(2, &["1"]);
        fleet.taken("0", "1");
        assert_eq!(fleet.short_of(), 1, "it may be long at it");
        fleet.submitted(["2".into()]);
        assert_eq!(
            fleet.seen(&seen(&[("1", JobState::Running), ("2", JobState::Ended(JobEnd::Preempted))])),
            Findings::default()
        );
        assert_eq!((fleet.short_of(), fleet.fate("2")), (1, Some(Fate::Ended(JobEnd::Preempted))));
    }

    #[test]
    fn jobs_of_an_earlier_run_are_found_again() {
        let mut fleet = Fleet::found();
        ["0", "1"].iter().for_each(|stage| fleet.wait(stage));
        assert_eq!((fleet.short_of(), fleet.is_open()), (0, true), "first it is to be known what there is");
        fleet.seen(&seen(&[("7", PENDING()), ("8", JobState::Running)]));
        assert_eq!((fleet.short_of(), fleet.out()), (0, 2));
        assert_eq!(fleet.reason(), Some((&"7".to_owned(), "Resources")));
    }

    #[test]
    fn one_that_slurm_does_not_know_is_gone_after_a_while() {
        let mut fleet = fleet(1, &["1"]);
        fleet.taken("0", "1");
        for _ in 1..UNKNOWN {
            assert_eq!(fleet.unknown(&seen(&[])), ["1"]);
            fleet.seen(&seen(&[]));
            assert_eq!(fleet.fate("1"), None);
        }
        fleet.seen(&seen(&[]));
        assert_eq!(fleet.fate("1"), Some(Fate::Forgotten));
        assert!(!fleet.is_open());
    }

    #[test]
    fn what_a_person_cancels_is_told_from_what_we_cancel() {
        let mut fleet = fleet(2, &["1", "2"]);
        fleet.dismissed(&["1".into()]);
        let cancelled = JobState::Ended(JobEnd::Cancelled);
        let findings = fleet.seen(&seen(&[("1", cancelled.clone()), ("2", cancelled)]));
        assert_eq!(findings.cancelled, ["2"]);
    }

    #[test]
    fn tasks_that_never_began_are_told_of_by_their_array() {
        let mut fleet = fleet(3, &["5_0", "5_1", "5_2"]);
        fleet.taken("0", "5_0");
        fleet.dismissed(&["5_2".into()]);
        let running = ("5_0", JobState::Running);
        let findings = fleet.seen(&seen(&[running.clone(), ("5", JobState::Ended(JobEnd::Cancelled))]));
        assert_eq!((findings.cancelled, fleet.fate("5_0"), fleet.out()), (vec!["5_1".into()], None, 1));
        // Where only some of them were cancelled, nothing is told at all.
        fleet.submitted(["6_0".into()]);
        fleet.seen(&seen(&[("6_0", PENDING()), running.clone()]));
        let alone = seen(std::slice::from_ref(&running));
        let findings: Vec<_> = (0..UNKNOWN).map(|_| fleet.seen(&alone).cancelled).collect();
        assert_eq!(findings.concat(), ["6_0"]);
    }

    #[test]
    fn jobs_that_take_no_stage_are_noticed() {
        let mut fleet = fleet(1, &["1", "2", "3"]);
        let failed = JobState::Ended(JobEnd::Failed);
        assert_eq!(fleet.seen(&seen(&[("1", failed.clone()), ("2", failed.clone()), ("3", PENDING())])).barren, None);
        assert_eq!(fleet.seen(&seen(&[("3", failed)])).barren.as_deref(), Some("3"));
    }

    #[test]
    fn jobs_for_which_there_was_nothing_are_none_of_those() {
        let mut fleet = fleet(1, &["1", "2", "3", "4"]);
        fleet.taken("0", "1");
        fleet.over("0", "1");
        fleet.wait("1");
        let completed = JobState::Ended(JobEnd::Completed);
        let ended = ["1", "2", "3", "4"].map(|id| (id, completed.clone()));
        assert_eq!((fleet.seen(&seen(&ended)), fleet.short_of()), (Findings::default(), 1));
    }
}

//! What the keeper has on its desk: the lanes with their jobs, what Slurm said last, and what is to be done next.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::executor::slurm::cluster::SlurmError;
use crate::executor::slurm::fleet::Fleet;
use crate::executor::slurm::lane::Lane;
use crate::executor::slurm::state::{Job, JobId};

/// Most jobs of one array.
const MOST_TASKS: usize = 200;

/// One lane, with what is needed to submit jobs for it.
pub(crate) struct Served {
    pub(crate) lane: Lane,
    pub(crate) arguments: Vec<String>,
    pub(crate) script: Vec<u8>,
    pub(crate) fleet: Fleet,
    /// It takes arrays of jobs, as far as is known.
    pub(crate) arrays: bool,
    /// When a stage came that has no job yet.
    pub(crate) since: Instant,
    /// Nothing will ever run in it, for this reason.
    pub(crate) broken: Option<String>,
    /// Jobs that a person cancelled, for each of which a stage is to end.
    pub(crate) cancelled: Vec<JobId>,
    /// What was told of its waiting, and when.
    pub(crate) told: Option<(String, Instant)>,
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
pub(crate) struct Trouble {
    pub(crate) since: Instant,
    pub(crate) said: String,
    pub(crate) pause: Duration,
    pub(crate) until: Instant,
}

/// All that is known, and all that is to be done.
pub(crate) struct Desk {
    pub(crate) lanes: BTreeMap<String, Served>,
    /// Jobs that are to be cancelled at once, by the names of their lanes.
    pub(crate) cancel: BTreeMap<String, Vec<JobId>>,
    pub(crate) poll_at: Instant,
    pub(crate) look_at: Instant,
    pub(crate) trouble: Option<Trouble>,
    pub(crate) closing: bool,
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

impl Desk {
    /// An empty one.
    pub(crate) fn new() -> Self {
        let now = Instant::now();
        Desk {
            lanes: BTreeMap::new(),
            cancel: BTreeMap::new(),
            poll_at: now,
            look_at: now,
            trouble: None,
            closing: false,
        }
    }

    /// What Slurm's silence is about, once it has lasted.
    pub(crate) fn trouble(&self, patience: Duration) -> Option<String> {
        let trouble = self.trouble.as_ref()?;
        (trouble.since.elapsed() >= patience).then(|| trouble.said.clone())
    }

    /// How many jobs there are, or will be.
    pub(crate) fn out(&self) -> usize {
        self.lanes.values().map(|served| served.fleet.out()).sum()
    }

    /// The lane that has waited longest for jobs, if its time has come; else when that will be.
    pub(crate) fn next(&self, most: usize, gather: Duration) -> Result<(&String, usize), Option<Instant>> {
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

    /// Slurm did what it was asked for.
    pub(crate) fn answered(&mut self) {
        self.trouble = None;
    }

    /// Slurm did not do what it was asked for, which may pass.
    pub(crate) fn silent(&mut self, error: &SlurmError, pause: (Duration, Duration)) {
        let (since, pause) = match &self.trouble {
            Some(trouble) => (trouble.since, (trouble.pause * 2).min(pause.1)),
            None => (Instant::now(), pause.0),
        };
        tracing::debug!("{error}");
        self.trouble = Some(Trouble { since, said: error.to_string(), pause, until: Instant::now() + pause });
    }
}

/// Why jobs end before they take a stage: their own words, else what is most likely.
pub(crate) fn barren(lane: &Lane, id: &str, seen: &BTreeMap<JobId, Job>) -> String {
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

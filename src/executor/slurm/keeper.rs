//! The one thread that speaks with Slurm: it submits the jobs that lanes are short of, asks for all jobs at once, and
//! cancels those that are too many. Whoever waits for a stage looks at what it has found out.

use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::executor::slurm::cluster::{Cluster, SlurmError};
use crate::executor::slurm::desk::{Desk, Served, Waiting, barren};
use crate::executor::slurm::fleet::{Fate, Fleet};
use crate::executor::slurm::lane::Lane;
use crate::executor::slurm::state::JobId;
use crate::mutex::lock;

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

impl Keeper {
    pub(crate) fn new(cluster: Box<dyn Cluster>, pace: Pace, most: usize) -> Self {
        let shared =
            Shared { desk: Mutex::new(Desk::new()), changed: Condvar::new(), cluster, pace, most: most.max(1) };
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
        desk.cancel.entry(name.to_owned()).or_default().push(id.to_owned());
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

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Desk> {
        lock(&self.desk)
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
            if !spare.is_empty() {
                desk.cancel.entry(name.clone()).or_default().extend(spare);
            }
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
        let all = std::mem::take(&mut desk.cancel);
        drop(desk);
        for (name, ids) in all {
            if let Err(error) = self.cluster.cancel(&name, &ids) {
                let mut desk = self.lock();
                desk.cancel.entry(name).or_default().extend(ids);
                desk.silent(&error, self.pace.pause);
            }
        }
    }

    /// Cancels what would take stages for which nobody waits any more.
    fn close(&self) {
        let mut desk = self.lock();
        for served in desk.lanes.values() {
            // Where that fails, jobs without a stage end a little later.
            let _ = served.lane.close();
        }
        let mut all = std::mem::take(&mut desk.cancel);
        for (name, served) in &desk.lanes {
            all.entry(name.clone()).or_default().extend(served.fleet.to_cancel());
        }
        drop(desk);
        for (name, ids) in all.into_iter().filter(|(_, ids)| !ids.is_empty()) {
            if let Err(error) = self.cluster.cancel(&name, &ids) {
                tracing::warn!("jobs {} may still be in the queue: {error}", ids.join(" "));
            }
        }
    }
}

#[cfg(test)]
mod tests;

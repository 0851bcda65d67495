//! The stages of a run with what became of each.

use std::collections::{BTreeMap, HashMap};

use crate::digest::Key;
use crate::page::history::{End, History, Told};
use crate::page::outline::{Outline, Planned, Source};
use crate::store::{PastRun, Store};

/// What became of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum State {
    Failed,
    Stopped,
    Running,
    NotStarted,
    Ran,
    Fresh,
    NotNeeded,
}

/// A stage of a run.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) planned: Planned,
    pub(super) state: State,
    pub(super) told: Told,
    /// The key of its result, or of what it tried to make.
    pub(super) key: Option<Key>,
    /// Seconds of work, in this run, or in the one that made what it took.
    pub(super) seconds: Option<f64>,
}

/// All stages of a run, in the order of its graph.
#[derive(Debug, Default)]
pub(super) struct Stages {
    pub(super) all: Vec<Stage>,
    /// What the run's folder does not say, though newer ones do.
    pub(super) remarks: Vec<&'static str>,
}

impl State {
    /// In this order, the ones that matter most first.
    pub(super) const ALL: [State; 7] =
        [State::Failed, State::Stopped, State::Running, State::NotStarted, State::Ran, State::Fresh, State::NotNeeded];

    /// For people.
    pub(super) fn words(self) -> &'static str {
        match self {
            State::Failed => "failed",
            State::Stopped => "stopped",
            State::Running => "running",
            State::NotStarted => "not started",
            State::Ran => "ran",
            State::Fresh => "fresh",
            State::NotNeeded => "not asked for",
        }
    }

    /// The class of its elements.
    pub(super) fn class(self) -> &'static str {
        match self {
            State::Failed => "failed",
            State::Stopped => "stopped",
            State::Running => "running",
            State::NotStarted => "waiting",
            State::Ran => "ran",
            State::Fresh => "fresh",
            State::NotNeeded => "unneeded",
        }
    }
}

impl Stages {
    /// Puts together what the pipeline, the events and the list of results say.
    pub(super) fn new(store: &Store, run: &PastRun, outline: Outline, history: &mut History) -> Self {
        let mut remarks = Vec::new();
        remarks.extend(match outline.source {
            Source::Noted => None,
            Source::Missing => Some("The run's folder does not tell its stages: the run ended before they were written, or the file is damaged."),
            Source::NotedPartly => Some("The run was made by an older nnf, which did not note what its stages read."),
            Source::Now => Some("The run was made by an older nnf, which did not note what its stages read: they are shown as the pipeline stands now."),
        });
        let listed = run.results();
        let named = listed.is_empty() || listed.iter().any(|(_, stage)| !stage.is_empty());
        let mut results: HashMap<String, Key> = listed.into_iter().map(|(key, stage)| (stage, key)).collect();
        let everything = history.total == Some(outline.stages.len());
        if history.ended && everything && (!named || results.is_empty()) {
            let heads: BTreeMap<String, Key> = store.pipelines().heads(&run.summary.pipeline);
            let unknown = |name: &str| !history.stages.contains_key(name) && !history.not_started.contains(name);
            let taken: Vec<_> = heads.into_iter().filter(|(name, _)| unknown(name)).collect();
            if !taken.is_empty() {
                remarks.push("The run was made by an older nnf, which did not note the results that it took: those of fresh stages are the latest ones.");
            }
            results.extend(taken);
        }
        let all = outline.stages.into_iter().map(|planned| {
            let told = history.stages.remove(&planned.name).unwrap_or_default();
            let taken = results.get(&planned.name).copied();
            let state = state(run, history, &planned.name, &told, taken.is_some());
            let key = told.key.or(taken);
            let seconds = match &told.end {
                Some(End::Finished { seconds, adopted: false } | End::Failed { seconds, .. }) => Some(*seconds),
                _ if state == State::Fresh => key.and_then(|key| worked(store, &key)),
                _ => None,
            };
            Stage { planned, state, told, key, seconds }
        });
        Stages { all: all.collect(), remarks }
    }

    /// How many are in a state.
    pub(super) fn count(&self, state: State) -> usize {
        self.all.iter().filter(|stage| stage.state == state).count()
    }
}

/// Seconds of work behind a result.
fn worked(store: &Store, key: &Key) -> Option<f64> {
    store.records().look_up(key).ok().flatten().map(|known| known.milliseconds as f64 / 1000.0)
}

fn state(run: &PastRun, history: &History, name: &str, told: &Told, taken: bool) -> State {
    match &told.end {
        Some(End::Finished { adopted: false, .. }) => State::Ran,
        Some(End::Finished { adopted: true, .. }) => State::Fresh,
        Some(End::Failed { .. }) => State::Failed,
        Some(End::Stopped) => State::Stopped,
        // It was begun, but what it reads had to be made once more, and that failed.
        None if history.not_started.contains(name) => State::NotStarted,
        None if told.reason.is_some() && run.goes_on => State::Running,
        // The run was killed while the stage was at work.
        None if told.reason.is_some() => State::Stopped,
        None if taken => State::Fresh,
        None if !history.ended => State::NotStarted,
        None => State::NotNeeded,
    }
}

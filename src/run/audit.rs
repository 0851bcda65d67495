//! An audit: stages run again into a scratch store, and their bytes are compared with the stored ones.
//!
//! Inputs come from the real store, in which nothing is recorded.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};

use crate::executor::{Executor, Offer, Request, Stop};
use crate::graph::{Graph, InstanceId};
use crate::pipeline::Loaded;
use crate::plan::{PlanError, Status, Surroundings};
use crate::record::Produced;
use crate::store::{AttemptFolder, Difference, Known, Store, StoreError, first_difference};

use super::assignment::{Assignment, Context};
use super::message::{Interrupter, Message, Outcome};
use super::programs::Programs;
use super::verdict::{Audited, OutputDifference, Verdict, surroundings};
use super::workers::Workers;

/// How to audit.
pub struct AuditOptions {
    /// The engine's environment.
    pub environment: BTreeMap<OsString, OsString>,
    /// A folder for both versions of outputs that differ.
    pub keep: Option<PathBuf>,
}

/// Why an audit did not begin.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// These stages have no result to compare with.
    #[error("there is no result of {} as the pipeline stands", .0.join(", "))]
    NotFresh(Vec<String>),
    /// A stage cannot be looked at.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An audit that is about to begin.
pub struct Audit<'a> {
    loaded: &'a Loaded,
    store: &'a Store,
    executor: &'a dyn Executor,
    options: AuditOptions,
    send: Sender<Message>,
    receive: Receiver<Message>,
}

/// What an audit knows while it goes on.
struct Going<'a> {
    graph: &'a Graph,
    context: &'a Context<'a>,
    keep: Option<&'a Path>,
    stored: BTreeMap<InstanceId, Known>,
    /// Outputs whose stored files had another mode than content has, before anything was read.
    modes: BTreeMap<(InstanceId, String), u32>,
    waiting: Vec<InstanceId>,
    running: BTreeSet<InstanceId>,
}

impl<'a> Audit<'a> {
    /// Prepares an audit.
    #[must_use]
    pub fn new(loaded: &'a Loaded, store: &'a Store, executor: &'a dyn Executor, options: AuditOptions) -> Self {
        let (send, receive) = channel();
        Audit { loaded, store, executor, options, send, receive }
    }

    /// What stops it from another thread.
    #[must_use]
    pub fn interrupter(&self) -> Interrupter {
        Interrupter(self.send.clone())
    }

    /// Runs each of the chosen stages again, and tells what came of each as it ends. False if it was interrupted.
    ///
    /// # Errors
    /// When a chosen stage has no result, or the store fails before anything has begun.
    pub fn go(self, chosen: &BTreeSet<InstanceId>, told: &mut dyn FnMut(Audited)) -> Result<bool, AuditError> {
        let programs = Programs::new(&self.loaded.graph, &self.loaded.root);
        let path = self.options.environment.get(std::ffi::OsStr::new("PATH")).cloned().unwrap_or_default();
        let around = Surroundings::new(self.store, &self.loaded.root, self.executor, &path);
        let stored = stored(&around, &self.loaded.graph, chosen)?;
        let modes = wrong_modes(self.store, &stored, chosen)?;
        let (_room, scratch) = scratch(self.store)?;
        let (folder, stop) = (scratch.new_run(&self.loaded.name)?, Stop::default());
        let context = Context {
            store: &scratch,
            around: &around,
            programs: &programs,
            executor: self.executor,
            run: &folder,
            stop: &stop,
            environment: &self.options.environment,
            resume: false,
        };
        let mut going = Going {
            graph: &self.loaded.graph,
            context: &context,
            keep: self.options.keep.as_deref(),
            stored,
            modes,
            waiting: chosen.iter().rev().copied().collect(),
            running: BTreeSet::new(),
        };
        std::thread::scope(|scope| {
            let workers = Workers::new(scope);
            loop {
                for work in going.start(&self.send, told) {
                    workers.give(work);
                }
                if going.running.is_empty() {
                    break;
                }
                match self.receive.recv() {
                    Ok(Message::Over(id, outcome, _room)) => going.over(id, outcome).into_iter().for_each(&mut *told),
                    Ok(Message::Interrupt) if stop.asked() => stop.kill(),
                    Ok(Message::Interrupt) => stop.ask(),
                    Ok(_) => {}
                    Err(_) => break,
                }
            }
        });
        Ok(!stop.asked())
    }
}

/// The stored results of all that is chosen, and of what it reads.
fn stored(
    around: &Surroundings<'_>,
    graph: &Graph,
    chosen: &BTreeSet<InstanceId>,
) -> Result<BTreeMap<InstanceId, Known>, AuditError> {
    let targets: Vec<InstanceId> = chosen.iter().copied().collect();
    let plan = around.plan(graph, &graph.needed_for(&targets), &|_| false, &BTreeMap::new())?;
    let fresh = |id: &InstanceId| match &plan[id.index()] {
        Some(Status::Fresh(known)) => Some((*id, known.clone())),
        _ => None,
    };
    let without = chosen.iter().filter(|id| fresh(id).is_none());
    let without: Vec<String> = without.map(|id| format!("`{}`", graph.get(*id).name)).collect();
    if !without.is_empty() {
        return Err(AuditError::NotFresh(without));
    }
    Ok(graph.ids().filter_map(|id| fresh(&id)).collect())
}

/// The outputs of stages whose stored files have another mode than content has.
fn wrong_modes(
    store: &Store,
    stored: &BTreeMap<InstanceId, Known>,
    chosen: &BTreeSet<InstanceId>,
) -> Result<BTreeMap<(InstanceId, String), u32>, StoreError> {
    let mut found = BTreeMap::new();
    for (id, known) in stored.iter().filter(|(id, _)| chosen.contains(id)) {
        for (name, produced) in &known.outputs {
            if let Produced::Artifact(artifact) = produced
                && let Some(mode) = store.wrong_mode(artifact)?
            {
                found.insert((*id, name.clone()), mode);
            }
        }
    }
    Ok(found)
}

/// A store of its own, in a folder that is removed when it is over, or by the next run if this program is killed. It
/// lies on the disk of the real store, so that inputs can be linked.
fn scratch(store: &Store) -> Result<(AttemptFolder, Store), StoreError> {
    let room = store.attempt()?;
    let scratch = store.scratch(&room)?;
    Ok((room, scratch))
}

impl<'a> Going<'a> {
    /// Starts what there is room for.
    fn start(&mut self, messages: &Sender<Message>, told: &mut dyn FnMut(Audited)) -> Vec<Assignment<'a>> {
        let mut works = Vec::new();
        while let Some(id) = self.waiting.last().copied() {
            let (graph, context) = (self.graph, self.context);
            let instance = graph.get(id);
            if context.stop.asked() {
                break;
            }
            let looked = context.around.look(instance, &|from| self.stored.get(&from).cloned());
            let (looked, reservation) = match (looked, context.executor.reserve(&Request::from(instance))) {
                (Ok(Some(looked)), Ok(Offer::Room(reservation))) => (looked, reservation),
                (Ok(Some(_)), Ok(_)) => break,
                (looked, refusal) => {
                    self.waiting.pop();
                    let error = refusal.err().map(|e| e.to_string()).or(looked.err().map(|e| e.to_string()));
                    let error = error.unwrap_or_else(|| "an input of it is not known".into());
                    told(self.audited(id, 0.0, Verdict::Failed { error, log_end: Vec::new() }));
                    continue;
                }
            };
            self.waiting.pop();
            self.running.insert(id);
            let producers = graph.producers(id).into_iter();
            let producers = producers.filter_map(|from| Some((from, self.stored.get(&from)?.clone()))).collect();
            let messages = messages.clone();
            let (again, mends, waited) = (true, false, Cell::default());
            works.push(Assignment {
                id,
                instance,
                looked,
                producers,
                reservation,
                again,
                mends,
                context,
                messages,
                waited,
            });
        }
        works
    }

    fn over(&mut self, id: InstanceId, outcome: Outcome) -> Option<Audited> {
        self.running.remove(&id);
        let failed = |error, log_end| Verdict::Failed { error, log_end };
        let (seconds, verdict) = match outcome {
            Outcome::Stopped => return None,
            Outcome::Failed { cause, seconds, log_end } => (seconds, failed(cause.to_string(), log_end)),
            Outcome::Missing { what, .. } => (
                0.0,
                failed(format!("an input cannot be read: {what}; `nnf run` of its stage makes it again"), Vec::new()),
            ),
            Outcome::Done { known, seconds, .. } => match self.verdict(id, &known) {
                Ok(verdict) => (seconds, verdict),
                Err(error) => (seconds, failed(format!("its outputs cannot be compared: {error}"), Vec::new())),
            },
        };
        Some(self.audited(id, seconds, verdict))
    }

    fn audited(&self, id: InstanceId, seconds: f64, verdict: Verdict) -> Audited {
        Audited { stage: self.graph.get(id).name.clone(), key: self.stored[&id].key, seconds, verdict }
    }

    fn verdict(&self, id: InstanceId, again: &Known) -> Result<Verdict, StoreError> {
        let stored = &self.stored[&id];
        let (real, scratch) = (self.context.around.store, self.context.store);
        let mut outputs = Vec::new();
        for (name, before) in &stored.outputs {
            let said = |what: &str| Some(Difference { path: None, offset: None, what: what.into() });
            let first = match (before, again.outputs.get(name)) {
                (Produced::Absent, Some(Produced::Absent) | None) => None,
                (Produced::Absent, _) => said("it was left out and is there now"),
                (Produced::Artifact(_), Some(Produced::Absent) | None) => said("it was there and is left out now"),
                (Produced::Artifact(old), Some(Produced::Artifact(new))) => {
                    real.check(old).or_else(|error| if old.digest == new.digest { Ok(()) } else { Err(error) })?;
                    first_difference((real, old), (scratch, new))?
                }
            };
            let mode = self.modes.get(&(id, name.clone())).map(|mode| Difference {
                path: None,
                offset: None,
                what: format!("its file in the store had mode {mode:o}; somebody changed that, not the bytes"),
            });
            if let Some(first) = first.or(mode) {
                self.keep(id, name, before, again.outputs.get(name))?;
                outputs.push(OutputDifference { output: name.clone(), first });
            }
        }
        if outputs.is_empty() {
            return Ok(Verdict::Same { outputs: stored.outputs.len() });
        }
        let surroundings = match (real.record(&stored.key)?, scratch.record(&again.key)?) {
            (Some(then), Some(now)) => surroundings(&then, &now),
            _ => Vec::new(),
        };
        Ok(Verdict::Differs { outputs, surroundings })
    }

    /// Keeps both versions of an output: `DIR/<stage>/<output>/stored` and `again`.
    fn keep(
        &self,
        id: InstanceId,
        output: &str,
        stored: &Produced,
        again: Option<&Produced>,
    ) -> Result<(), StoreError> {
        let Some(keep) = self.keep else { return Ok(()) };
        let folder = keep.join(&self.graph.get(id).name).join(output);
        fs_err::create_dir_all(&folder).map_err(StoreError::io("keep both versions of an output"))?;
        let versions = [(self.context.around.store, Some(stored), "stored"), (self.context.store, again, "again")];
        for (store, produced, name) in versions {
            if let Some(Produced::Artifact(artifact)) = produced {
                store.copy_out(artifact, &folder.join(name))?;
            }
        }
        Ok(())
    }
}

//! An audit: stages run again into a scratch store, and their bytes are compared with the stored ones.
//!
//! Inputs come from the real store, in which nothing is recorded.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::mpsc::Sender;

use crate::executor::{Executor, Reservation, Stop};
use crate::graph::{Graph, InstanceId};
use crate::pipeline::Loaded;
use crate::plan::{KeyContext, PlanError, Status};
use crate::record::Produced;
use crate::store::{AttemptFolder, RecordSummary, Store, StoreError};
use crate::why::Reason;

use super::attempts::{Again, Attempts, Context};
use super::comparison::Comparison;
use super::message::{Interrupter, Mailbox, Message, Outcome};
use super::programs::Programs;
use super::scheduler::{Policy, carry_out, offers};
use super::states::{Stage, States};
use super::verdict::{Audited, Verdict};
use super::work::Work;

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
    mailbox: Mailbox,
}

/// What an audit knows while it goes on.
struct Going<'a> {
    graph: &'a Graph,
    context: &'a Context<'a>,
    comparison: Comparison<'a>,
    states: States,
    stored: BTreeMap<InstanceId, RecordSummary>,
    /// Who hears what came of each stage.
    told: &'a mut dyn FnMut(Audited),
}

impl<'a> Audit<'a> {
    /// Prepares an audit.
    #[must_use]
    pub fn new(loaded: &'a Loaded, store: &'a Store, executor: &'a dyn Executor, options: AuditOptions) -> Self {
        Audit { loaded, store, executor, options, mailbox: Mailbox::default() }
    }

    /// What stops it from another thread.
    #[must_use]
    pub fn interrupter(&self) -> Interrupter {
        self.mailbox.interrupter()
    }

    /// Runs each of the chosen stages again, and tells what came of each as it ends. False if it was interrupted.
    ///
    /// # Errors
    /// When a chosen stage has no result, or the store fails before anything has begun.
    pub fn go(self, chosen: &BTreeSet<InstanceId>, told: &mut dyn FnMut(Audited)) -> Result<bool, AuditError> {
        let programs = Programs::new(&self.loaded.graph, &self.loaded.root);
        let path = self.options.environment.get(std::ffi::OsStr::new("PATH")).cloned().unwrap_or_default();
        let key_context = KeyContext::new(self.store, &self.loaded.root, self.executor, &path);
        let stored = stored(&key_context, &self.loaded.graph, chosen)?;
        let modes = wrong_modes(self.store, &stored, chosen)?;
        let (_room, scratch) = scratch(self.store)?;
        let (folder, stop) = (scratch.runs().begin(&self.loaded.name)?, Stop::default());
        let context = Context {
            store: &scratch,
            key_context: &key_context,
            programs: &programs,
            executor: self.executor,
            run: &folder,
            stop: &stop,
            environment: &self.options.environment,
            resume: false,
        };
        let stands = |id: InstanceId| match stored.get(&id) {
            _ if chosen.contains(&id) => Stage::Ready,
            Some(known) => Stage::Done(known.clone()),
            None => Stage::Idle,
        };
        let mut going = Going {
            graph: &self.loaded.graph,
            context: &context,
            comparison: Comparison { graph: &self.loaded.graph, context: &context, keep: self.options.keep, modes },
            states: States::new(self.loaded.graph.ids().map(stands)),
            stored,
            told,
        };
        carry_out(&mut going, &self.mailbox);
        Ok(!stop.asked())
    }
}

/// The stored results of all that is chosen, and of what it reads.
fn stored(
    key_context: &KeyContext<'_>,
    graph: &Graph,
    chosen: &BTreeSet<InstanceId>,
) -> Result<BTreeMap<InstanceId, RecordSummary>, AuditError> {
    let targets: Vec<InstanceId> = chosen.iter().copied().collect();
    let plan = key_context.plan(graph, &graph.needed_for(&targets), &|_| false, &BTreeMap::new())?;
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
    stored: &BTreeMap<InstanceId, RecordSummary>,
    chosen: &BTreeSet<InstanceId>,
) -> Result<BTreeMap<(InstanceId, String), u32>, StoreError> {
    let mut found = BTreeMap::new();
    for (id, known) in stored.iter().filter(|(id, _)| chosen.contains(id)) {
        for (name, produced) in &known.outputs {
            if let Produced::Artifact(artifact) = produced
                && let Some(mode) = store.content().wrong_mode(artifact)?
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
    let room = store.runs().attempt()?;
    let scratch = store.scratch(&room)?;
    Ok((room, scratch))
}

impl<'a> Going<'a> {
    /// Looks at all that is to be run again: what it is to be given, which the plan has found to be known.
    fn resolve_ready(&mut self) {
        while let Some(id) = self.states.next_ready() {
            let computed =
                self.context.key_context.compute_key(self.graph.get(id), &|from| self.stored.get(&from).cloned());
            match computed {
                Ok(Some(computed)) if self.states.is_working(&computed.key) => {
                    self.states.set(id, Stage::Twin(computed.key));
                }
                Ok(Some(computed)) => drop(self.states.set(id, Stage::Queued(Box::new(computed), Reason::Forced))),
                Ok(None) => self.fail(id, "an input of it is not known".into()),
                Err(error) => self.fail(id, error.to_string()),
            }
        }
    }

    fn start_one(
        &mut self,
        id: InstanceId,
        reservation: Reservation,
        messages: &Sender<Message>,
    ) -> Option<Attempts<'a>> {
        let Stage::Queued(computed, reason) = self.states.get(id) else { return None };
        let running = Stage::Running(computed.key, reason.cause());
        let Stage::Queued(computed, _) = self.states.set(id, running) else { return None };
        let known = |from| self.stored.get(&from).cloned();
        Some(Attempts::new((self.context, self.graph), (id, *computed), reservation, Again::Forced, &known, messages))
    }

    /// A stage cannot be run again.
    fn fail(&mut self, id: InstanceId, error: String) {
        self.end(id, 0.0, Some(Verdict::Failed { error, log_end: Vec::new() }));
    }

    fn over(&mut self, id: InstanceId, outcome: Outcome) {
        let failed = |error, log_end| Some(Verdict::Failed { error, log_end });
        let (seconds, verdict) = match outcome {
            Outcome::Stopped => (0.0, None),
            Outcome::Failed { cause, seconds, log_end } => (seconds, failed(cause.to_string(), log_end)),
            Outcome::Missing { what, .. } => (
                0.0,
                failed(format!("an input cannot be read: {what}; `nnf run` of its stage makes it again"), Vec::new()),
            ),
            Outcome::Done { known, seconds, .. } => match self.comparison.verdict(id, &self.stored[&id], &known) {
                Ok(verdict) => (seconds, Some(verdict)),
                Err(error) => (seconds, failed(format!("its outputs cannot be compared: {error}"), Vec::new())),
            },
        };
        self.end(id, seconds, verdict);
    }

    /// Tells what came of a stage, unless it was stopped. The same work is done once more for another one.
    fn end(&mut self, id: InstanceId, seconds: f64, verdict: Option<Verdict>) {
        let known = self.stored[&id].clone();
        let (key, stage) = (known.key, self.graph.get(id).name.clone());
        let now = match &verdict {
            None => Stage::Stopped,
            Some(Verdict::Failed { .. }) => Stage::Failed,
            Some(_) => Stage::Done(known),
        };
        self.states.set(id, now);
        for twin in self.states.twins(&key) {
            self.states.set(twin, Stage::Ready);
        }
        if let Some(verdict) = verdict {
            (self.told)(Audited { stage, key, seconds, verdict });
        }
    }
}

impl<'a> Policy<'a> for Going<'a> {
    fn states(&self) -> &States {
        &self.states
    }

    fn start(&mut self, messages: &Sender<Message>) -> Vec<Work<'a>> {
        let mut works = Vec::new();
        if self.context.stop.asked() {
            return works;
        }
        self.resolve_ready();
        for (id, offer) in offers(self.graph, &self.states, self.context.executor) {
            match offer {
                Ok(reservation) => {
                    let work = self.start_one(id, reservation, messages);
                    works.extend(work.map(|work| Work::Stage(Box::new(work))));
                }
                Err(refusal) => self.fail(id, refusal.to_string()),
            }
        }
        works
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Over(id, outcome, _room) => self.over(id, outcome),
            Message::Interrupt => self.context.stop.more(),
            _ => {}
        }
    }

    fn is_over(&mut self) -> bool {
        self.context.stop.asked() || self.states.next_ready().is_none()
    }
}

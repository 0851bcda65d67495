//! The state of a run at its beginning, and looking at instances whose producers are done.
//!
//! It does not start anything.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use crate::digest::Key;
use crate::graph::InstanceId;
use crate::pipeline::Loaded;
use crate::plan::{ComputedKey, KeyError};
use crate::store::{RecordSummary, StoreError};
use crate::why::Reason;

use super::attempts::Context;
use super::cause::Cause;
use super::event::{Reporter, RunEvent, Summary};
use super::state::{RunOptions, State};
use super::states::{Stage, States};

impl<'a> State<'a> {
    pub(super) fn new(
        loaded: &'a Loaded,
        options: &'a RunOptions,
        context: &'a Context<'a>,
        reporter: &'a mut dyn Reporter,
    ) -> Self {
        let graph = &loaded.graph;
        let all: Vec<InstanceId> = graph.ids().collect();
        let targets = if options.targets.is_empty() { &all } else { &options.targets };
        let needed = graph.needed_for(targets);
        let stages = graph.ids().map(|id| match graph.producers(id).len() {
            _ if !needed[id.index()] => Stage::Idle,
            0 => Stage::Ready,
            count => Stage::Waiting(count),
        });
        State {
            graph,
            name: &loaded.name,
            options,
            context,
            reporter,
            states: States::new(stages),
            again: options.forced.iter().map(|id| (*id, Reason::Forced)).collect(),
            remade: BTreeMap::new(),
            unasked: Vec::new(),
            answered: BTreeSet::new(),
            asked: targets.clone(),
            unchecked: true,
            former: BTreeMap::new(),
            outdated: BTreeSet::new(),
            kept: BTreeMap::new(),
            shown: None,
            unsent: None,
            ran: BTreeSet::new(),
            results: 0,
            made: BTreeMap::new(),
            started: BTreeMap::new(),
            heads: context.store.pipelines().heads(&loaded.name),
            files: BTreeMap::new(),
            identity: loaded.identity.as_ref(),
            summary: Summary { run: context.run.id.clone(), ..Summary::default() },
            closing: false,
            began: Instant::now(),
        }
    }

    pub(super) fn tell(&mut self, event: RunEvent) {
        // Freshness is in the plan already; thousands of lines about it would tell nothing.
        if !matches!(event, RunEvent::Fresh { .. } | RunEvent::Progress { .. }) {
            let line = serde_json::to_string(&event).unwrap_or_default();
            if let Err(error) = self.context.run.append_event(&line) {
                tracing::warn!("{error}");
            }
        }
        self.reporter.event(&event);
    }

    pub(super) fn stage_name(&self, id: InstanceId) -> String {
        self.graph.get(id).name.clone()
    }

    pub(super) fn begin(&mut self) {
        let total = self.states.needed();
        let (run, pipeline) = (self.context.run.id.clone(), self.name.to_owned());
        self.tell(RunEvent::Began { run, pipeline, total });
    }

    pub(super) fn known(&self, id: InstanceId) -> Option<RecordSummary> {
        match self.states.get(id) {
            Stage::Done(known) => Some(known.clone()),
            _ => None,
        }
    }

    /// Looks at all instances whose producers are done: they are fresh, or join the queue.
    pub(super) fn resolve_ready(&mut self) {
        while let Some(id) = self.states.next_ready().filter(|_| !self.closing) {
            // Content of a producer may have been found damaged since it was done; then it runs again first.
            let unfinished = self.unfinished(id);
            if unfinished > 0 {
                self.states.set(id, Stage::Waiting(unfinished));
                continue;
            }
            let instance = self.graph.get(id);
            let computed = self.context.key_context.compute_key(instance, &|from| self.known(from));
            let computed = match computed {
                Ok(Some(computed)) => computed,
                Ok(None) => {
                    self.look_for_records(id);
                    continue;
                }
                // Once, and not again if the answer does not last.
                Err(KeyError::Unasked) if self.answered.insert(id) => {
                    self.states.set(id, Stage::Asking);
                    self.unasked.push(id);
                    continue;
                }
                Err(error) => {
                    self.fail(id, None, error.into());
                    continue;
                }
            };
            self.note_files(&computed.files);
            if let Err(error) = self.sort_in(id, computed) {
                self.fail(id, None, error.into());
            }
        }
    }

    /// How many producers of an instance are not done.
    pub(super) fn unfinished(&self, id: InstanceId) -> usize {
        let producers = self.graph.producers(id).into_iter();
        producers.filter(|from| !matches!(self.states.get(*from), Stage::Done(_))).count()
    }

    /// An instance reads a record that was there a moment ago: it was damaged, so its stage runs again.
    pub(super) fn look_for_records(&mut self, id: InstanceId) {
        let gone = |from: &InstanceId| {
            self.known(*from).is_some_and(|known| matches!(self.context.store.records().get(&known.key), Ok(None)))
        };
        let producers: Vec<InstanceId> = self.graph.producers(id).into_iter().filter(gone).collect();
        if producers.is_empty() {
            let text = "an input that it needs was not produced".into();
            self.fail(id, None, Cause::Input { text });
        } else {
            self.make_again_for(id, &producers, "its record is damaged");
        }
    }

    /// Looks for a result, and notes that the run uses it before anybody can remove it.
    fn find(&self, id: InstanceId, key: &Key) -> Result<Option<RecordSummary>, StoreError> {
        // What is not there needs no lock to stay there.
        if self.context.store.records().look_up(key)?.is_none() {
            return Ok(None);
        }
        let _hold = self.context.store.runs().hold()?;
        let found = self.context.store.records().look_up(key)?;
        if found.is_some() {
            self.context.run.uses(key, &self.graph.get(id).name)?;
        }
        Ok(found)
    }

    pub(super) fn sort_in(&mut self, id: InstanceId, computed: ComputedKey) -> Result<(), StoreError> {
        let key = computed.key;
        if self.states.is_working(&key) {
            self.states.set(id, Stage::Twin(key));
            return Ok(());
        }
        // The same work was forced already, as another instance.
        if self.made.contains_key(&key) && self.again.get(&id) == Some(&Reason::Forced) {
            self.again.remove(&id);
        }
        let reason = match self.again.get(&id) {
            Some(Reason::Forced) => {
                // It stays what it is if the stage fails.
                if let Some(known) = self.find(id, &key)? {
                    self.kept.insert(id, known);
                }
                if let Some(pin) = self.context.store.maintenance().pinned_by(&key)? {
                    self.fail(id, Some(key), Cause::Pinned { pin });
                    return Ok(());
                }
                Reason::Forced
            }
            Some(reason) => reason.clone(),
            None => match self.find(id, &key)? {
                Some(known) => {
                    self.context.store.remote().share(&key)?;
                    self.tell(RunEvent::Fresh { stage: self.stage_name(id), key });
                    self.done(id, known);
                    return Ok(());
                }
                None => {
                    let last = self.heads.get(&self.graph.get(id).name);
                    self.context.key_context.reason(last, &computed.document)?
                }
            },
        };
        self.states.set(id, Stage::Queued(Box::new(computed), reason));
        Ok(())
    }
}

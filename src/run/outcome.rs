//! What workers say, and what becomes of their instances and of those that wait for them.
//!
//! It does not look anything up in the store.

use nnf_contract::Event;

use crate::digest::Key;
use crate::graph::InstanceId;
use crate::store::Known;
use crate::why::Reason;

use super::worker::{Fault, Message, Outcome};
use super::{Ran, RunEvent, Stage, State};

/// How often in a run a result is made again whose content has gone.
const MOST_REMADE: u32 = 5;

impl State<'_> {
    pub(super) fn take(&mut self, message: Message) {
        match message {
            Message::Said(id, event) => {
                let stage = self.stage_name(id);
                self.tell(match event {
                    Event::Progress { done, total, unit } => RunEvent::Progress { stage, done, total, unit },
                    Event::Metrics { step, values } => RunEvent::Metrics { stage, step, values },
                    Event::Note { text } => RunEvent::Note { stage, text },
                });
            }
            Message::Waiting(id, what) => self.tell(RunEvent::Waiting { stage: self.stage_name(id), what }),
            Message::Retrying(id, attempt, error) => {
                self.tell(RunEvent::Retrying { stage: self.stage_name(id), attempt, error });
            }
            Message::Waited(id) => self.tell(RunEvent::Waited { stage: self.stage_name(id) }),
            Message::Storing(id) => self.stored_beside_others(id),
            Message::Over(id, outcome) => self.over(id, outcome),
            Message::Interrupt => {
                let stop = self.context.stop;
                if stop.asked() {
                    stop.kill()
                } else {
                    stop.ask()
                }
                self.summary.interrupted = true;
                self.closing = true;
            }
        }
    }

    /// Lets others have the cores of a stage whose results are being stored. With one core all goes one by one.
    fn stored_beside_others(&mut self, id: InstanceId) {
        if let Stage::Running(share, ..) = &mut self.stages[id.index()]
            && self.storing.len() + 1 < self.options.cores as usize
        {
            self.budget.give_back_early(share);
            self.storing.insert(id);
        }
    }

    pub(super) fn over(&mut self, id: InstanceId, outcome: Outcome) {
        let before = std::mem::replace(&mut self.stages[id.index()], Stage::Ready);
        let Stage::Running(share, key, because) = before else { return };
        self.budget.give_back(&share);
        self.storing.remove(&id);
        self.running -= 1;
        self.working.remove(&key);
        let stage = self.stage_name(id);
        match outcome {
            Outcome::Done { known, seconds, adopted } => {
                self.again.remove(&id);
                if let Err(error) = self.context.run.uses(&key, &stage) {
                    tracing::warn!("{error}");
                }
                self.tell(RunEvent::Finished { stage: stage.clone(), key, seconds, adopted });
                if adopted {
                    self.summary.fresh += 1;
                } else {
                    self.summary.ran.push(Ran { stage, seconds, because });
                }
                // What was forced or missing has been made for all that are the same work.
                for twin in self.twins.get(&key).into_iter().flatten() {
                    self.again.remove(twin);
                }
                self.wake_twins(key);
                self.done(id, known);
            }
            Outcome::Failed { error, seconds, log_end, fault } => {
                self.fail(id, Some(key), error, seconds, log_end, fault == Fault::Store);
                if fault == Fault::Stage {
                    self.fail_twins(id, key);
                }
                self.wake_twins(key);
            }
            Outcome::Stopped => {
                self.tell(RunEvent::Stopped { stage });
                self.stages[id.index()] = Stage::Waiting(0);
            }
            Outcome::Missing { producers, what } => {
                self.make_again(id, &producers, &what);
                self.wake_twins(key);
            }
        }
    }

    /// Instances that are the same work as one that has just failed, and would be run in the same way, failed with it.
    fn fail_twins(&mut self, id: InstanceId, key: Key) {
        if self.closing {
            return;
        }
        let failed = self.graph.get(id);
        let twins: Vec<InstanceId> = self.twins.get(&key).into_iter().flatten().copied().collect();
        for twin in twins {
            if matches!(self.stages[twin.index()], Stage::Twin(_)) && self.graph.get(twin).runs_like(failed) {
                let error = format!("it is the same work as `{}`, which failed", failed.name);
                self.fail(twin, Some(key), error, 0.0, Vec::new(), false);
            }
        }
    }

    /// Instances with the same key as one that has just ended are looked at again.
    pub(super) fn wake_twins(&mut self, key: Key) {
        for id in self.twins.remove(&key).unwrap_or_default() {
            // Its content may have been found missing meanwhile, and then it is looked at already.
            if matches!(self.stages[id.index()], Stage::Twin(twin) if twin == key) {
                self.stages[id.index()] = Stage::Ready;
                self.ready.insert(id);
            }
        }
    }

    /// Content of a producer is gone: it runs again, and then the instance that needs it, and others in the queue that
    /// read it, because their keys may rest on content that comes out otherwise this time.
    pub(super) fn make_again(&mut self, id: InstanceId, producers: &[InstanceId], what: &str) {
        for producer in producers {
            if self.again.contains_key(producer) && !matches!(self.stages[producer.index()], Stage::Done(_)) {
                continue;
            }
            let times = self.remade.entry(*producer).or_default();
            *times += 1;
            if *times > MOST_REMADE {
                let name = self.stage_name(*producer);
                let error =
                    format!("{what}, also after `{name}` made it again {MOST_REMADE} times: another stage alters it");
                self.fail(id, None, error, 0.0, Vec::new(), false);
                return;
            }
            let text = format!("{what}; `{}` runs again", self.stage_name(*producer));
            self.tell(RunEvent::Note { stage: self.stage_name(*producer), text });
            self.again.insert(*producer, Reason::Missing("its stored content is missing or damaged".into()));
            self.stages[producer.index()] = Stage::Ready;
            self.ready.insert(*producer);
            for reader in self.graph.readers(*producer) {
                self.look_at_again(reader);
            }
        }
        self.stages[id.index()] = Stage::Ready;
        self.ready.insert(id);
    }

    /// Takes an instance out of the queue, with those that wait for its result.
    pub(super) fn look_at_again(&mut self, id: InstanceId) {
        let Stage::Queued(looked, _) = &self.stages[id.index()] else { return };
        let key = looked.key;
        self.working.remove(&key);
        self.queued.remove(&id);
        self.stages[id.index()] = Stage::Ready;
        self.ready.insert(id);
        self.wake_twins(key);
    }

    pub(super) fn done(&mut self, id: InstanceId, known: Known) {
        self.stages[id.index()] = Stage::Done(known);
        for reader in self.graph.readers(id) {
            if let Stage::Waiting(count) = &mut self.stages[reader.index()] {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    self.stages[reader.index()] = Stage::Ready;
                    self.ready.insert(reader);
                }
            }
        }
    }

    pub(super) fn fail(
        &mut self,
        id: InstanceId,
        key: Option<Key>,
        error: String,
        seconds: f64,
        log_end: Vec<String>,
        store: bool,
    ) {
        let stage = self.stage_name(id);
        let queued = match &self.stages[id.index()] {
            Stage::Queued(looked, _) => Some(looked.key),
            _ => None,
        };
        self.summary.failed.push(stage.clone());
        self.summary.store_failed |= store;
        self.stages[id.index()] = Stage::Failed;
        self.tell(RunEvent::Failed { stage, key, error, seconds, log_end, store });
        self.closing |= !self.options.keep_going || store;
        // The same work may yet be done elsewhere, with other needs.
        if let Some(key) = queued {
            self.working.remove(&key);
            self.wake_twins(key);
        }
    }
}

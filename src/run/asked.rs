//! What was asked for has to be there, whole: its content is looked at before anything starts, and again when all has
//! ended. What is missing is made again, and what stands on it follows where it comes out otherwise.
//!
//! Content that is only needed on the way is not looked at here; a stage that reads it tells if it is gone.

use crate::digest::Key;
use crate::graph::{InstanceId, Source};
use crate::store::RecordSummary;
use crate::why::Reason;

use super::cause::Cause;
use super::event::RunEvent;
use super::state::State;
use super::states::Stage;

/// How often in a run a result is made again whose content has gone.
const MOST_REMADE: u32 = 5;

impl State<'_> {
    /// Looks at the content of all that was asked for and is done; true if some of it has to be made again.
    pub(super) fn look_at_asked(&mut self) -> bool {
        if !std::mem::take(&mut self.unchecked) || self.closing {
            return false;
        }
        let done = |id: &InstanceId| self.known(*id).map(|known| (*id, known));
        let done: Vec<_> = self.asked.iter().filter_map(done).collect();
        let results: Vec<_> = done.iter().map(|(_, known)| known).collect();
        let faults = match self.context.store.content().not_whole(&results) {
            Ok(faults) => faults,
            Err(error) => {
                self.tell(RunEvent::Note { stage: String::new(), text: error.to_string() });
                self.summary.store_failed = true;
                self.closing = true;
                return false;
            }
        };
        for (at, (output, what)) in &faults {
            let (id, what) = (done[*at].0, format!("its output `{output}`: {what}"));
            if !self.make_again(id, &what) {
                let cause = in_vain(&what, &self.stage_name(id));
                self.fail(id, None, cause);
            }
        }
        !faults.is_empty()
    }

    /// Waits for the remote tier. Where another's result was there first and took the place of one here, what stands on
    /// it follows; true if there is anything to do.
    pub(super) fn adopt(&mut self) -> bool {
        if self.closing || !self.context.store.remote().is_there() {
            return false;
        }
        // A person can look at the results while they are sent.
        self.shown = Some(self.show());
        match self.context.store.finish() {
            Ok(0) => false,
            Ok(_) => {
                self.shown = None;
                // Who reads what was adopted may be stale in another run, too.
                self.identity = None;
                let other = |id: &InstanceId| {
                    let Some(known) = self.known(*id) else { return false };
                    let now = self.context.store.records().look_up(&known.key).ok().flatten();
                    now.is_some_and(|now| now.outputs != known.outputs)
                };
                let others: Vec<InstanceId> = self.graph.ids().filter(other).collect();
                others.iter().for_each(|id| self.look_again(*id));
                self.unchecked = true;
                !others.is_empty()
            }
            Err(error) => {
                self.unsent = Some(error);
                false
            }
        }
    }

    /// Content or records of producers are gone: they run again, and then the instance that needs them.
    pub(super) fn make_again_for(&mut self, id: InstanceId, producers: &[InstanceId], what: &str) {
        for producer in producers {
            if !self.make_again(*producer, what) {
                self.fail(id, None, in_vain(what, &self.stage_name(*producer)));
                return;
            }
        }
        self.states.set(id, Stage::Ready);
    }

    /// Has an instance run again whose content or record is gone; false if that was in vain too often.
    fn make_again(&mut self, id: InstanceId, what: &str) -> bool {
        if self.again.contains_key(&id) && !matches!(self.states.get(id), Stage::Done(_)) {
            return true;
        }
        let times = self.remade.entry(id).or_default();
        *times += 1;
        if *times > MOST_REMADE {
            return false;
        }
        let stage = self.stage_name(id);
        self.tell(RunEvent::Note { text: format!("{what}; `{stage}` runs again"), stage });
        self.again.insert(id, Reason::Missing("its stored content is missing or damaged".into()));
        self.look_again(id);
        true
    }

    /// Has an instance looked at again, as it or what it reads may come out otherwise than before. Those in the queue
    /// that read it wait until it is done.
    pub(super) fn look_again(&mut self, id: InstanceId) {
        if let Stage::Done(known) = self.states.set(id, Stage::Ready) {
            self.former.insert(id, known.outputs);
        }
        for reader in self.graph.readers(id) {
            self.take_from_queue(reader);
        }
    }

    /// An instance that was looked at again is done: those that went by what it was before are looked at again, too, if
    /// it is something else now.
    pub(super) fn tell_readers(&mut self, id: InstanceId, known: &RecordSummary) {
        let Some(before) = self.former.remove(&id) else { return };
        for reader in self.graph.readers(id) {
            if before == known.outputs && !self.reads_record(reader, id) {
                continue;
            }
            match self.states.get(reader) {
                Stage::Done(_) => self.look_again(reader),
                Stage::Running(..) => drop(self.outdated.insert(reader)),
                _ => {}
            }
        }
    }

    /// A record was replaced, by force or because its content was gone. Instances that are the same work, and were done
    /// with the former one, go by the new one.
    pub(super) fn tell_others(&mut self, id: InstanceId, key: Key, forced: bool) {
        let Some(now) = self.known(id) else { return };
        let is_old = |other: &InstanceId| match self.states.get(*other) {
            Stage::Done(known) => *other != id && known.key == key && (forced || known.outputs != now.outputs),
            _ => false,
        };
        let others: Vec<InstanceId> = self.graph.ids().filter(is_old).collect();
        others.into_iter().for_each(|other| self.look_again(other));
    }

    /// Whether an instance reads the record of another, which is never the same twice.
    fn reads_record(&self, reader: InstanceId, producer: InstanceId) -> bool {
        let is_record = |source: &Source| matches!(source, Source::Record { from } if *from == producer);
        self.graph.get(reader).inputs.values().any(|source| match source {
            Source::Many(members) => members.values().any(is_record),
            source => is_record(source),
        })
    }
}

fn in_vain(what: &str, stage: &str) -> Cause {
    let text = format!("{what}, also after `{stage}` made it again {MOST_REMADE} times: another stage alters it");
    Cause::InputLost { text }
}

//! Starting what there is room for.
//!
//! It does not know how a worker works.

use std::cell::Cell;
use std::ops::Bound;
use std::sync::mpsc::Sender;

use crate::executor::Share;
use crate::graph::{CpuNeed, InstanceId};

use super::alone::is_free;
use super::worker::{Assignment, Message};
use super::{Reason, RunEvent, Stage, State};

impl<'a> State<'a> {
    /// Starts what there is room for.
    pub(super) fn start(&mut self, messages: &Sender<Message>) -> Vec<Assignment<'a>> {
        let mut works = Vec::new();
        let mut blocked = false;
        let mut next = self.queued.first().copied();
        while let Some(id) = next {
            if self.closing || self.budget.is_used_up() {
                break;
            }
            next = self.queued.range((Bound::Excluded(id), Bound::Unbounded)).next().copied();
            let instance = self.graph.get(id);
            if let Some(why) = self.budget.refusal(&instance.needs) {
                self.queued.remove(&id);
                self.fail(id, None, why, 0.0, Vec::new(), false);
                continue;
            }
            // A stage that wants the whole machine would starve if smaller ones always went first.
            let alone = instance.measures;
            if blocked && !alone && instance.needs.cpus != CpuNeed::All {
                continue;
            }
            if instance.needs.gpus > 0 {
                let (locks, gpus) = (&self.options.locks, &self.options.gpus);
                self.budget.prefer_gpus(&|gpu| is_free(locks, gpus, gpu));
            }
            let Some(share) = self.budget.take(&instance.needs, alone) else {
                blocked |= alone || instance.needs.cpus == CpuNeed::All;
                continue;
            };
            self.queued.remove(&id);
            works.extend(self.start_one(id, share, messages));
            self.running += 1;
        }
        works
    }

    pub(super) fn start_one(
        &mut self,
        id: InstanceId,
        share: Share,
        messages: &Sender<Message>,
    ) -> Option<Assignment<'a>> {
        let before = std::mem::replace(&mut self.stages[id.index()], Stage::Ready);
        let Stage::Queued(looked, reason) = before else { return None };
        let instance = self.graph.get(id);
        let because = reason.cause();
        let expected = self.heads.get(&instance.name).and_then(|key| self.context.store.look_up(key).ok().flatten());
        self.tell(RunEvent::Started {
            stage: instance.name.clone(),
            key: looked.key,
            reason,
            because: because.clone(),
            attempt: 1,
            expected_milliseconds: expected.map(|known| known.milliseconds),
        });
        self.stages[id.index()] = Stage::Running(share.clone(), looked.key, because);
        self.started.insert(id, self.results);
        let producers = self.graph.producers(id).into_iter();
        Some(Assignment {
            id,
            instance,
            looked: *looked,
            producers: producers.filter_map(|from| self.known(from).map(|known| (from, known))).collect(),
            share,
            again: self.again.contains_key(&id),
            mends: matches!(self.again.get(&id), Some(Reason::Missing(_))),
            context: self.context,
            messages: messages.clone(),
            waited: Cell::default(),
        })
    }
}

//! Starting what there is room for.
//!
//! It does not know how a worker works.

use std::cell::Cell;
use std::ops::Bound;
use std::sync::mpsc::Sender;

use crate::executor::{Offer, Request, Reservation};
use crate::graph::{CpuNeed, InstanceId};

use super::cause::Cause;
use super::worker::{Assignment, Message};
use super::{Reason, RunEvent, Stage, State};

impl<'a> State<'a> {
    /// Starts what there is room for.
    pub(super) fn start(&mut self, messages: &Sender<Message>) -> Vec<Assignment<'a>> {
        let mut works = Vec::new();
        let mut blocked = false;
        let mut next = self.queued.first().copied();
        while let Some(id) = next {
            if self.closing {
                break;
            }
            next = self.queued.range((Bound::Excluded(id), Bound::Unbounded)).next().copied();
            let instance = self.graph.get(id);
            // A stage that wants the whole machine would starve if smaller ones always went first.
            let whole = instance.measures || instance.needs.cpus == CpuNeed::All;
            if blocked && !whole {
                continue;
            }
            match self.context.executor.reserve(&Request::from(instance)) {
                Ok(Offer::Room(reservation)) => {
                    self.queued.remove(&id);
                    works.extend(self.start_one(id, reservation, messages));
                    self.running += 1;
                }
                Ok(Offer::NotNow) => blocked |= whole,
                Ok(Offer::Full) => break,
                Err(refusal) => {
                    self.queued.remove(&id);
                    self.fail(id, None, Cause::Refused(refusal));
                }
            }
        }
        works
    }

    pub(super) fn start_one(
        &mut self,
        id: InstanceId,
        reservation: Reservation,
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
        self.stages[id.index()] = Stage::Running(looked.key, because);
        self.started.insert(id, self.results);
        let producers = self.graph.producers(id).into_iter();
        Some(Assignment {
            id,
            instance,
            looked: *looked,
            producers: producers.filter_map(|from| self.known(from).map(|known| (from, known))).collect(),
            reservation,
            again: self.again.contains_key(&id),
            mends: matches!(self.again.get(&id), Some(Reason::Missing(_))),
            context: self.context,
            messages: messages.clone(),
            waited: Cell::default(),
        })
    }
}

//! Starting what there is room for.

use std::cell::Cell;
use std::ops::Bound;
use std::sync::mpsc::Sender;

use crate::executor::{Offer, Request, Reservation};
use crate::graph::{CpuNeed, InstanceId};
use crate::why::Reason;

use super::assignment::Assignment;
use super::cause::Cause;
use super::event::RunEvent;
use super::message::Message;
use super::state::State;
use super::states::Stage;

impl<'a> State<'a> {
    /// Starts what there is room for.
    pub(super) fn start(&mut self, messages: &Sender<Message>) -> Vec<Assignment<'a>> {
        let mut works = Vec::new();
        let mut blocked = false;
        let mut next = self.states.queued().first().copied();
        while let Some(id) = next {
            if self.closing {
                break;
            }
            next = self.states.queued().range((Bound::Excluded(id), Bound::Unbounded)).next().copied();
            let instance = self.graph.get(id);
            // A stage that wants the whole machine would starve if smaller ones always went first.
            let whole = instance.measures || instance.needs.cpus == CpuNeed::All;
            if blocked && !whole {
                continue;
            }
            match self.context.executor.reserve(&Request::from(instance)) {
                Ok(Offer::Room(reservation)) => {
                    works.extend(self.start_one(id, reservation, messages));
                }
                Ok(Offer::NotNow) => blocked |= whole,
                Ok(Offer::Full) => break,
                Err(refusal) => {
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
        let Stage::Queued(looked, reason) = self.states.get(id) else { return None };
        let (key, because) = (looked.key, reason.cause());
        let Stage::Queued(looked, reason) = self.states.set(id, Stage::Running(key, because.clone())) else {
            return None;
        };
        let instance = self.graph.get(id);
        let expected = self.heads.get(&instance.name).and_then(|key| self.context.store.look_up(key).ok().flatten());
        self.tell(RunEvent::Started {
            stage: instance.name.clone(),
            key: looked.key,
            reason,
            because,
            attempt: 1,
            expected_milliseconds: expected.map(|known| known.milliseconds),
        });
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

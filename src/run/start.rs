//! Starting what there is room for.

use std::sync::mpsc::Sender;

use crate::executor::{Request, Reservation};
use crate::graph::InstanceId;
use crate::why::Reason;

use super::attempts::{Again, Attempts};
use super::cause::Cause;
use super::event::RunEvent;
use super::message::Message;
use super::scheduler::offers;
use super::state::State;
use super::states::Stage;
use super::work::{Question, Work};

impl<'a> State<'a> {
    /// Refuses what there never can be room for, before anything runs: what must run, and what has never had a result and
    /// so will have to. Of what may yet turn out to be fresh it is told.
    pub(super) fn refuse_early(&mut self) {
        for id in self.graph.ids() {
            let surely = match self.states.get(id) {
                Stage::Queued(..) | Stage::Asking => true,
                Stage::Waiting(_) => !self.heads.contains_key(&self.graph.get(id).name),
                _ => continue,
            };
            match self.context.executor.could_hold(&Request::from(self.graph.get(id))) {
                Ok(()) => {}
                Err(refusal) if surely => self.fail(id, None, Cause::Refused(refusal)),
                Err(refusal) => {
                    let stage = self.stage_name(id);
                    let text = format!("if what it reads changes, it cannot run: {refusal}");
                    self.tell(RunEvent::Note { stage, text });
                }
            }
        }
    }

    /// Starts what there is room for.
    pub(super) fn start_queued(&mut self, messages: &Sender<Message>) -> Vec<Attempts<'a>> {
        let mut works = Vec::new();
        if self.closing {
            return works;
        }
        for (id, offer) in offers(self.graph, &self.states, self.context.executor) {
            match offer {
                _ if self.closing => break,
                Ok(reservation) => works.extend(self.start_one(id, reservation, messages)),
                Err(refusal) => self.fail(id, None, Cause::Refused(refusal)),
            }
        }
        works
    }

    /// Has those asked whose machine is not known.
    pub(super) fn questions(&mut self, messages: &Sender<Message>) -> Vec<Work<'a>> {
        let (context, graph) = (self.context, self.graph);
        let mut works = Vec::new();
        for id in std::mem::take(&mut self.unasked) {
            let (stage, text) =
                (self.stage_name(id), "a node is asked which machine it is, before it is measured".into());
            self.tell(RunEvent::Note { stage, text });
            let instance = graph.get(id);
            works.push(Work::Question(Question { id, instance, context, messages: messages.clone() }));
        }
        works
    }

    pub(super) fn start_one(
        &mut self,
        id: InstanceId,
        reservation: Reservation,
        messages: &Sender<Message>,
    ) -> Option<Attempts<'a>> {
        let Stage::Queued(computed, reason) = self.states.get(id) else { return None };
        let (key, because) = (computed.key, reason.cause());
        let Stage::Queued(computed, reason) = self.states.set(id, Stage::Running(key, because.clone())) else {
            return None;
        };
        let instance = self.graph.get(id);
        let expected =
            self.heads.get(&instance.name).and_then(|key| self.context.store.records().look_up(key).ok().flatten());
        self.tell(RunEvent::Started {
            stage: instance.name.clone(),
            key: computed.key,
            reason,
            because,
            attempt: 1,
            expected_milliseconds: expected.map(|known| known.milliseconds),
        });
        self.started.insert(id, self.results);
        let again = match self.again.get(&id) {
            None => Again::No,
            Some(Reason::Missing(_)) => Again::Mends,
            Some(_) => Again::Forced,
        };
        let context = self.context;
        let known = |from| self.known(from);
        Some(Attempts::new((context, self.graph), (id, *computed), reservation, again, &known, messages))
    }
}

//! The one loop that owns all state of a run. Workers do the work on threads of their own and only send messages; what is
//! to be done, and what comes of it, is a policy's.

use std::ops::Bound;
use std::sync::mpsc::Sender;

use crate::executor::{Executor, Offer, Refusal, Request, Reservation};
use crate::graph::{CpuNeed, Graph, InstanceId};

use super::message::{Mailbox, Message};
use super::states::States;
use super::work::Work;
use super::workers::Workers;

/// What is to be done: a run, or an audit.
pub(super) trait Policy<'a> {
    /// Where all instances stand.
    fn states(&self) -> &States;
    /// What is to be begun now, as far as there is room.
    fn start(&mut self, messages: &Sender<Message>) -> Vec<Work<'a>>;
    /// Hears what a worker says, or that a person wants it to stop.
    fn take(&mut self, message: Message);
    /// Whether there is nothing left to do. It is asked when nothing runs.
    fn is_over(&mut self) -> bool;
}

/// Carries out a policy until nothing is left to do.
pub(super) fn carry_out<'a>(policy: &mut impl Policy<'a>, mailbox: &Mailbox) {
    std::thread::scope(|scope| {
        let workers = Workers::new(scope);
        loop {
            for work in policy.start(&mailbox.send) {
                workers.give(work);
            }
            if policy.states().running() == 0 {
                if policy.is_over() {
                    break;
                }
                // What has just been refused may have set others free.
                continue;
            }
            match mailbox.receive.recv() {
                Ok(message) => policy.take(message),
                Err(_) => break,
            }
        }
    });
}

/// Room for those that are queued, in the order of the graph, or why there never will be any for one of them.
pub(super) fn offers(
    graph: &Graph,
    states: &States,
    executor: &dyn Executor,
) -> Vec<(InstanceId, Result<Reservation, Refusal>)> {
    let mut found = Vec::new();
    let mut blocked = false;
    let mut next = states.queued().first().copied();
    while let Some(id) = next {
        next = states.queued().range((Bound::Excluded(id), Bound::Unbounded)).next().copied();
        let instance = graph.get(id);
        // A stage that wants the whole machine would starve if smaller ones always went first.
        let whole = instance.measures || instance.needs.cpus == CpuNeed::All;
        if blocked && !whole {
            continue;
        }
        match executor.reserve(&Request::from(instance)) {
            Ok(Offer::Room(reservation)) => found.push((id, Ok(reservation))),
            Ok(Offer::NotNow) => blocked |= whole,
            Ok(Offer::Full) => break,
            Err(refusal) => found.push((id, Err(refusal))),
        }
    }
    found
}

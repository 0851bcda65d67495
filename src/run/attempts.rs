//! The work of one instance, as it is given to a worker.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::sync::mpsc::Sender;

use crate::executor::{Executor, Reservation, Stop};
use crate::graph::{Graph, Instance, InstanceId};
use crate::plan::{ComputedKey, KeyContext};
use crate::store::{RecordSummary, RunFolder, Store};

use super::cause::Cause;
use super::message::Message;
use super::programs::Programs;

/// All that a worker needs to make attempts at the work of an instance.
pub(crate) struct Attempts<'a> {
    pub(crate) id: InstanceId,
    pub(crate) instance: &'a Instance,
    pub(crate) computed: ComputedKey,
    /// What the producers left.
    pub(crate) producers: BTreeMap<InstanceId, RecordSummary>,
    pub(crate) reservation: Reservation,
    pub(crate) again: Again,
    pub(crate) context: &'a Context<'a>,
    pub(crate) messages: Sender<Message>,
    /// Whether it waited for another run.
    pub(crate) waited: Cell<bool>,
}

/// Whether work is done though there is a record of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    /// It is not: a record that another run writes meanwhile is taken.
    No,
    /// It was asked for: the new result takes the place of the former one.
    Forced,
    /// Content of it was missing, which another run may make meanwhile.
    Mends,
}

/// What all workers of a run share.
pub(crate) struct Context<'a> {
    /// Where results go. Inputs come from the store of `key_context`, which is another one in an audit.
    pub(crate) store: &'a Store,
    pub(crate) key_context: &'a KeyContext<'a>,
    pub(crate) programs: &'a Programs<'a>,
    pub(crate) executor: &'a dyn Executor,
    pub(crate) run: &'a RunFolder,
    pub(crate) stop: &'a Stop,
    /// The engine's own environment, of which stages get what they are promised.
    pub(crate) environment: &'a BTreeMap<OsString, OsString>,
    pub(crate) resume: bool,
}

/// Why an attempt ended without a record.
pub(super) enum Failure {
    /// It failed.
    Because(Cause),
    /// Content of these inputs is gone.
    Missing(Vec<InstanceId>, String),
    Stopped,
}

impl<T: Into<Cause>> From<T> for Failure {
    fn from(cause: T) -> Self {
        Failure::Because(cause.into())
    }
}

impl<'a> Attempts<'a> {
    /// The work of an instance in its room; `known` tells what its producers left.
    pub(super) fn new(
        (context, graph): (&'a Context<'a>, &'a Graph),
        (id, computed): (InstanceId, ComputedKey),
        reservation: Reservation,
        again: Again,
        known: &dyn Fn(InstanceId) -> Option<RecordSummary>,
        messages: &Sender<Message>,
    ) -> Self {
        let producers = graph.producers(id).into_iter();
        Attempts {
            id,
            instance: graph.get(id),
            computed,
            producers: producers.filter_map(|from| known(from).map(|known| (from, known))).collect(),
            reservation,
            again,
            context,
            messages: messages.clone(),
            waited: Cell::default(),
        }
    }

    /// Says what it waits for.
    pub(super) fn waits_for(&self, what: String) {
        self.waited.set(true);
        let _ = self.messages.send(Message::Waiting(self.id, what));
    }
}

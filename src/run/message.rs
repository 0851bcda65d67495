//! What is told to the loop that owns all state: by workers, and by whoever wants it to stop.

use std::sync::mpsc::{Receiver, Sender, channel};

use nnf_contract::Event;

use crate::executor::{ExecutorError, Reservation};
use crate::graph::InstanceId;
use crate::store::RecordSummary;

use super::cause::Cause;

/// What a worker tells the loop.
pub(crate) enum Message {
    /// It was asked which machine an instance is to measure, with this outcome.
    Answered(InstanceId, Result<(), ExecutorError>),
    /// The stage said something.
    Said(InstanceId, Event),
    /// It waits for something.
    Waiting(InstanceId, String),
    /// It does not wait any more.
    Waited(InstanceId),
    /// An attempt failed and another follows.
    Retrying(InstanceId, u32, Cause),
    /// Its process has ended, and no other attempt follows; what it left is being stored.
    Storing,
    /// It is over. The room that it had is given back when the loop hears this, so that nothing begins in it before.
    Over(InstanceId, Outcome, Option<Reservation>),
    /// A person wants the run to stop.
    Interrupt,
}

/// How the work of an instance ended.
pub(crate) enum Outcome {
    /// There is a record.
    Done { known: RecordSummary, seconds: f64, adopted: bool },
    /// It failed for good.
    Failed { cause: Cause, seconds: f64, log_end: Vec<String> },
    /// It was stopped.
    Stopped,
    /// Content of these inputs has to be made again first.
    Missing { producers: Vec<InstanceId>, what: String },
}

/// Where the loop hears all of that.
pub(super) struct Mailbox {
    pub(super) send: Sender<Message>,
    pub(super) receive: Receiver<Message>,
}

impl Default for Mailbox {
    fn default() -> Self {
        let (send, receive) = channel();
        Mailbox { send, receive }
    }
}

impl Mailbox {
    /// What stops the run from another thread.
    pub(super) fn interrupter(&self) -> Interrupter {
        Interrupter(self.send.clone())
    }
}

/// Lets another thread stop a run.
#[derive(Clone)]
pub struct Interrupter(Sender<Message>);

impl Interrupter {
    /// The first call stops the run cleanly, the second one kills what runs.
    pub fn interrupt(&self) {
        // A run that is over has nothing to interrupt.
        let _ = self.0.send(Message::Interrupt);
    }
}

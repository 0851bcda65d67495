//! What a stage was given: a place among those that wait or run, and what its job is to have.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::executor::slurm::spool::Ticket;
use crate::executor::slurm::state::JobId;
use crate::executor::slurm::submission::Resources;
use crate::executor::{ExecutorError, Held};
use crate::mutex::lock;

/// What a stage was given: a place among those that wait or run, and what its job is to have.
pub(crate) struct Place {
    pub(crate) used: Arc<AtomicUsize>,
    pub(crate) given_back: AtomicBool,
    pub(crate) resources: Resources,
    /// Stages that have ended, and the jobs that had them.
    pub(crate) ended: Mutex<Vec<(Ticket, JobId)>>,
    /// Why its job cannot be described.
    pub(crate) trouble: Option<ExecutorError>,
}

impl Held for Place {
    fn computed(&self) {
        if !self.given_back.swap(true, Ordering::SeqCst) {
            self.used.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

impl Drop for Place {
    /// By now what they left is in the store, or not wanted: nobody is to go on with it.
    fn drop(&mut self) {
        self.computed();
        let mut ended = lock(&self.ended);
        ended.drain(..).for_each(|(ticket, job)| ticket.lane.give_up(&ticket.stage, &job));
    }
}

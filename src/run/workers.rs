//! The threads on which workers do their work. One that is done takes the next assignment.
//!
//! It does not know how many may run; the budget does.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Scope;

use super::worker::Assignment;

/// Threads of one run. They end when this is dropped.
pub(super) struct Workers<'scope, 'env, 'a> {
    scope: &'scope Scope<'scope, 'env>,
    give: Sender<Assignment<'a>>,
    take: Arc<Mutex<Receiver<Assignment<'a>>>>,
    idle: Arc<AtomicUsize>,
}

impl<'scope, 'a: 'scope> Workers<'scope, '_, 'a> {
    pub(super) fn new<'env>(scope: &'scope Scope<'scope, 'env>) -> Workers<'scope, 'env, 'a> {
        let (give, take) = channel();
        Workers { scope, give, take: Arc::new(Mutex::new(take)), idle: Arc::default() }
    }

    /// Lets a thread do the work: one that waits, else a new one.
    pub(super) fn give(&self, work: Assignment<'a>) {
        let waits = self.idle.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |idle| idle.checked_sub(1)).is_ok();
        if !waits {
            let (take, idle) = (Arc::clone(&self.take), Arc::clone(&self.idle));
            self.scope.spawn(move || {
                loop {
                    let next = take.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok(work) = next else { return };
                    work.run(&idle);
                }
            });
        }
        // The threads hold the other end until this one is dropped.
        let _ = self.give.send(work);
    }
}

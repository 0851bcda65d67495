//! The part of this machine that a command was given.

use std::fs::File;
use std::sync::{Arc, Mutex};

use crate::executor::Held;
use crate::executor::budget::{Budget, Taken};
use crate::mutex::lock;

/// A share of the budget, until it is dropped.
pub(crate) struct Part {
    budget: Arc<Mutex<Budget>>,
    pub(crate) taken: Mutex<Taken>,
    /// Whether nothing else may run.
    pub(crate) alone: bool,
    /// What no other engine of this machine has, once it was waited for.
    pub(crate) locks: Mutex<Option<Vec<File>>>,
}

impl Part {
    /// What was taken of a budget.
    pub(crate) fn new(budget: &Arc<Mutex<Budget>>, taken: Taken, alone: bool) -> Self {
        Part { budget: Arc::clone(budget), taken: Mutex::new(taken), alone, locks: Mutex::default() }
    }
}

impl Held for Part {
    fn computed(&self) {
        lock(&self.budget).give_back_early(&mut lock(&self.taken));
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        lock(&self.budget).give_back(&lock(&self.taken));
    }
}

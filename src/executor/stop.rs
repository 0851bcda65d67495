//! How urgently running commands are to end.

use std::sync::atomic::{AtomicU8, Ordering};

/// Shared by all of a run; it only ever rises.
#[derive(Debug, Default)]
pub struct Stop(AtomicU8);

impl Stop {
    /// Asks commands to end: first by their cancel file, then by signals.
    pub fn ask(&self) {
        self.0.fetch_max(1, Ordering::SeqCst);
    }

    /// Asks commands to end, and kills them if they were asked before.
    pub fn more(&self) {
        if self.asked() { self.kill() } else { self.ask() }
    }

    /// Kills commands.
    pub fn kill(&self) {
        self.0.fetch_max(2, Ordering::SeqCst);
    }

    /// Whether commands are to end.
    #[must_use]
    pub fn asked(&self) -> bool {
        self.0.load(Ordering::SeqCst) > 0
    }

    /// Whether commands are to be killed.
    #[must_use]
    pub fn killing(&self) -> bool {
        self.0.load(Ordering::SeqCst) > 1
    }
}

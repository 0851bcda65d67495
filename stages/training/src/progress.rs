//! Who watches a training: the stage's events, or a test.

use nnf_contract::Stage;

/// Hears how training goes, and may stop it.
pub trait Watch {
    /// So many steps are done.
    fn progress(&self, done: u64, total: u64);
    /// Smoothed numbers after a step.
    fn metrics(&self, step: u64, values: &[(&str, f64)]);
    /// Says a sentence to the person who watches.
    fn note(&self, text: String);
    /// Whether to save and stop.
    fn cancelled(&self) -> bool;
}

/// Nobody watches.
impl Watch for () {
    fn progress(&self, _: u64, _: u64) {}

    fn metrics(&self, _: u64, _: &[(&str, f64)]) {}

    fn note(&self, _: String) {}

    fn cancelled(&self) -> bool {
        false
    }
}

impl Watch for Stage {
    fn progress(&self, done: u64, total: u64) {
        Stage::progress(self, done, total, "steps");
    }

    fn metrics(&self, step: u64, values: &[(&str, f64)]) {
        Stage::metrics(self, Some(step), values);
    }

    fn note(&self, text: String) {
        Stage::note(self, text);
    }

    fn cancelled(&self) -> bool {
        Stage::cancelled(self)
    }
}

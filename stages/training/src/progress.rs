//! Who watches a training: the stage's events, or a test.

use nnf_contract::Stage;

/// Hears how training goes, and may stop it.
pub(crate) trait Watch {
    fn progress(&self, done: u64, total: u64);
    fn metrics(&self, step: u64, values: &[(&str, f64)]);
    fn note(&self, text: String);
    fn cancelled(&self) -> bool;
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

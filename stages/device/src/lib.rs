//! Profiling on a device, and the latency predictor fitted to it (paper §3.5).
//!
//! What is profiled is an architecture, never weights, so retraining measures nothing again.

mod budget;
mod columns;
mod error;
mod features;
mod fit;
mod fit_kind;
mod judged;
mod learning_curve_kind;
mod measure;
mod memory_fit_kind;
mod memory_kind;
mod predictor;
mod preemption;
mod probe;
mod profile;
mod profile_kind;
mod runtime;
mod speed;
mod testbed;

pub use budget::{Budget, BudgetParameters};
pub use error::DeviceError;
pub use features::BLOCK;
pub use measure::{Latency, Measured, Meter, Micros, Timing, architecture};
pub use predictor::{Conditions, Estimator, Predictor};
pub use speed::reference;
pub use testbed::Testbed;

/// The kinds of stage that this crate offers.
#[must_use]
pub fn offers() -> Vec<nnf_contract::Offer> {
    vec![
        profile_kind::offer(),
        fit_kind::offer(),
        learning_curve_kind::offer(),
        memory_kind::offer(),
        memory_fit_kind::offer(),
        probe::offer(),
    ]
}

#[cfg(test)]
mod tests;

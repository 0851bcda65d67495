//! Profiling on a device, and the latency predictor fitted to it.

/// The kinds of stage that this crate offers.
#[must_use]
pub fn offers() -> Vec<nnf_contract::Offer> {
    Vec::new()
}

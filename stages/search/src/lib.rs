//! The scenario sweep: the best subnet for a task within a device's budgets.

/// The kinds of stage that this crate offers.
#[must_use]
pub fn offers() -> Vec<nnf_contract::Offer> {
    Vec::new()
}

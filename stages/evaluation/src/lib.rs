//! Gate vectors, extraction of subnets, and accuracy by task and limit.

/// The kinds of stage that this crate offers.
#[must_use]
pub fn offers() -> Vec<nnf_contract::Offer> {
    Vec::new()
}

//! The network as data: graph, builders, runner, counting, slicing, folding.

/// The kinds of stage that this crate offers.
#[must_use]
pub fn offers() -> Vec<nnf_contract::Offer> {
    Vec::new()
}

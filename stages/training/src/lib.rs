//! Pretraining and joint training of supernet and assembler.

/// The kinds of stage that this crate offers.
#[must_use]
pub fn offers() -> Vec<nnf_contract::Offer> {
    Vec::new()
}

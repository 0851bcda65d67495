//! Tables, with the paper's numbers beside ours.
//!
//! It reads tables and writes tables, and does not know networks or how the figures were found.

mod error;
mod markdown;
mod read;
mod scenarios;
mod table2;

/// The kinds of stage that this crate offers.
#[must_use]
pub fn offers() -> Vec<nnf_contract::Offer> {
    vec![table2::offer(), scenarios::offer()]
}

#[cfg(test)]
mod tests;

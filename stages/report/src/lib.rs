//! Tables and figures, with the paper's numbers beside ours.
//!
//! It reads tables and writes tables and pictures, and does not know networks or how the figures were found.

mod ablations;
mod baseline;
mod chart;
mod comparison;
mod document;
mod error;
mod estimate;
mod figures;
mod format;
mod latex;
mod matching;
mod output;
mod read;
mod scenarios;
mod supernets;
mod table;
mod table2;
mod table4;

/// The kinds of stage that this crate offers.
#[must_use]
pub fn offers() -> Vec<nnf_contract::Offer> {
    vec![
        table2::offer(),
        table4::offer(),
        scenarios::offer(),
        comparison::offer(),
        ablations::offer(),
        figures::predictions::offer(),
        figures::accuracy_by_limit::offer(),
        figures::tradeoff::offer(),
        figures::ratio_by_limit::offer(),
        figures::training::offer(),
        figures::learning_curve::offer(),
        figures::tasks::offer(),
        figures::similarity::offer(),
    ]
}

#[cfg(test)]
mod tests;

//! Networks in the formats of other runtimes.

mod error;
mod graph;
mod kind;
mod onnx;
mod ops;
mod proto;

pub use error::ExportError;
pub use onnx::onnx;

/// The kinds of stage that this crate offers.
#[must_use]
pub fn offers() -> Vec<nnf_contract::Offer> {
    vec![kind::offer()]
}

#[cfg(test)]
mod tests;

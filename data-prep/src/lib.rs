//! Data stages: MNIST and digits drawn by our own code, the NumVQA tasks made of them, the colours of COCO objects, a
//! person's own photos, and weights from PyTorch.
//!
//! It knows nothing of networks or of the engine.

mod coco;
mod contact_sheet;
mod csv;
mod decode;
mod digits;
mod drawn;
mod images;
mod markdown;
mod mnist;
mod numvqa;
mod outside;
mod parquet;
mod pytorch;
mod random;

pub use contact_sheet::contact_sheet;
pub use digits::{Digits, DigitsError, SIDE, Split};
pub use random::Random;

/// The kinds of stage that this package offers.
#[must_use]
pub fn offers() -> Vec<nnf_contract::Offer> {
    let mut offers = vec![mnist::offer(), numvqa::offer(), coco::offer(), pytorch::offer()];
    offers.extend(images::offers());
    offers
}

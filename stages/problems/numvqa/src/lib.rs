//! NumVQA: yes-or-no questions about four handwritten digits in a picture (paper §5.1), such as "are exactly two of
//! them odd?".

mod augment;
mod digits;
mod numvqa;
mod questions;

pub use augment::Augmentation;
pub use digits::{Digits, SampleSplit};
pub use numvqa::NumVqa;
pub use questions::Questions;

#[cfg(test)]
mod tests;

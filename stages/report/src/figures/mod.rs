//! The paper's figures, a file each: the data, the picture, and the paper's claims beside ours.

pub(crate) mod accuracy_by_limit;
pub(crate) mod learning_curve;
pub(crate) mod predictions;
pub(crate) mod ratio_by_limit;
pub(crate) mod similarity;
pub(crate) mod tasks;
pub(crate) mod tradeoff;
pub(crate) mod training;

#[cfg(test)]
mod tests;

//! Share of right answers of a network on samples, with its confidence interval.

use nnf_net::{Model, Run, forward};
use nnf_supernet::{Digits, Index};
use tch::{Device, Kind};

use crate::error::EvaluationError;

/// Pictures of one pass.
const BATCH: usize = 500;
/// Quantile of the normal distribution for 95 %.
const Z: f64 = 1.959_963_985;

/// Right answers among samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accuracy {
    /// Right answers.
    pub right: u64,
    /// Samples.
    pub samples: u64,
}

impl Accuracy {
    /// Share of right answers in `[0, 1]`; not a number without samples.
    #[must_use]
    pub fn share(&self) -> f64 {
        self.right as f64 / self.samples as f64
    }

    /// Wilson's 95 % interval of the share (Wilson 1927).
    #[must_use]
    pub fn interval(&self) -> (f64, f64) {
        let n = self.samples as f64;
        let share = self.share();
        let middle = (share + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
        let half = Z / (1.0 + Z * Z / n) * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
        ((middle - half).max(0.0), (middle + half).min(1.0))
    }
}

/// Accuracy of a network without gates on some samples of an index.
///
/// # Errors
/// When samples and digits do not belong together, or the network does not take the pictures.
pub fn accuracy(model: &Model, digits: &Digits, index: &Index, rows: &[usize]) -> Result<Accuracy, EvaluationError> {
    let mut found = Accuracy::default();
    for rows in rows.chunks(BATCH) {
        let four: Vec<[u32; 4]> = rows.iter().map(|row| index.digits[*row]).collect();
        let labels: Vec<i64> = rows.iter().map(|row| i64::from(index.label[*row])).collect();
        let pictures = digits.pictures(index.split, &four, Device::Cpu)?;
        let scores = tch::no_grad(|| forward(&model.network, &model.weights, &pictures, &Run::default(), &[]))?;
        let right =
            scores[0].argmax(1, false).eq_tensor(&tch::Tensor::from_slice(&labels)).sum(Kind::Int64).int64_value(&[]);
        found.right += u64::try_from(right).unwrap_or(0);
        found.samples += rows.len() as u64;
    }
    Ok(found)
}

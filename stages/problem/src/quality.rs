//! How good answers are, with an interval.

use serde::{Deserialize, Serialize};

/// Quantile of the normal distribution for 95 %.
const Z: f64 = 1.959_963_985;

/// How good answers are; greater is better.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// [`crate::Problem::METRIC`], in `[0, 1]`; not a number without samples.
    pub value: f64,
    /// Ends of its 95 % interval.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// Samples.
    pub samples: u64,
}

impl Quality {
    /// The mean of the values of some; 0 of none.
    pub fn mean<'q>(some: impl IntoIterator<Item = &'q Quality>) -> f64 {
        let (sum, count) = some.into_iter().fold((0.0, 0_usize), |(sum, count), one| (sum + one.value, count + 1));
        sum / count.max(1) as f64
    }
}

/// The share of right answers, with Wilson's 95 % interval (Wilson 1927).
#[must_use]
pub fn share_right(right: u64, samples: u64) -> Quality {
    let n = samples as f64;
    let share = right as f64 / n;
    let middle = (share + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
    let half = Z / (1.0 + Z * Z / n) * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    let (low, high) = ((middle - half).max(0.0), (middle + half).min(1.0));
    Quality { value: share, low, high, samples }
}

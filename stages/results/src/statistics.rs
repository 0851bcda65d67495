//! Means with intervals, quantiles, and how good predictions are.

/// Quantiles 0.975 of Student's t for 1 to 30 degrees of freedom.
const T: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
    2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
];

/// The mean; not a number without values.
#[must_use]
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Half of the 95 % interval of a mean by Student's t; `None` for a single value.
#[must_use]
pub fn half_interval(values: &[f64]) -> Option<f64> {
    let count = values.len();
    if count < 2 {
        return None;
    }
    let middle = mean(values);
    let variance = values.iter().map(|value| (value - middle).powi(2)).sum::<f64>() / (count - 1) as f64;
    let t = T.get(count - 2).copied().unwrap_or(1.96 + 2.4 / count as f64);
    Some(t * (variance / count as f64).sqrt())
}

/// A share in per cent, as few decimals as tell it: 0.07 is 7.
#[must_use]
pub fn percent(share: f64) -> f64 {
    (share * 1e10).round() / 1e8
}

/// A quantile, between neighbours in proportion.
#[must_use]
pub fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = share * sorted.len().saturating_sub(1) as f64;
    match (sorted.get(at.floor() as usize), sorted.get(at.ceil() as usize)) {
        (Some(low), Some(high)) => low + (high - low) * at.fract(),
        _ => f64::NAN,
    }
}

/// Share of the variance of what was measured that a prediction explains.
#[must_use]
pub fn r_squared(predicted: &[f64], measured: &[f64]) -> f64 {
    let middle = mean(measured);
    let total: f64 = measured.iter().map(|value| (value - middle).powi(2)).sum();
    1.0 - predicted.iter().zip(measured).map(|(p, m)| (p - m).powi(2)).sum::<f64>() / total
}

/// Mean absolute error in relation to the measured value.
#[must_use]
pub fn mape(predicted: &[f64], measured: &[f64]) -> f64 {
    mean(&predicted.iter().zip(measured).map(|(p, m)| ((p - m) / m).abs()).collect::<Vec<f64>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_those_of_a_textbook() {
        // The interval by scipy.stats.t.interval(0.95, 3, 2.5, std(ddof=1)/2); R² = 1 − 0.07/5.
        let values = [1.0, 2.0, 3.0, 4.0];
        assert!((half_interval(&values).unwrap_or(0.0) - 2.054_3).abs() < 1e-3);
        assert_eq!(half_interval(&[1.0]), None);
        assert!((quantile(&[4.0, 1.0, 3.0, 2.0], 0.25) - 1.75).abs() < 1e-12);
        assert!(quantile(&[], 0.5).is_nan());
        let predicted = [1.1, 1.9, 3.1, 4.2];
        assert!((r_squared(&predicted, &values) - (1.0 - 0.07 / 5.0)).abs() < 1e-12);
        assert!((mape(&predicted, &values) - (0.1 + 0.05 + 0.1 / 3.0 + 0.05) / 4.0).abs() < 1e-12);
    }
}

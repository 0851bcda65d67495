//! Means with intervals, quantiles, and how good predictions are.
//!
//! It does not know what the numbers stand for.

/// Quantiles 0.975 of Student's t for 1 to 30 degrees of freedom.
const T: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
    2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
];

pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Half of the 95 % interval of a mean by Student's t; `None` for a single value.
pub(crate) fn half_interval(values: &[f64]) -> Option<f64> {
    let count = values.len();
    if count < 2 {
        return None;
    }
    let middle = mean(values);
    let variance = values.iter().map(|value| (value - middle).powi(2)).sum::<f64>() / (count - 1) as f64;
    let t = T.get(count - 2).copied().unwrap_or(1.96 + 2.4 / count as f64);
    Some(t * (variance / count as f64).sqrt())
}

/// A quantile, between neighbours in proportion.
pub(crate) fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = share * sorted.len().saturating_sub(1) as f64;
    match (sorted.get(at.floor() as usize), sorted.get(at.ceil() as usize)) {
        (Some(low), Some(high)) => low + (high - low) * at.fract(),
        _ => f64::NAN,
    }
}

/// Share of the variance of what was measured that a prediction explains.
pub(crate) fn r_squared(predicted: &[f64], measured: &[f64]) -> f64 {
    let middle = mean(measured);
    let total: f64 = measured.iter().map(|value| (value - middle).powi(2)).sum();
    1.0 - predicted.iter().zip(measured).map(|(p, m)| (p - m).powi(2)).sum::<f64>() / total
}

/// Mean absolute error in relation to the measured value.
pub(crate) fn mape(predicted: &[f64], measured: &[f64]) -> f64 {
    mean(&predicted.iter().zip(measured).map(|(p, m)| ((p - m) / m).abs()).collect::<Vec<f64>>())
}

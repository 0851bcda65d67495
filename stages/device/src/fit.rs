//! Least squares with standardised features, and how good a prediction is.

use nnf_results::statistics::mape;
use tch::{Kind, Tensor};

use crate::error::DeviceError;

/// Factors of each feature, and the intercept.
pub(crate) struct Linear {
    pub(crate) coefficients: Vec<f64>,
    pub(crate) intercept: f64,
}

impl Linear {
    /// The value for a row of features.
    pub(crate) fn at(&self, row: &[f64]) -> f64 {
        linear(&self.coefficients, self.intercept, row)
    }
}

/// Refuses a measurement that is no positive number.
pub(crate) fn positive(values: &[f64]) -> Result<(), DeviceError> {
    match values.iter().position(|value| !value.is_finite() || *value <= 0.0) {
        Some(at) => Err(DeviceError::Misfit(format!(
            "vector {at} was measured as {}, which is no positive number: measure it again, or leave it out",
            values[at]
        ))),
        None => Ok(()),
    }
}

/// A linear function of features.
pub(crate) fn linear(coefficients: &[f64], intercept: f64, row: &[f64]) -> f64 {
    intercept + row.iter().zip(coefficients).map(|(value, factor)| value * factor).sum::<f64>()
}

/// Least squares of `values` on `rows`, each weighted by 1 / value so that small and large count alike in relative terms;
/// `ridge` times the identity keeps features apart that hardly differ.
pub(crate) fn least_squares(rows: &[Vec<f64>], values: &[f64], ridge: f64) -> Result<Linear, DeviceError> {
    let (count, width) = (rows.len(), rows.first().map_or(0, Vec::len));
    if count < 2 || values.len() != count {
        let why = format!("a predictor is fitted to two measured vectors at least, {count} are there: measure more");
        return Err(DeviceError::Misfit(why));
    }
    positive(values)?;
    let size = |n: usize| i64::try_from(n).unwrap_or(0);
    let x = Tensor::from_slice(&rows.concat()).view([size(count), size(width)]);
    let y = Tensor::from_slice(values);
    let middle = x.mean_dim([0_i64].as_slice(), true, Kind::Double);
    let spread = x.std_dim([0_i64].as_slice(), false, true);
    let spread = spread.where_self(&spread.gt(1e-12), &spread.ones_like());
    let ones = Tensor::ones([size(count), 1], (Kind::Double, tch::Device::Cpu));
    let standard = Tensor::cat(&[(&x - &middle) / &spread, ones], 1);
    let weighted = &standard / y.unsqueeze(1);
    let penalty = Tensor::ones([size(width) + 1], (Kind::Double, tch::Device::Cpu)) * ridge;
    // The intercept is free.
    let _ = penalty.narrow(0, size(width), 1).fill_(0.0);
    let scale = y.reciprocal().square().mean(Kind::Double) * count as f64;
    let normal = weighted.tr().matmul(&weighted) + (penalty * scale).diag(0);
    let right = weighted.tr().matmul(&y.ones_like().unsqueeze(1));
    let solution = Tensor::f_linalg_solve(&normal, &right, true).map_err(nnf_net::NetError::Torch)?.squeeze_dim(1);
    let factors = solution.narrow(0, 0, size(width)) / spread.squeeze_dim(0);
    let intercept = solution.narrow(0, size(width), 1).double_value(&[0])
        - (&factors * middle.squeeze_dim(0)).sum(Kind::Double).double_value(&[]);
    let coefficients = Vec::<f64>::try_from(&factors).map_err(nnf_net::NetError::Torch)?;
    Ok(Linear { coefficients, intercept })
}

/// The constant of least mean relative error: the median, each value weighted by its reciprocal.
pub(crate) fn constant(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.iter().map(|value| value.recip()).sum::<f64>() / 2.0;
    let mut sum = 0.0;
    let reaches = |value: &&f64| {
        sum += value.recip();
        sum >= half
    };
    sorted.iter().find(reaches).copied().unwrap_or(f64::NAN)
}

/// The error of the best constant, chosen with the measured values in hand: what no constant can beat.
pub(crate) fn constant_mape(measured: &[f64]) -> f64 {
    mape(&vec![constant(measured); measured.len()], measured)
}

/// R² that a perfect predictor can be expected to have against one measurement, from the R² of a second measurement.
///
/// With noise of variance σ² in each measurement and variance V of what is measured, the second one has 1 − 2σ²/V, the
/// truth 1 − σ²/V.
pub(crate) fn perfect(retest: f64) -> f64 {
    (1.0 + retest) / 2.0
}

//! Columns of the tables that stages of this crate read.

use std::path::Path;

use polars::prelude::*;

use crate::error::DeviceError;

/// A column as numbers, of which none may be missing.
///
/// # Errors
/// When there are no rows, there is no such column, it does not hold numbers, or a row has none.
pub(crate) fn numbers(frame: &DataFrame, name: &str, path: &Path) -> Result<Vec<f64>, DeviceError> {
    let unfit = |e: PolarsError| DeviceError::unfit(path, e);
    if frame.height() == 0 {
        return Err(DeviceError::unfit(path, "it has no rows"));
    }
    let values = frame.column(name).map_err(unfit)?.cast(&DataType::Float64).map_err(unfit)?;
    let values: Option<Vec<f64>> = values.f64().map_err(unfit)?.iter().collect();
    values.ok_or_else(|| DeviceError::unfit(path, format!("a row has no `{name}`")))
}

//! Reads tables, and writes a table as CSV and Parquet.
//!
//! It does not know what the columns mean.

use std::path::Path;

use polars::prelude::*;

use crate::error::ReportError;

fn unfit(path: &Path) -> impl Fn(PolarsError) -> ReportError + '_ {
    move |e| ReportError::Unfit { path: path.display().to_string(), why: e.to_string() }
}

/// A Parquet table.
pub(crate) fn parquet(path: &Path) -> Result<DataFrame, ReportError> {
    let file = fs_err::File::open(path)?;
    ParquetReader::new(file.into_file()).finish().map_err(unfit(path))
}

/// A CSV table with a header.
pub(crate) fn csv(path: &Path) -> Result<DataFrame, ReportError> {
    let file = fs_err::File::open(path)?;
    CsvReader::new(file.into_file()).finish().map_err(unfit(path))
}

/// Writes both forms.
pub(crate) fn write(frame: &mut DataFrame, csv: &Path, parquet: &Path) -> Result<(), ReportError> {
    let file = fs_err::File::create(csv)?;
    CsvWriter::new(file.into_file()).finish(frame)?;
    let file = fs_err::File::create(parquet)?;
    ParquetWriter::new(file.into_file()).with_compression(ParquetCompression::Zstd(None)).finish(frame)?;
    Ok(())
}

/// Numbers of a column; what is no number there is `None`.
pub(crate) fn numbers(frame: &DataFrame, name: &str) -> Result<Vec<Option<f64>>, ReportError> {
    let column = frame.column(name)?.cast(&DataType::Float64)?;
    Ok(column.f64()?.iter().collect())
}

/// Words of a column.
pub(crate) fn words(frame: &DataFrame, name: &str) -> Result<Vec<String>, ReportError> {
    let column = frame.column(name)?.cast(&DataType::String)?;
    Ok(column.str()?.iter().map(|word| word.unwrap_or_default().to_owned()).collect())
}

/// Yes or no of a column.
pub(crate) fn flags(frame: &DataFrame, name: &str) -> Result<Vec<bool>, ReportError> {
    Ok(frame.column(name)?.bool()?.iter().map(|flag| flag.unwrap_or(false)).collect())
}

//! Reads and writes Parquet tables.
//!
//! It does not know their columns.

use std::path::Path;

use polars::prelude::*;

use crate::error::DeviceError;

pub(crate) fn read(path: &Path) -> Result<DataFrame, DeviceError> {
    let file = fs_err::File::open(path)?;
    ParquetReader::new(file.into_file()).finish().map_err(|e| DeviceError::unfit(path, e))
}

pub(crate) fn write(mut frame: DataFrame, path: &Path) -> PolarsResult<()> {
    let file = fs_err::File::create(path)?;
    ParquetWriter::new(file.into_file()).with_compression(ParquetCompression::Zstd(None)).finish(&mut frame)?;
    Ok(())
}

//! Writes a result as a Parquet table.
//!
//! It does not know its columns.

use std::path::Path;

use polars::prelude::*;

use crate::error::BaselineError;

pub(crate) fn write(frame: &mut DataFrame, path: &Path) -> Result<(), BaselineError> {
    let file = fs_err::File::create(path)?;
    ParquetWriter::new(file.into_file()).with_compression(ParquetCompression::Zstd(None)).finish(frame)?;
    Ok(())
}

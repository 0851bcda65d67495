//! Writes a table as Parquet, the same table always as the same bytes.

use std::path::Path;

use polars::prelude::*;

pub(crate) fn write(mut frame: DataFrame, path: &Path) -> PolarsResult<()> {
    let file = fs_err::File::create(path)?;
    // One row group and no parallel columns: the same table gives the same bytes.
    ParquetWriter::new(file.into_file())
        .with_compression(ParquetCompression::Zstd(None))
        .set_parallel(false)
        .with_row_group_size(Some(usize::MAX))
        .finish(&mut frame)
        .map(|_| ())
}

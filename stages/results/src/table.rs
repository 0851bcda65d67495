//! Reads and writes Parquet tables.
//!
//! It does not know their columns.

use std::path::Path;

use polars::prelude::*;

/// Media type of the tables.
pub const PARQUET: &str = "application/vnd.apache.parquet";

/// Reads a table.
///
/// # Errors
/// When the file cannot be read or is no whole Parquet file.
pub fn read(path: &Path) -> PolarsResult<DataFrame> {
    ParquetReader::new(fs_err::File::open(path)?.into_file()).finish()
}

/// Writes a table, compressed by Zstandard.
///
/// # Errors
/// When the disk fails.
pub fn write(mut frame: DataFrame, path: &Path) -> PolarsResult<()> {
    let file = fs_err::File::create(path)?.into_file();
    ParquetWriter::new(file).with_compression(ParquetCompression::Zstd(None)).finish(&mut frame)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_table_is_read_as_it_was_written_and_the_file_is_named_where_there_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.parquet");
        let frame = df!("task" => ["has 0", "größer"], "kept" => [Some(3_u64), None]).unwrap();
        write(frame.clone(), &path).unwrap();
        assert!(read(&path).unwrap().equals_missing(&frame));
        let missing = folder.path().join("b.parquet");
        assert!(read(&missing).unwrap_err().to_string().contains("b.parquet"));
        std::fs::write(&missing, b"no table").unwrap();
        assert!(read(&missing).is_err());
    }
}

//! Reads and writes Parquet tables.

use std::io::{Read, Seek};
use std::path::Path;

use nnf_contract::unusable;
use polars::prelude::*;

/// Media type of the tables.
pub const PARQUET: &str = "application/vnd.apache.parquet";

/// Reads a table.
///
/// # Errors
/// When the file cannot be read or is no whole Parquet file.
pub fn read(path: &Path) -> PolarsResult<DataFrame> {
    let mut file = fs_err::File::open(path)?;
    let mut begin = Vec::new();
    file.by_ref().take(64).read_to_end(&mut begin)?;
    if let Some(why) = unusable(&begin) {
        return Err(PolarsError::ComputeError(why.into()));
    }
    file.rewind()?;
    let file = file.into_file();
    // Polars trusts the places that a file's footer names, and panics where they lie outside.
    std::panic::catch_unwind(|| ParquetReader::new(file).finish())
        .unwrap_or_else(|_| Err(PolarsError::ComputeError("the file is damaged".into())))
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
        std::fs::write(&missing, b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n").unwrap();
        assert!(read(&missing).unwrap_err().to_string().contains("run `git lfs pull`"));
    }

    #[test]
    fn a_damaged_table_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.parquet");
        write(df!("task" => ["has 0", "has 1"], "kept" => [3_u64, 4]).unwrap(), &path).unwrap();
        let whole = std::fs::read(&path).unwrap();
        // The footer names places of columns that are no longer there.
        let (begin, footer) = (4, whole.len() - 8);
        let length = u32::from_le_bytes(whole[footer..footer + 4].try_into().unwrap()) as usize;
        std::fs::write(&path, [&whole[..begin], &whole[footer - length..]].concat()).unwrap();
        assert!(read(&path).is_err());
        for cut in (1..whole.len()).step_by(7) {
            std::fs::write(&path, &whole[..whole.len() - cut]).unwrap();
            assert!(read(&path).is_err(), "{cut} bytes are missing");
        }
    }
}

//! The beginning of a table in Parquet.
//!
//! A reader of our own, for what tables of stages are: the crate `parquet` would change the features of libraries that
//! libtorch's binding shares, and with them the fingerprints of all kinds, so every result would be stale. It reads plain,
//! dictionary and run-length encoding, uncompressed or by Snappy or Zstd, flat columns, fields of structures, and lists;
//! of what else there is it says that it does not read it. It does not know where the file lies.

mod column;
mod footer;
mod levels;
mod page;
mod thrift;
mod value;

use std::io::{self, Read, Seek};

use crate::page::table::{MOST_COLUMNS, Table};

/// Why a table cannot be shown.
#[derive(Debug, thiserror::Error)]
pub(super) enum ParquetError {
    /// The file cannot be read.
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
    /// It is no Parquet, or was written wrongly.
    #[error("it is no whole Parquet file: {0}")]
    Damaged(&'static str),
    /// Something that this reader does not know.
    #[error("this page does not read {0}")]
    Unknown(String),
}

/// Reads the first `most` rows.
///
/// # Errors
/// When the file is damaged as a whole. A column that cannot be read is left empty, with a remark.
pub(super) fn read(file: &mut (impl Read + Seek), most: usize) -> Result<Table, ParquetError> {
    let footer = footer::read(file)?;
    let shown = footer.columns.len().min(MOST_COLUMNS);
    let wanted = usize::try_from(footer.rows).unwrap_or(usize::MAX).min(most);
    let mut rows = vec![Vec::with_capacity(shown); wanted];
    let mut remarks = Vec::new();
    for (position, column) in footer.columns.iter().take(shown).enumerate() {
        let mut cells = Vec::new();
        for group in &footer.groups {
            if cells.len() >= wanted {
                break;
            }
            let Some(chunk) = group.get(position) else {
                return Err(ParquetError::Damaged("a group of rows lacks a column"));
            };
            match column::read(file, column, chunk, wanted - cells.len()) {
                Ok(more) => cells.extend(more),
                Err(error) => {
                    remarks.push(format!("The column `{}` is not shown: {error}.", column.name));
                    break;
                }
            }
        }
        cells.resize(wanted, None);
        for (row, cell) in rows.iter_mut().zip(cells) {
            row.push(cell);
        }
    }
    let columns = footer.columns.iter().take(shown).map(|column| column.name.clone()).collect();
    Ok(Table { columns, rows, total: footer.rows, more_columns: footer.columns.len() - shown, remarks })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use proptest::prelude::*;

    /// Written by polars and by pyarrow; see `tests/golden/parquet.py`.
    const POLARS: &[u8] = include_bytes!("../../../tests/golden/polars.parquet");
    const ARROW: &[u8] = include_bytes!("../../../tests/golden/arrow.parquet");

    fn table(bytes: &[u8], most: usize) -> Table {
        read(&mut io::Cursor::new(bytes), most).unwrap()
    }

    /// The table as the script wrote it down beside each file.
    fn expected(text: &str) -> Vec<Vec<Option<String>>> {
        let rows: Vec<Vec<Option<String>>> = serde_json::from_str(text).unwrap();
        rows
    }

    #[test]
    fn tables_of_other_programs_are_read_as_they_wrote_them() {
        let files = [
            (POLARS, include_str!("../../../tests/golden/polars.json")),
            (ARROW, include_str!("../../../tests/golden/arrow.json")),
        ];
        for (bytes, text) in files {
            let mut expected = expected(text);
            let names = expected.remove(0);
            let found = table(bytes, 1_000);
            assert_eq!(found.remarks, [""; 0]);
            assert_eq!(found.columns.iter().map(|name| Some(name.clone())).collect::<Vec<_>>(), names);
            assert_eq!(found.total, expected.len() as u64);
            for (number, (found, expected)) in found.rows.iter().zip(&expected).enumerate() {
                assert_eq!(found, expected, "row {number}");
            }
            let few = table(bytes, 7);
            assert_eq!((few.rows.as_slice(), few.total), (&found.rows[..7], found.total));
        }
    }

    #[test]
    fn what_is_cut_short_is_refused() {
        for end in [0, 4, 11, POLARS.len() / 2, POLARS.len() - 1] {
            assert!(read(&mut io::Cursor::new(&POLARS[..end]), 10).is_err(), "{end}");
        }
    }

    proptest! {
        #[test]
        fn no_damage_makes_it_panic(
            changes in prop::collection::vec((0.0..1.0_f64, any::<u8>()), 1..8),
            tail in any::<bool>(),
            arrow in any::<bool>(),
        ) {
            let mut bytes = if arrow { ARROW } else { POLARS }.to_vec();
            for (place, byte) in changes {
                // Half of the damage goes to the footer, where the description is.
                let place = if tail { 0.8 + place * 0.2 } else { place };
                let at = ((bytes.len() - 1) as f64 * place) as usize;
                bytes[at] = byte;
            }
            let _ = read(&mut io::Cursor::new(bytes), 50);
        }
    }
}

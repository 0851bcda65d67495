//! Columns of text from a small CSV file with a header.
//!
//! It does not know what the columns mean.

use std::path::Path;

use polars::prelude::*;

#[derive(Debug, thiserror::Error)]
pub(crate) enum CsvError {
    #[error("cannot be read as CSV: {0}")]
    Read(PolarsError),
    #[error("no column `{wanted}`; there are {there}")]
    Column { wanted: String, there: String },
    #[error("row {row} has no `{column}`")]
    Cell { row: usize, column: String },
}

/// The named columns; lines that begin with `#` are comments.
pub(crate) fn columns<const N: usize>(path: &Path, names: [&str; N]) -> Result<[Vec<String>; N], CsvError> {
    let frame = CsvReadOptions::default()
        .with_has_header(true)
        .with_infer_schema_length(Some(0))
        .with_parse_options(CsvParseOptions::default().with_comment_prefix(Some("#")))
        .try_into_reader_with_file_path(Some(path.to_path_buf()))
        .and_then(SerReader::finish)
        .map_err(CsvError::Read)?;
    let mut columns = [(); N].map(|()| Vec::with_capacity(frame.height()));
    for (column, name) in columns.iter_mut().zip(names) {
        let there = || frame.get_column_names().iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ");
        let cells = frame.column(name).map_err(|_| CsvError::Column { wanted: name.to_owned(), there: there() })?;
        for (row, cell) in cells.str().map_err(CsvError::Read)?.iter().enumerate() {
            let cell = cell.ok_or_else(|| CsvError::Cell { row: row + 1, column: name.to_owned() })?;
            column.push(cell.to_owned());
        }
    }
    Ok(columns)
}

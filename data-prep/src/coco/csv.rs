//! Columns of text from a small CSV file with a header: cells between commas, in quotes where they hold one.
//!
//! Read by ourselves, so that what is wrong is told with its line.

use std::path::Path;

use crate::outside;

#[derive(Debug, thiserror::Error)]
pub(crate) enum CsvError {
    #[error("cannot be read as CSV: {0}")]
    Read(String),
    #[error("no column `{wanted}`; there are {there}{hint}")]
    Column { wanted: String, there: String, hint: &'static str },
    #[error("line {line} has {found} cells, and the header has {expected}; put a cell that holds a comma into quotes")]
    Ragged { line: usize, found: usize, expected: usize },
    #[error("line {0} begins a quotation that never ends")]
    Quote(usize),
    #[error("row {row} (line {line}) has no `{column}`")]
    Cell { row: usize, line: usize, column: String },
}

/// Cells of a line, and where it begins.
struct Row {
    line: usize,
    cells: Vec<String>,
}

/// The named columns; lines that begin with `#` are comments, and blank ones nothing.
pub(crate) fn columns<const N: usize>(path: &Path, names: [&str; N]) -> Result<[Vec<String>; N], CsvError> {
    let text = outside::text(path).map_err(CsvError::Read)?;
    let mut rows = rows(&text)?.into_iter();
    let header = rows.next().ok_or_else(|| CsvError::Read(format!("{}: it has no header", path.display())))?.cells;
    let mut positions = [0; N];
    for (position, name) in positions.iter_mut().zip(names) {
        let there = || header.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ");
        let hint = match header.as_slice() {
            [only] if only.contains([';', '\t']) => "; cells are separated by commas",
            _ => "",
        };
        *position = header.iter().position(|cell| cell == name).ok_or_else(|| CsvError::Column {
            wanted: name.to_owned(),
            there: there(),
            hint,
        })?;
    }
    let mut columns = [(); N].map(|()| Vec::new());
    for (row, Row { line, cells }) in rows.enumerate() {
        if cells.len() != header.len() {
            return Err(CsvError::Ragged { line, found: cells.len(), expected: header.len() });
        }
        for ((column, name), position) in columns.iter_mut().zip(names).zip(positions) {
            if cells[position].is_empty() {
                return Err(CsvError::Cell { row: row + 1, line, column: name.to_owned() });
            }
            column.push(cells[position].clone());
        }
    }
    Ok(columns)
}

fn rows(text: &str) -> Result<Vec<Row>, CsvError> {
    let mut rows = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((number, first)) = lines.next() {
        if first.trim().is_empty() || first.starts_with('#') {
            continue;
        }
        // A cell in quotes may hold the end of a line.
        let mut whole = first.to_owned();
        while whole.matches('"').count() % 2 == 1 {
            let (_, next) = lines.next().ok_or(CsvError::Quote(number + 1))?;
            whole.push('\n');
            whole.push_str(next);
        }
        rows.push(Row { line: number + 1, cells: cells(&whole) });
    }
    Ok(rows)
}

/// The cells of a line whose quotes are paired; two quotes in a quotation are one.
fn cells(line: &str) -> Vec<String> {
    let (mut cells, mut cell, mut quoted) = (Vec::new(), String::new(), false);
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                cell.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(std::mem::take(&mut cell)),
            other => cell.push(other),
        }
    }
    cells.push(cell);
    cells
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn read(text: &str) -> Result<[Vec<String>; 2], String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        fs_err::write(&path, text).unwrap();
        columns(&path, ["word", "colour"]).map_err(|error| error.to_string())
    }

    #[test]
    fn what_other_programs_write_is_read() {
        let text = "\u{feff}# made by hand\r\ncolour,note,word\r\n\r\ncrimson,\"a \"\"b\"\", c\",red\r\n \r\nnone,,\"light\nblue\"\r\n";
        let [words, colours] = read(text).unwrap();
        assert_eq!(words, ["red", "light\nblue"]);
        assert_eq!(colours, ["crimson", "none"]);
    }

    #[test]
    fn faults_are_told_with_their_line() {
        for (text, said) in [
            ("word,colour\nred,crimson,more\n", "line 2 has 3 cells, and the header has 2"),
            ("word,colour\n\nred\n", "line 3 has 1 cells"),
            ("word;colour\nred;crimson\n", "no column `word`; there are `word;colour`; cells are separated by commas"),
            ("red,crimson\n", "no column `word`; there are `red`, `crimson`"),
            ("word,colour\nred,\"crimson\n", "line 2 begins a quotation that never ends"),
            ("word,colour\n# none\nred,\n", "row 1 (line 3) has no `colour`"),
            ("", "it is empty"),
            ("# only this\n", "it has no header"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(said), "{text:?}: {error}");
        }
    }
}

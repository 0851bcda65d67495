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
    #[error(
        "line {line} has a quotation mark within the cell `{cell}`; put the whole cell into quotes, and each mark in it twice"
    )]
    Middle { line: usize, cell: String },
    #[error("it has two columns `{0}`; rename one")]
    Twice(String),
    #[error("row {row} (line {line}) has no `{column}`")]
    Cell { row: usize, line: usize, column: String },
}

/// Cells of a line, and where it begins.
pub(crate) struct Row {
    pub(crate) line: usize,
    pub(crate) cells: Vec<String>,
}

/// All of a file: every row has as many cells as the header.
pub(crate) struct Table {
    pub(crate) header: Vec<String>,
    pub(crate) rows: Vec<Row>,
}

impl Table {
    /// Lines that begin with `#` are comments; blank ones, and those without anything between commas, nothing.
    pub(crate) fn read(path: &Path) -> Result<Table, CsvError> {
        let text = outside::text(path).map_err(CsvError::Read)?;
        let mut rows = rows(&text)?.into_iter();
        let header = rows.next().ok_or_else(|| CsvError::Read(format!("{}: it has no header", path.display())))?.cells;
        if let Some((_, twice)) = header.iter().enumerate().find(|(at, name)| header[..*at].contains(name)) {
            return Err(CsvError::Twice(twice.clone()));
        }
        let rows: Vec<Row> = rows.filter(|row| row.cells.iter().any(|cell| !cell.trim().is_empty())).collect();
        match rows.iter().find(|row| row.cells.len() != header.len()) {
            Some(row) => Err(CsvError::Ragged { line: row.line, found: row.cells.len(), expected: header.len() }),
            None => Ok(Table { header, rows }),
        }
    }

    /// The place of a column.
    pub(crate) fn column(&self, name: &str) -> Result<usize, CsvError> {
        let there = || self.header.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ");
        let hint = match self.header.as_slice() {
            [only] if only.contains([';', '\t']) => "; cells are separated by commas",
            _ => "",
        };
        let found = self.header.iter().position(|cell| cell == name);
        found.ok_or_else(|| CsvError::Column { wanted: name.to_owned(), there: there(), hint })
    }
}

/// The named columns, none of whose cells is empty.
pub(crate) fn columns<const N: usize>(path: &Path, names: [&str; N]) -> Result<[Vec<String>; N], CsvError> {
    let table = Table::read(path)?;
    let mut positions = [0; N];
    for (position, name) in positions.iter_mut().zip(names) {
        *position = table.column(name)?;
    }
    let mut columns = [(); N].map(|()| Vec::new());
    for (row, Row { line, cells }) in table.rows.into_iter().enumerate() {
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
    let (mut rest, mut line) = (text, 1);
    while !rest.is_empty() {
        let end = rest.find('\n').map_or(rest.len(), |at| at + 1);
        let first = &rest[..end];
        if first.trim().is_empty() || first.starts_with('#') {
            rest = &rest[end..];
        } else {
            let begin = line;
            let (cells, length) = cells(rest, begin)?;
            line += rest[..length].matches('\n').count().saturating_sub(1);
            rows.push(Row { line: begin, cells });
            rest = &rest[length..];
        }
        line += 1;
    }
    Ok(rows)
}

/// The cells of the row that a text begins with, and its length. A cell in quotes may hold commas, ends of lines, and
/// quotation marks that stand twice.
fn cells(text: &str, line: usize) -> Result<(Vec<String>, usize), CsvError> {
    let mut cells = Vec::new();
    let mut at = 0;
    loop {
        let rest = &text[at..];
        let cell = if let Some(quoted) = rest.strip_prefix('"') {
            let (cell, length) = quotation(quoted).ok_or(CsvError::Quote(line))?;
            at += 1 + length;
            cell
        } else {
            let length = rest.find([',', '\n']).unwrap_or(rest.len());
            at += length;
            let cell = rest[..length].strip_suffix('\r').unwrap_or(&rest[..length]);
            if cell.contains('"') {
                return Err(CsvError::Middle { line, cell: cell.to_owned() });
            }
            cell.to_owned()
        };
        cells.push(cell);
        let rest = &text[at..];
        match rest.strip_prefix("\r\n").or_else(|| rest.strip_prefix('\n')) {
            Some(behind) => return Ok((cells, text.len() - behind.len())),
            None if rest.is_empty() || rest == "\r" => return Ok((cells, text.len())),
            None if rest.starts_with(',') => at += 1,
            None => {
                let cell = cells.pop().unwrap_or_default();
                return Err(CsvError::Middle { line, cell });
            }
        }
    }
}

/// What stands up to the closing mark, and the length with it.
fn quotation(text: &str) -> Option<(String, usize)> {
    let mut cell = String::new();
    let mut at = 0;
    loop {
        let end = at + text[at..].find('"')?;
        cell.push_str(&text[at..end]);
        if !text[end + 1..].starts_with('"') {
            return Some((cell, end + 1));
        }
        cell.push('"');
        at = end + 2;
    }
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
        let text = "\u{feff}# made by hand\r\ncolour,note,word\r\n\r\n,,\r\ncrimson,\"a \"\"b\"\", c\",red\r\n \r\nnone,,\"light\nblue\"\r\n";
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
            ("word,colour\n5\" disk,crimson\n", "line 2 has a quotation mark within the cell `5\" disk`"),
            ("word,colour\n\"a\nb\",c\n\"red\" one,crimson\n", "line 4 has a quotation mark within the cell `red`"),
            ("word,word\na,b\n", "it has two columns `word`"),
            ("", "it is empty"),
            ("# only this\n", "it has no header"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(said), "{text:?}: {error}");
        }
    }
}

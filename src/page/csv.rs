//! The beginning of a table in CSV (RFC 4180), read in one pass with little memory.

use std::io::{self, BufRead};

use crate::page::table::{MOST_COLUMNS, Table};

/// Most bytes that are kept of a cell.
const MOST_BYTES: usize = 2_000;

/// Reads a text whose first line names the columns: the first `most` rows, and the number of all.
///
/// # Errors
/// When the text cannot be read.
pub(super) fn read(text: &mut dyn BufRead, separator: u8, most: usize) -> io::Result<Table> {
    let mut reader = Reader {
        separator,
        most,
        rows: Vec::new(),
        row: Vec::new(),
        cell: Vec::new(),
        state: State::Start,
        count: 0,
        widest: 0,
        cells: 0,
    };
    // The mark with which some programs begin a text in UTF-8.
    const MARK: &[u8] = b"\xef\xbb\xbf";
    if text.fill_buf()?.starts_with(MARK) {
        text.consume(MARK.len());
    }
    loop {
        let bytes = text.fill_buf()?;
        if bytes.is_empty() {
            break;
        }
        bytes.iter().for_each(|byte| reader.take(*byte));
        let count = bytes.len();
        text.consume(count);
    }
    Ok(reader.end())
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    /// At the beginning of a cell.
    Start,
    Bare,
    Quoted,
    /// After a quote within a quoted cell: its end, or the first of two.
    Quote,
}

struct Reader {
    separator: u8,
    most: usize,
    rows: Vec<Vec<String>>,
    row: Vec<String>,
    cell: Vec<u8>,
    state: State,
    /// Rows so far, the names included.
    count: u64,
    widest: usize,
    /// Cells of the present row so far.
    cells: usize,
}

impl Reader {
    fn take(&mut self, byte: u8) {
        match (self.state, byte) {
            (State::Quoted, b'"') => self.state = State::Quote,
            // A line end within a cell is one, whatever the system that wrote it.
            (State::Quoted, b'\r') => {}
            (State::Quoted, _) => self.keep(byte),
            (State::Start, b'"') => self.state = State::Quoted,
            (State::Quote, b'"') => {
                self.keep(b'"');
                self.state = State::Quoted;
            }
            (_, b'\n') => self.end_row(),
            (_, byte) if byte == self.separator => self.end_cell(),
            (_, b'\r') => {}
            _ => {
                self.keep(byte);
                self.state = State::Bare;
            }
        }
    }

    fn keep(&mut self, byte: u8) {
        if self.cell.len() < MOST_BYTES {
            self.cell.push(byte);
        }
    }

    fn end_cell(&mut self) {
        if self.rows.len() <= self.most && self.row.len() < MOST_COLUMNS {
            let text = String::from_utf8_lossy(&self.cell);
            self.row.push(text.into_owned());
        }
        self.cells += 1;
        self.cell.clear();
        self.state = State::Start;
    }

    fn end_row(&mut self) {
        // An empty line is no row.
        let is_empty = self.cells == 0 && self.cell.is_empty() && self.state == State::Start;
        if is_empty {
            return;
        }
        self.end_cell();
        self.widest = self.widest.max(self.cells);
        let row = std::mem::take(&mut self.row);
        if self.rows.len() <= self.most {
            self.rows.push(row);
        }
        self.count += 1;
        self.cells = 0;
    }

    fn end(mut self) -> Table {
        self.end_row();
        let mut rows = self.rows.into_iter();
        let mut columns = rows.next().unwrap_or_default();
        let rows: Vec<Vec<Option<String>>> =
            rows.map(|row| row.into_iter().map(|cell| Some(cell).filter(|cell| !cell.is_empty())).collect()).collect();
        let shown = self.widest.min(MOST_COLUMNS);
        columns.resize(shown, String::new());
        Table {
            columns,
            rows,
            total: self.count.saturating_sub(1),
            more_columns: self.widest - shown,
            remarks: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn table(text: &str, most: usize) -> Table {
        read(&mut text.as_bytes(), b',', most).unwrap()
    }

    #[test]
    fn quotes_line_ends_and_uneven_rows() {
        let found = table("\u{feff}\"a,e\",\"b \"\"c\"\"\",d\r\n1,\"x,\r\ny\",\r\n\r\n2,z,3,4\n5", 10);
        assert_eq!(found.columns, ["a,e", "b \"c\"", "d", ""]);
        let cells = |row: usize| found.rows[row].iter().map(|cell| cell.as_deref().unwrap_or("-")).collect::<Vec<_>>();
        assert_eq!((cells(0), cells(1), cells(2)), (vec!["1", "x,\ny", "-"], vec!["2", "z", "3", "4"], vec!["5"]));
        assert_eq!(found.total, 3);
    }

    #[test]
    fn only_the_first_rows_columns_and_letters_are_kept() {
        let text = format!("a,b\n{}{},\"open", "1,2\n".repeat(1_000), "x".repeat(10_000));
        let found = table(&text, 5);
        assert_eq!((found.rows.len(), found.total), (5, 1_001));
        let wide = table(&format!("{}\n{}\n", "n,".repeat(99), "x".repeat(9_999)), 5);
        assert_eq!((wide.columns.len(), wide.more_columns), (MOST_COLUMNS, 100 - MOST_COLUMNS));
        assert_eq!(wide.rows[0][0].as_ref().map(String::len), Some(MOST_BYTES));
        assert_eq!(table("", 5), Table::default());
    }
}

//! Reads tables and checks that they have what is needed of them; writes a table as CSV and Parquet.

use std::io::Cursor;
use std::path::Path;

use nnf_contract::unusable;
use nnf_results::table;
use polars::prelude::*;

use crate::error::ReportError;
use crate::supernets::LABEL;

fn unfit(path: &Path, why: impl std::fmt::Display) -> ReportError {
    ReportError::Unfit { path: path.display().to_string(), why: why.to_string() }
}

/// A Parquet table with at least these columns and a row.
pub(crate) fn parquet(path: &Path, columns: &[&str]) -> Result<DataFrame, ReportError> {
    let frame = table::read(path).map_err(|e| unfit(path, e))?;
    checked(frame, path, columns)
}

/// A CSV table with a header, at least these columns and a row. Blank lines count for nothing.
pub(crate) fn csv(path: &Path, columns: &[&str]) -> Result<DataFrame, ReportError> {
    let bytes = fs_err::read(path)?;
    if let Some(why) = unusable(&bytes) {
        return Err(unfit(path, why));
    }
    let text = String::from_utf8(bytes).map_err(|_| unfit(path, "it is no UTF-8; save it as UTF-8"))?;
    let lines = whole_lines(text.trim_start_matches('\u{feff}')).map_err(|why| unfit(path, why))?;
    let frame = CsvReader::new(Cursor::new(lines)).finish().map_err(|e| unfit(path, e))?;
    checked(frame, path, columns)
}

/// The lines that are not blank, each with as many cells as the first; a cell in quotes may go on in the next line.
fn whole_lines(text: &str) -> Result<String, String> {
    let mut kept = String::new();
    let (mut quoted, mut commas, mut begin, mut expected) = (false, 0, 0, None);
    for (number, line) in text.lines().enumerate() {
        if !quoted {
            if line.trim().is_empty() {
                continue;
            }
            (commas, begin) = (0, number + 1);
        }
        for character in line.chars() {
            quoted ^= character == '"';
            commas += usize::from(character == ',' && !quoted);
        }
        kept.push_str(line);
        kept.push('\n');
        let expected = *expected.get_or_insert(commas);
        if !quoted && commas != expected {
            let (found, expected) = (commas + 1, expected + 1);
            return Err(format!(
                "line {begin} has {found} cells, and the header has {expected}; put a cell that holds a comma into quotes"
            ));
        }
    }
    if quoted { Err(format!("line {begin} begins a quotation that never ends")) } else { Ok(kept) }
}

fn checked(frame: DataFrame, path: &Path, columns: &[&str]) -> Result<DataFrame, ReportError> {
    let has: Vec<&str> = frame.get_column_names().into_iter().map(|name| name.as_str()).collect();
    if let Some(missing) = columns.iter().find(|column| !has.contains(*column)) {
        return Err(unfit(path, format!("it has no column `{missing}`; its columns are {}", has.join(", "))));
    }
    if frame.height() == 0 {
        return Err(unfit(path, "it has no rows"));
    }
    Ok(frame)
}

/// A table to read, with the label that it gets in a column `label`, if any.
pub(crate) struct Source<'a> {
    pub(crate) path: &'a Path,
    pub(crate) label: Option<String>,
}

/// The columns of some tables, one table below the other. Optional columns are empty where a table has none.
pub(crate) fn together<'a>(
    sources: impl IntoIterator<Item = Source<'a>>,
    columns: &[&str],
    optional: &[(&str, DataType)],
) -> Result<DataFrame, ReportError> {
    let mut all: Option<DataFrame> = None;
    for Source { path, label } in sources {
        let whole = parquet(path, columns)?;
        let mut frame = whole.select(columns.iter().copied())?;
        for (name, kind) in optional {
            let column = match whole.column(name) {
                Ok(column) => column.cast(kind).map_err(|e| unfit(path, e))?,
                Err(_) => Column::full_null((*name).into(), whole.height(), kind),
            };
            frame.with_column(column)?;
        }
        if let Some(label) = label {
            frame.insert_column(0, Column::new(LABEL.into(), vec![label; whole.height()]))?;
        }
        match &mut all {
            None => all = Some(frame),
            Some(all) => {
                all.vstack_mut(&frame).map_err(|e| unfit(path, format!("it differs from the table before: {e}")))?;
            }
        }
    }
    all.ok_or_else(|| ReportError::Misfit("there is no table to report".into()))
}

/// Writes both forms.
pub(crate) fn write(frame: &mut DataFrame, csv: &Path, parquet: &Path) -> Result<(), ReportError> {
    let file = fs_err::File::create(csv)?;
    CsvWriter::new(file.into_file()).finish(frame)?;
    Ok(table::write(frame.clone(), parquet)?)
}

/// Whether there is such a column.
pub(crate) fn has(frame: &DataFrame, name: &str) -> bool {
    frame.column(name).is_ok()
}

/// Numbers of a column; what is no number there is `None`.
pub(crate) fn numbers(frame: &DataFrame, name: &str) -> Result<Vec<Option<f64>>, ReportError> {
    let column = frame.column(name)?.cast(&DataType::Float64)?;
    Ok(column.f64()?.iter().collect())
}

/// Numbers of a column; none if there is no such column.
pub(crate) fn optional_numbers(frame: &DataFrame, name: &str) -> Result<Vec<Option<f64>>, ReportError> {
    if has(frame, name) { numbers(frame, name) } else { Ok(vec![None; frame.height()]) }
}

/// Words of a column; none if there is no such column.
pub(crate) fn optional_words(frame: &DataFrame, name: &str) -> Result<Vec<Option<String>>, ReportError> {
    if !has(frame, name) {
        return Ok(vec![None; frame.height()]);
    }
    let column = frame.column(name)?.cast(&DataType::String)?;
    Ok(column.str()?.iter().map(|word| word.map(str::to_owned)).collect())
}

/// Numbers of a column that must all be there.
pub(crate) fn all_numbers(frame: &DataFrame, name: &str) -> Result<Vec<f64>, ReportError> {
    whole(numbers(frame, name)?, name)
}

/// All values, of a column in which none may be missing.
fn whole<T>(found: Vec<Option<T>>, name: &str) -> Result<Vec<T>, ReportError> {
    let value = |(row, value): (usize, Option<T>)| {
        value.ok_or_else(|| ReportError::Misfit(format!("row {} has no `{name}`", row + 1)))
    };
    found.into_iter().enumerate().map(value).collect()
}

/// Words of a column that must all be there.
pub(crate) fn words(frame: &DataFrame, name: &str) -> Result<Vec<String>, ReportError> {
    let column = frame.column(name)?.cast(&DataType::String)?;
    whole(column.str()?.iter().map(|word| word.map(str::to_owned)).collect(), name)
}

/// Yes or no of a column, which must all be there.
pub(crate) fn flags(frame: &DataFrame, name: &str) -> Result<Vec<bool>, ReportError> {
    whole(frame.column(name)?.bool()?.iter().collect(), name)
}

/// Different words in the order of their first appearance.
pub(crate) fn distinct(words: &[String]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for word in words {
        if !found.contains(word) {
            found.push(word.clone());
        }
    }
    found
}

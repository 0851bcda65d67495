//! The table of photos: a row for a photo or a folder of photos, with its attributes.
//!
//! It does not look whether they are there.

use std::collections::BTreeMap;
use std::path::Path;

use crate::csv::{CsvError, Row as Line, Table};
use crate::images::split::Split;

#[derive(Debug, thiserror::Error)]
pub(crate) enum ManifestError {
    #[error("{0}")]
    Csv(#[from] CsvError),
    #[error("it has no rows")]
    Empty,
    #[error("it has no column of an attribute; add one beside `{0}`, such as `class`")]
    NoAttributes(String),
    #[error("`attributes` names `{0}`, which is the column of {1}")]
    Taken(String, &'static str),
    #[error("a column has no name; name it, or leave it out by `attributes`")]
    Nameless,
    #[error(
        "line {line}: the path `{path}` {why}; write it as it lies within the folder of photos, such as `dogs/rex.jpg`"
    )]
    Path { line: usize, path: String, why: &'static str },
    #[error("line {line}: `{path}` stands in line {first} too; keep one row")]
    Twice { line: usize, path: String, first: usize },
    #[error("line {line}: the split `{found}` is none of `train`, `validation` and `test`{hint}")]
    Split { line: usize, found: String, hint: &'static str },
    #[error("line {line}: `{found}` is no box; write left, top, width and height in pixels, with spaces between them")]
    Part { line: usize, found: String },
    #[error("line {line}: the {what} `{text}` {why}")]
    Text { line: usize, what: String, text: String, why: &'static str },
}

/// Names of columns.
#[derive(Clone, Copy)]
pub(crate) struct Columns<'a> {
    pub(crate) file: &'a str,
    pub(crate) split: &'a str,
    pub(crate) group: &'a str,
    pub(crate) part: &'a str,
    /// All others if empty.
    pub(crate) attributes: &'a [String],
    pub(crate) separator: &'a str,
}

/// The table.
#[derive(Debug)]
pub(crate) struct Manifest {
    pub(crate) attributes: Vec<String>,
    pub(crate) rows: Vec<Row>,
}

/// What is told of a photo, or of all photos in a folder.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) line: usize,
    /// With `/` between folders; empty for the folder of photos itself.
    pub(crate) path: String,
    /// For each attribute its values: none, one, or several.
    pub(crate) values: Vec<Vec<String>>,
    pub(crate) split: Option<Split>,
    pub(crate) group: Option<String>,
    /// The part of the photo that is meant; else all of it.
    pub(crate) part: Option<Part>,
}

/// Left, top, width and height in pixels of a photo as it is shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Part(pub(crate) [f64; 4]);

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Part([left, top, width, height]) = self;
        write!(f, "{left} {top} {width} {height}")
    }
}

impl Manifest {
    pub(crate) fn read(path: &Path, columns: &Columns<'_>) -> Result<Self, ManifestError> {
        let table = Table::read(path)?;
        let file = table.column(columns.file)?;
        // A column that the pipeline names has to be there; one of the usual name may be.
        let own = |name: &str, usual: &str| match table.column(name) {
            Err(error) if name != usual => Err(error),
            found => Ok(found.ok().filter(|at| *at != file)),
        };
        let (split, group) = (own(columns.split, "split")?, own(columns.group, "group")?);
        let part = own(columns.part, "box")?;
        let attributes = attributes(&table, columns)?;
        let names = attributes.iter().map(|at| table.header[*at].clone()).collect();
        let mut rows = Vec::with_capacity(table.rows.len());
        let mut first: BTreeMap<(String, Option<String>), usize> = BTreeMap::new();
        for line in &table.rows {
            let row = Row {
                line: line.line,
                path: within(&line.cells[file]).map_err(|why| ManifestError::Path {
                    line: line.line,
                    path: line.cells[file].clone(),
                    why,
                })?,
                values: attributes
                    .iter()
                    .map(|at| values(line, *at, &table, columns.separator))
                    .collect::<Result<_, _>>()?,
                split: split.map_or(Ok(None), |at| split_of(line, at))?,
                part: part.map_or(Ok(None), |at| part_of(line, at))?,
                group: group.and_then(|at| Some(line.cells[at].trim().to_owned()).filter(|group| !group.is_empty())),
            };
            let what = (row.path.clone(), row.part.map(|part| part.to_string()));
            if let Some(first) = first.insert(what, row.line) {
                return Err(ManifestError::Twice { line: row.line, path: line.cells[file].clone(), first });
            }
            rows.push(row);
        }
        if rows.is_empty() { Err(ManifestError::Empty) } else { Ok(Manifest { attributes: names, rows }) }
    }
}

/// Places of the columns of attributes.
fn attributes(table: &Table, columns: &Columns<'_>) -> Result<Vec<usize>, ManifestError> {
    let special =
        [(columns.file, "files"), (columns.split, "splits"), (columns.group, "groups"), (columns.part, "boxes")];
    let taken = |name: &str| special.iter().find(|(own, _)| *own == name).map(|(_, what)| *what);
    let mut places = Vec::new();
    if columns.attributes.is_empty() {
        places.extend((0..table.header.len()).filter(|at| taken(&table.header[*at]).is_none()));
    }
    for name in columns.attributes {
        if let Some(what) = taken(name) {
            return Err(ManifestError::Taken(name.clone(), what));
        }
        places.push(table.column(name)?);
    }
    for at in &places {
        let name = &table.header[*at];
        if name.trim().is_empty() {
            return Err(ManifestError::Nameless);
        }
        if let Some(why) = unfit(name) {
            return Err(ManifestError::Text { line: 1, what: "name of a column".into(), text: name.clone(), why });
        }
    }
    if places.is_empty() { Err(ManifestError::NoAttributes(columns.file.to_owned())) } else { Ok(places) }
}

/// The values of a cell: each once, none empty.
fn values(line: &Line, at: usize, table: &Table, separator: &str) -> Result<Vec<String>, ManifestError> {
    let cell = line.cells[at].as_str();
    let parts: Vec<&str> = if separator.is_empty() { vec![cell] } else { cell.split(separator).collect() };
    let mut values: Vec<String> = Vec::new();
    for value in parts.into_iter().map(str::trim).filter(|value| !value.is_empty()) {
        if let Some(why) = unfit(value) {
            let what = format!("value of `{}`", table.header[at]);
            return Err(ManifestError::Text { line: line.line, what, text: value.to_owned(), why });
        }
        if !values.iter().any(|own| own == value) {
            values.push(value.to_owned());
        }
    }
    values.sort_unstable();
    Ok(values)
}

/// What tasks could not name.
fn unfit(text: &str) -> Option<&'static str> {
    match () {
        () if text.contains('"') => Some("has a quotation mark, by which tasks could not name it; leave the mark out"),
        () if text.contains(';') => Some("has a semicolon, which stands between values; use another sign"),
        () if text.chars().any(char::is_control) => {
            Some("has a control character, such as the end of a line; leave it out")
        }
        () if text.chars().count() > 100 => {
            Some("is longer than 100 letters; is it a description? Then leave its column out by `attributes`")
        }
        () => None,
    }
}

fn split_of(line: &Line, at: usize) -> Result<Option<Split>, ManifestError> {
    let word = line.cells[at].trim();
    if word.is_empty() {
        return Ok(None);
    }
    let hint = match word.to_lowercase().as_str() {
        "train" | "training" => "; write `train`",
        "val" | "valid" | "dev" | "validation" => "; write `validation`",
        "test" | "testing" | "eval" => "; write `test`",
        _ => "; leave the cell empty to have one chosen",
    };
    let unknown = || ManifestError::Split { line: line.line, found: word.to_owned(), hint };
    Split::named(word).ok_or_else(unknown).map(Some)
}

fn part_of(line: &Line, at: usize) -> Result<Option<Part>, ManifestError> {
    let text = line.cells[at].trim();
    if text.is_empty() {
        return Ok(None);
    }
    let numbers: Option<Vec<f64>> =
        text.split_whitespace().map(|number| number.parse().ok().filter(|number: &f64| number.is_finite())).collect();
    let numbers = numbers.and_then(|numbers| <[f64; 4]>::try_from(numbers).ok());
    match numbers.filter(|[_, _, width, height]| *width > 0.0 && *height > 0.0) {
        Some(numbers) => Ok(Some(Part(numbers))),
        None => Err(ManifestError::Part { line: line.line, found: text.to_owned() }),
    }
}

/// A path in one form, if it stays within its folder.
fn within(path: &str) -> Result<String, &'static str> {
    let path = path.trim();
    let drive = path.as_bytes().get(1) == Some(&b':') && path.as_bytes()[0].is_ascii_alphabetic();
    match () {
        () if path.is_empty() => return Err("is empty"),
        () if path.starts_with('/') || path.starts_with('\\') || drive => return Err("is absolute"),
        () if path.chars().any(char::is_control) => return Err("has a control character"),
        () if path.contains("://") => return Err("is an address"),
        () => {}
    }
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if parts.contains(&"..") || path.split('\\').any(|part| part == "..") {
        return Err("leads out of the folder by `..`");
    }
    Ok(parts.join("/"))
}

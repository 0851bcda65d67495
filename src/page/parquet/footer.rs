//! The footer: columns, groups of rows, and where the parts of each column lie.
//!
//! It does not know how values are written.

use std::io::{Read, Seek, SeekFrom};

use crate::page::parquet::ParquetError;
use crate::page::parquet::thrift::{self, Value};
use crate::page::parquet::value::{Meaning, Physical};

/// Longest footer that is read, and deepest nesting of columns.
const MAX_FOOTER: u64 = 16 << 20;
const MAX_DEPTH: usize = 32;

/// A column that holds values.
#[derive(Debug)]
pub(super) struct Column {
    /// Its path, with dots.
    pub(super) name: String,
    pub(super) physical: Physical,
    pub(super) meaning: Meaning,
    /// Level at which a value is there.
    pub(super) definition: u32,
    /// Levels of lists around it.
    pub(super) repetition: u32,
    /// Level from which the innermost list has an element.
    pub(super) element: u32,
}

/// The part of a column in a group of rows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chunk {
    pub(super) start: u64,
    pub(super) length: u64,
    pub(super) codec: i64,
    /// Values, those that are not there included.
    pub(super) values: u64,
}

/// What the footer says.
#[derive(Debug)]
pub(super) struct Footer {
    pub(super) columns: Vec<Column>,
    /// For each group of rows the parts of all columns.
    pub(super) groups: Vec<Vec<Chunk>>,
    pub(super) rows: u64,
}

/// Reads the footer of a file.
pub(super) fn read(file: &mut (impl Read + Seek)) -> Result<Footer, ParquetError> {
    let size = file.seek(SeekFrom::End(0))?;
    if size < 12 {
        return Err(ParquetError::Damaged("it is too short"));
    }
    let mut end = [0; 8];
    file.seek(SeekFrom::Start(size - 8))?;
    file.read_exact(&mut end)?;
    let [a, b, c, d, magic @ ..] = end;
    if &magic == b"PARE" {
        return Err(ParquetError::Unknown("encrypted files".into()));
    }
    let length = u64::from(u32::from_le_bytes([a, b, c, d]));
    if &magic != b"PAR1" || length > (size - 12).min(MAX_FOOTER) {
        return Err(ParquetError::Damaged("its end is not that of Parquet"));
    }
    let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
    file.seek(SeekFrom::Start(size - 8 - length))?;
    file.read_exact(&mut bytes)?;
    let (document, _) = thrift::read(&bytes)?;
    let columns = columns(document.list(2))?;
    let groups = document.list(4).iter().map(|group| group.list(1).iter().map(chunk).collect());
    let groups: Vec<Vec<Chunk>> = groups.collect::<Result<_, _>>()?;
    let rows = document.int(3).and_then(|rows| u64::try_from(rows).ok());
    let rows = rows.ok_or(ParquetError::Damaged("it does not say how many rows it has"))?;
    Ok(Footer { columns, groups, rows })
}

/// The leaves of the tree of columns, which stands as a list, parents first.
fn columns(elements: &[Value<'_>]) -> Result<Vec<Column>, ParquetError> {
    let mut columns = Vec::new();
    let mut rest = elements.iter();
    let root = rest.next().ok_or(ParquetError::Damaged("it has no columns"))?;
    let around = Around::default();
    walk(&mut rest, root.size(5).unwrap_or(0), &around, &mut columns)?;
    Ok(columns)
}

/// What surrounds a column.
#[derive(Clone, Default)]
struct Around {
    path: Vec<String>,
    definition: u32,
    repetition: u32,
    element: u32,
}

fn walk(
    rest: &mut std::slice::Iter<'_, Value<'_>>,
    count: usize,
    around: &Around,
    columns: &mut Vec<Column>,
) -> Result<(), ParquetError> {
    if around.path.len() > MAX_DEPTH {
        return Err(ParquetError::Damaged("its columns are nested too deeply"));
    }
    for _ in 0..count {
        let element = rest.next().ok_or(ParquetError::Damaged("its list of columns is cut short"))?;
        let mut inside = around.clone();
        inside.path.push(element.text(4).unwrap_or_default());
        match element.int(3) {
            Some(1) => inside.definition += 1,
            Some(2) => {
                inside.definition += 1;
                inside.repetition += 1;
                inside.element = inside.definition;
            }
            _ => {}
        }
        match element.size(5) {
            Some(children) if children > 0 => walk(rest, children, &inside, columns)?,
            _ => columns.push(Column {
                name: name(&inside.path),
                physical: Physical::new(element)?,
                meaning: Meaning::new(element),
                definition: inside.definition,
                repetition: inside.repetition,
                element: inside.element,
            }),
        }
    }
    Ok(())
}

/// A path without the two steps that every list has inside.
fn name(path: &[String]) -> String {
    match path {
        [outer @ .., list, item] if list == "list" && (item == "element" || item == "item") && !outer.is_empty() => {
            name(outer)
        }
        path => path.join("."),
    }
}

fn chunk(chunk: &Value<'_>) -> Result<Chunk, ParquetError> {
    let damaged = || ParquetError::Damaged("it does not say where a column lies");
    let data = chunk.get(3).ok_or_else(damaged)?;
    let place = |field: i64| data.int(field).and_then(|value| u64::try_from(value).ok());
    let first = place(9).ok_or_else(damaged)?;
    let dictionary = place(11).filter(|place| *place > 0);
    Ok(Chunk {
        start: dictionary.map_or(first, |place| place.min(first)),
        length: place(7).ok_or_else(damaged)?,
        codec: data.int(4).unwrap_or(0),
        values: place(5).unwrap_or(0),
    })
}

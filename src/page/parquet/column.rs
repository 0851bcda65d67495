//! The cells of a column, page by page.
//!
//! It does not know the other columns.

use std::io::{Read, Seek};
use std::rc::Rc;

use crate::page::parquet::footer::{Chunk, Column};
use crate::page::parquet::page::{self, Data, Page};
use crate::page::parquet::value::{self, Physical};
use crate::page::parquet::{ParquetError, levels};

/// Most values of a page of lists.
const MOST_VALUES: usize = 4_000_000;
/// Most elements of a list that are shown.
const MOST_ELEMENTS: usize = 40;

/// The first `most` cells of a part of a column.
pub(super) fn read(
    file: &mut (impl Read + Seek),
    column: &Column,
    chunk: &Chunk,
    most: usize,
) -> Result<Vec<Option<String>>, ParquetError> {
    let mut cells = Cells { column, most, done: Vec::new(), list: None };
    let mut dictionary = Vec::new();
    let (mut at, end) = (chunk.start, chunk.start.saturating_add(chunk.length));
    let mut seen = 0;
    while at < end && seen < chunk.values && !cells.is_full() {
        let (found, next) = page::read(file, chunk, at)?;
        at = next;
        match found {
            Page::Dictionary { bytes, count } => {
                dictionary = value::plain(&bytes, column.physical, column.meaning, count)?;
            }
            Page::Data(data) => {
                seen += data.count as u64;
                cells.take(&data, &dictionary)?;
            }
            Page::Other => {}
        }
    }
    Ok(cells.end())
}

struct Cells<'a> {
    column: &'a Column,
    most: usize,
    done: Vec<Option<String>>,
    /// The list that is being read, and how many elements it has.
    list: Option<(Option<Vec<Rc<str>>>, usize)>,
}

impl Cells<'_> {
    fn is_full(&self) -> bool {
        self.done.len() >= self.most
    }

    fn take(&mut self, data: &Data, dictionary: &[Rc<str>]) -> Result<(), ParquetError> {
        let column = self.column;
        let mut rest = data.bytes.as_slice();
        let lengths = data.levels.map_or((None, None), |(first, second)| (Some(first), Some(second)));
        // Of a flat column no more than what is wanted.
        let count = if column.repetition == 0 { data.count.min(self.most - self.done.len()) } else { data.count };
        if count > MOST_VALUES {
            return Err(ParquetError::Unknown("lists of millions of values".into()));
        }
        let repetitions = part(&mut rest, column.repetition, lengths.0, count)?;
        let definitions = part(&mut rest, column.definition, lengths.1, count)?;
        let there = match &definitions {
            None => count,
            Some(levels) => levels.iter().filter(|level| **level == column.definition).count(),
        };
        let mut values = self.values(rest, data, there, dictionary)?.into_iter();
        for place in 0..count {
            let repetition = repetitions.as_ref().map_or(0, |levels| levels[place]);
            let definition = definitions.as_ref().map_or(column.definition, |levels| levels[place]);
            let value = if definition == column.definition { values.next() } else { None };
            self.add(repetition, definition, value);
            if self.is_full() {
                break;
            }
        }
        Ok(())
    }

    fn values(
        &self,
        bytes: &[u8],
        data: &Data,
        count: usize,
        dictionary: &[Rc<str>],
    ) -> Result<Vec<Rc<str>>, ParquetError> {
        let Column { physical, meaning, .. } = *self.column;
        match data.encoding {
            0 => value::plain(bytes, physical, meaning, count),
            2 | 8 => {
                if count == 0 {
                    return Ok(Vec::new());
                }
                let (bits, rest) = bytes.split_first().ok_or(ParquetError::Damaged("values are cut short"))?;
                let places = levels::read(rest, u32::from(*bits), count)?;
                let value = |place: u32| dictionary.get(place as usize).cloned();
                let values: Option<Vec<Rc<str>>> = places.into_iter().map(value).collect();
                values.ok_or(ParquetError::Damaged("a value is not in the dictionary"))
            }
            3 if physical == Physical::Bool => {
                let mut rest = bytes;
                let truths = part(&mut rest, 1, None, count)?.unwrap_or_default();
                Ok(truths.into_iter().map(|truth| if truth == 1 { "true" } else { "false" }.into()).collect())
            }
            other => Err(unknown(other)),
        }
    }

    /// One value with its levels: a cell, or an element of one.
    fn add(&mut self, repetition: u32, definition: u32, value: Option<Rc<str>>) {
        let column = self.column;
        if column.repetition == 0 {
            self.done.push(value.map(|value| value.to_string()));
            return;
        }
        if repetition == 0 {
            self.end_list();
            // One level below an element the list is there and empty, and below that there is none.
            let list = (definition + 1 >= column.element).then(Vec::new);
            self.list = Some((list, 0));
        }
        if definition >= column.element
            && let Some((Some(list), count)) = &mut self.list
        {
            *count += 1;
            if list.len() < MOST_ELEMENTS {
                list.push(value.unwrap_or_else(|| "null".into()));
            }
        }
    }

    fn end_list(&mut self) {
        if let Some((list, count)) = self.list.take() {
            self.done.push(list.map(|list| {
                let more = if count > list.len() { format!(", … ({count} in all)") } else { String::new() };
                format!("[{}{more}]", list.join(", "))
            }));
        }
    }

    fn end(mut self) -> Vec<Option<String>> {
        if !self.is_full() {
            self.end_list();
        }
        self.done
    }
}

/// An encoding that is not read.
fn unknown(encoding: i64) -> ParquetError {
    let name = match encoding {
        4 => "BIT_PACKED".to_owned(),
        5 => "DELTA_BINARY_PACKED".into(),
        6 => "DELTA_LENGTH_BYTE_ARRAY".into(),
        7 => "DELTA_BYTE_ARRAY".into(),
        9 => "BYTE_STREAM_SPLIT".into(),
        other => other.to_string(),
    };
    ParquetError::Unknown(format!("the encoding {name}"))
}

/// Levels up to `highest`, which stand before the values; none where there is nothing to tell apart.
fn part(rest: &mut &[u8], highest: u32, length: Option<usize>, count: usize) -> Result<Option<Vec<u32>>, ParquetError> {
    let short = || ParquetError::Damaged("levels are cut short");
    if highest == 0 {
        return Ok(None);
    }
    let length = match length {
        Some(length) => length,
        None => {
            let (head, after) = rest.split_first_chunk::<4>().ok_or_else(short)?;
            *rest = after;
            u32::from_le_bytes(*head) as usize
        }
    };
    let (bytes, after) = rest.split_at_checked(length).ok_or_else(short)?;
    *rest = after;
    let found = levels::read(bytes, u32::BITS - highest.leading_zeros(), count)?;
    Ok(Some(found))
}

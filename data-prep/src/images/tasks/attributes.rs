//! The photos' attributes, as `images.import` writes them: values with numbers, and photos by what they have.
//!
//! Photos of the same values are one *combination*: whether a task's answer is yes is a matter of combinations alone.

use std::collections::BTreeMap;
use std::path::Path;

use polars::prelude::*;

use crate::images::split::Split;

/// An attribute with more values is a name or a number, and no task can be made of it.
const MOST_VALUES: usize = 2000;

#[derive(Debug, thiserror::Error)]
pub(crate) enum AttributesError {
    #[error("it is no table of `images.import` ({0}); give its output `table`")]
    Table(String),
    #[error("it has no photos")]
    Empty,
    #[error(
        "its attributes have {0} values, more than {MOST_VALUES}: is one of them a name or a number of each photo? Leave that \
         out by `attributes` of `images.import`"
    )]
    Many(usize),
}

/// A value of an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AttributeValue {
    pub(crate) attribute: usize,
    pub(crate) name: String,
}

/// A photo.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Photo {
    pub(crate) split: Split,
    pub(crate) combination: usize,
}

#[derive(Debug)]
pub(crate) struct Attributes {
    pub(crate) names: Vec<String>,
    /// Attribute after attribute, sorted by name within each.
    pub(crate) values: Vec<AttributeValue>,
    /// For each the numbers of its values, sorted.
    pub(crate) combinations: Vec<Vec<usize>>,
    pub(crate) photos: Vec<Photo>,
}

impl Attributes {
    pub(crate) fn read(path: &Path) -> Result<Self, AttributesError> {
        let unfit = |error: PolarsError| AttributesError::Table(error.to_string());
        let file = fs_err::File::open(path).map_err(|error| AttributesError::Table(error.to_string()))?;
        let frame = ParquetReader::new(file.into_file()).finish().map_err(unfit)?;
        let texts = |name: &str| -> Result<Vec<String>, AttributesError> {
            let column = frame.column(name).map_err(unfit)?;
            Ok(column.str().map_err(unfit)?.iter().map(|text| text.unwrap_or_default().to_owned()).collect())
        };
        let mut columns = Vec::new();
        for column in frame.get_column_names() {
            if let Some(name) = column.strip_prefix("attribute.") {
                columns.push((name.to_owned(), texts(column)?));
            }
        }
        let mut splits = Vec::new();
        for split in texts("split")? {
            let unknown = || AttributesError::Table(format!("`{split}` is no split"));
            splits.push(Split::named(&split).ok_or_else(unknown)?);
        }
        Attributes::new(columns, splits)
    }

    /// Of columns of cells with values that `;` stands between.
    pub(crate) fn new(columns: Vec<(String, Vec<String>)>, splits: Vec<Split>) -> Result<Self, AttributesError> {
        if splits.is_empty() {
            return Err(AttributesError::Empty);
        }
        let mut numbers: BTreeMap<(usize, &str), usize> = BTreeMap::new();
        for (attribute, (_, cells)) in columns.iter().enumerate() {
            for value in cells.iter().flat_map(|cell| parts(cell)) {
                numbers.insert((attribute, value), 0);
            }
        }
        if numbers.len() > MOST_VALUES {
            return Err(AttributesError::Many(numbers.len()));
        }
        let mut values = Vec::new();
        for (number, ((attribute, name), own)) in numbers.iter_mut().enumerate() {
            *own = number;
            values.push(AttributeValue { attribute: *attribute, name: (*name).to_owned() });
        }
        let of_photo = |row: usize| -> Vec<usize> {
            let cells = columns.iter().enumerate().map(|(attribute, (_, cells))| (attribute, cells[row].as_str()));
            let own = cells.flat_map(|(attribute, cell)| parts(cell).map(move |value| (attribute, value)));
            own.filter_map(|key| numbers.get(&key).copied()).collect()
        };
        let sets: Vec<Vec<usize>> = (0..splits.len()).map(of_photo).collect();
        let mut places: BTreeMap<&Vec<usize>, usize> = sets.iter().map(|set| (set, 0)).collect();
        places.values_mut().enumerate().for_each(|(place, own)| *own = place);
        let photo =
            |(set, split): (&Vec<usize>, Split)| Photo { split, combination: places.get(set).copied().unwrap_or(0) };
        let photos = sets.iter().zip(splits).map(photo).collect();
        let combinations = places.keys().map(|set| (*set).clone()).collect();
        Ok(Attributes { names: columns.into_iter().map(|(name, _)| name).collect(), values, combinations, photos })
    }

    /// Whether a combination has a value.
    pub(crate) fn has(&self, combination: usize, value: usize) -> bool {
        self.combinations[combination].binary_search(&value).is_ok()
    }

    /// A value as tasks write it: with its attribute only where another one has it too.
    pub(crate) fn written(&self, value: usize) -> String {
        let AttributeValue { attribute, name } = &self.values[value];
        let alone = self.values.iter().filter(|other| other.name == *name).count() == 1;
        if alone { quoted(name) } else { format!("{}={}", quoted(&self.names[*attribute]), quoted(name)) }
    }
}

fn parts(cell: &str) -> impl Iterator<Item = &str> {
    cell.split(';').map(str::trim).filter(|value| !value.is_empty())
}

/// In quotes where a task could not be read otherwise.
pub(crate) fn quoted(word: &str) -> String {
    let special = word.contains(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | '='));
    if special || matches!(word, "and" | "or" | "not") { format!("\"{word}\"") } else { word.to_owned() }
}

//! The beginning of a table in Parquet, by the crate `parquet`.
//!
//! Fields of structures are columns of their own; lists and maps are one cell.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Once};

use jiff::{Span, Timestamp, civil::Date};
use parquet::basic::{ConvertedType, LogicalType, Repetition, TimeUnit};
use parquet::data_type::Decimal;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, FileReader, SerializedFileReader};
use parquet::record::Field;
use parquet::schema::types::{Type, TypePtr};

use crate::page::table::{MOST_COLUMNS, Table, float};

/// Bytes of a text that are looked at: more letters than a page shows of a cell.
const MOST_BYTES: usize = 2_000;
/// Bytes that are shown of what is no text.
const MOST_OCTETS: usize = 32;

/// Reads the first `most` rows.
///
/// # Errors
/// When the file is damaged as a whole. A column that cannot be read is left empty, with a remark.
pub(super) fn read(file: impl ChunkReader + 'static, most: usize) -> Result<Table, ParquetError> {
    let reader = guarded(|| SerializedFileReader::new(file))?;
    let about = reader.metadata().file_metadata();
    let total = u64::try_from(about.num_rows()).map_err(|_| ParquetError::General("less than no rows".into()))?;
    let wanted = usize::try_from(total).unwrap_or(usize::MAX).min(most);
    let schema = about.schema();
    let mut table = Table { rows: vec![Vec::new(); wanted], total, ..Table::default() };
    for field in schema.get_fields() {
        let mut names = Vec::new();
        leaves(field, field.name(), &mut names);
        let place = table.columns.len();
        let shown = names.len().min(MOST_COLUMNS - place);
        table.more_columns += names.len() - shown;
        names.truncate(shown);
        table.columns.extend(names);
        if shown == 0 {
            continue;
        }
        if let Err(error) = guarded(|| fill(&reader, schema, field, &mut table.rows)) {
            table.remarks.push(format!("The column `{}` is not shown whole: {error}.", field.name()));
        }
        table.rows.iter_mut().for_each(|row| row.resize(place + shown, None));
    }
    Ok(table)
}

thread_local! {
    /// Whether a panic of this thread is expected, and told in other ways.
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// What the library makes of a file; it checks some of a damaged file by assertions.
fn guarded<T>(work: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, ParquetError> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |about| {
            if !GUARDED.get() {
                usual(about);
            }
        }));
    });
    GUARDED.set(true);
    let found = panic::catch_unwind(AssertUnwindSafe(work));
    GUARDED.set(false);
    found.unwrap_or_else(|_| Err(ParquetError::General("the file is damaged".to_owned())))
}

/// Appends a field's cells to the rows.
fn fill(
    reader: &dyn FileReader,
    schema: &Type,
    field: &TypePtr,
    rows: &mut [Vec<Option<String>>],
) -> Result<(), ParquetError> {
    let alone = Type::group_type_builder(schema.name()).with_fields(vec![Arc::clone(field)]).build()?;
    // As many values as are shown: large ones would fill the memory.
    let mut records = reader.get_row_iter(Some(alone))?.with_batch_size(rows.len().max(1));
    for row in rows {
        let record = records.next().ok_or_else(|| ParquetError::EOF("rows are missing".to_owned()))??;
        for (_, value) in record.into_columns() {
            cells(field, &value, row);
        }
    }
    Ok(())
}

/// Whether a field's own fields are columns.
fn is_structure(field: &Type) -> bool {
    let about = field.get_basic_info();
    let is_repeated = about.has_repetition() && about.repetition() == Repetition::REPEATED;
    let is_collection =
        matches!(about.converted_type(), ConvertedType::LIST | ConvertedType::MAP | ConvertedType::MAP_KEY_VALUE);
    field.is_group() && !is_repeated && !is_collection
}

/// The names of a field's columns.
fn leaves(field: &Type, name: &str, names: &mut Vec<String>) {
    if !is_structure(field) {
        names.push(name.to_owned());
        return;
    }
    for inner in field.get_fields() {
        leaves(inner, &format!("{name}.{}", inner.name()), names);
    }
}

/// The cells of a field's columns: none where there is no value.
fn cells(field: &Type, value: &Field, row: &mut Vec<Option<String>>) {
    if !is_structure(field) {
        row.push((*value != Field::Null).then(|| instant(field, value).unwrap_or_else(|| told(value))));
        return;
    }
    let inside: Vec<&Field> = match value {
        Field::Group(group) => group.get_column_iter().map(|(_, inner)| inner).collect(),
        _ => Vec::new(),
    };
    for (place, inner) in field.get_fields().iter().enumerate() {
        cells(inner, inside.get(place).unwrap_or(&&Field::Null), row);
    }
}

/// A time in nanoseconds, which the crate gives as a whole number.
fn instant(field: &Type, value: &Field) -> Option<String> {
    match (field.get_basic_info().logical_type_ref()?, value) {
        (LogicalType::Timestamp(about), Field::Long(time)) if about.unit == TimeUnit::NANOS => {
            moment(*time, 1_000_000_000)
        }
        _ => None,
    }
}

/// Parts one after the other, as far as a cell shows them.
fn joined(parts: impl Iterator<Item = String>) -> String {
    let mut text = String::new();
    for (place, part) in parts.enumerate() {
        text.push_str(if place > 0 { ", " } else { "" });
        if text.len() > MOST_BYTES {
            text.push('…');
            break;
        }
        text.push_str(&part);
    }
    text
}

/// A value as a cell shows it.
fn told(value: &Field) -> String {
    match value {
        Field::Float16(value) => float(value.to_f64()),
        // The digits that it has in single precision.
        Field::Float(value) => float(value.to_string().parse().unwrap_or_else(|_| f64::from(*value))),
        Field::Double(value) => float(*value),
        Field::Decimal(value) => decimal(value).unwrap_or_else(|| hex(value.data())),
        Field::Str(text) => text.chars().take(MOST_BYTES).collect(),
        Field::Bytes(bytes) => {
            let bytes = bytes.data();
            std::str::from_utf8(&bytes[..bytes.len().min(MOST_BYTES)]).map_or_else(|_| hex(bytes), str::to_owned)
        }
        Field::Date(days) => date(*days).unwrap_or_else(|| days.to_string()),
        Field::TimestampMillis(time) => moment(*time, 1_000).unwrap_or_else(|| time.to_string()),
        Field::TimestampMicros(time) => moment(*time, 1_000_000).unwrap_or_else(|| time.to_string()),
        Field::Group(group) => {
            let inner = group.get_column_iter().map(|(name, value)| format!("{name}: {}", told(value)));
            format!("{{{}}}", joined(inner))
        }
        Field::ListInternal(list) => {
            format!("[{}]", joined(list.elements().iter().map(told)))
        }
        Field::MapInternal(map) => {
            let entries = map.entries().iter().map(|(key, value)| format!("{}: {}", told(key), told(value)));
            format!("{{{}}}", joined(entries))
        }
        value => value.to_string(),
    }
}

/// A decimal number: a whole number, its highest byte first, and how many of its digits are decimals.
fn decimal(value: &Decimal) -> Option<String> {
    let bytes = value.data();
    let negative = bytes.first().is_some_and(|byte| byte >> 7 == 1);
    let mut whole = [if negative { 0xff } else { 0 }; size_of::<i128>()];
    let start = whole.len().checked_sub(bytes.len())?;
    whole[start..].copy_from_slice(bytes);
    let whole = i128::from_be_bytes(whole);
    let scale = usize::try_from(value.scale()).ok().filter(|scale| *scale <= 38)?;
    let digits = format!("{:0>width$}", whole.unsigned_abs(), width = scale + 1);
    let (before, after) = digits.split_at(digits.len() - scale);
    let sign = if whole < 0 { "-" } else { "" };
    Some(if scale == 0 { format!("{sign}{before}") } else { format!("{sign}{before}.{after}") })
}

fn date(days: i32) -> Option<String> {
    let date = Date::constant(1970, 1, 1).checked_add(Span::new().try_days(days).ok()?).ok()?;
    Some(date.to_string())
}

/// A time that was written as so many parts of a second since 1970.
fn moment(value: i64, parts: i64) -> Option<String> {
    let nanoseconds = i32::try_from(value.rem_euclid(parts) * (1_000_000_000 / parts)).ok()?;
    let time = Timestamp::new(value.div_euclid(parts), nanoseconds).ok()?;
    Some(time.strftime("%Y-%m-%d %H:%M:%S%.f").to_string())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().take(MOST_OCTETS).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use bytes::Bytes;
    use proptest::prelude::*;

    /// Written by polars and by pyarrow; see `tests/golden/parquet.py`.
    const POLARS: &[u8] = include_bytes!("../../tests/golden/polars.parquet");
    const ARROW: &[u8] = include_bytes!("../../tests/golden/arrow.parquet");

    #[test]
    fn tables_of_other_programs_are_read_as_they_wrote_them() {
        let files = [
            (POLARS, include_str!("../../tests/golden/polars.json")),
            (ARROW, include_str!("../../tests/golden/arrow.json")),
        ];
        for (bytes, text) in files {
            let mut expected: Vec<Vec<Option<String>>> = serde_json::from_str(text).unwrap();
            let names = expected.remove(0);
            let found = read(Bytes::from_static(bytes), 1_000).unwrap();
            assert_eq!(found.remarks, [""; 0]);
            assert_eq!(found.columns.iter().map(|name| Some(name.clone())).collect::<Vec<_>>(), names);
            assert_eq!(found.total, expected.len() as u64);
            for (number, (found, expected)) in found.rows.iter().zip(&expected).enumerate() {
                assert_eq!(found, expected, "row {number}");
            }
            let few = read(Bytes::from_static(bytes), 7).unwrap();
            assert_eq!((few.rows.as_slice(), few.total), (&found.rows[..7], found.total));
        }
    }

    #[test]
    fn a_long_list_is_cut_where_a_cell_ends() {
        let numbers = joined((0..1_000_000).map(|number| number.to_string()));
        assert!(numbers.starts_with("0, 1, 2") && numbers.ends_with('…') && numbers.len() < MOST_BYTES + 100);
        assert_eq!(joined(["a", "b"].map(str::to_owned).into_iter()), "a, b");
    }

    #[test]
    fn what_is_cut_short_is_refused() {
        for end in [0, 4, 11, POLARS.len() / 2, POLARS.len() - 1] {
            assert!(read(Bytes::from_static(&POLARS[..end]), 10).is_err(), "{end}");
        }
    }

    #[test]
    fn a_damaged_column_is_told_and_the_others_are_shown() {
        // The first column's first page begins after the four bytes of the file's mark.
        let mut bytes = ARROW.to_vec();
        bytes[4..24].fill(0xff);
        let table = read(Bytes::from(bytes), 10).unwrap();
        assert_eq!(table.remarks.len(), 1, "{:?}", table.remarks);
        assert!(table.remarks[0].starts_with("The column `word` is not shown whole: "), "{:?}", table.remarks);
        assert!(table.rows.iter().all(|row| row.len() == table.columns.len() && row[0].is_none()));
        assert_eq!(table.rows[3][6].as_deref(), Some("3"));
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
            let _ = read(Bytes::from(bytes), 50);
        }
    }
}

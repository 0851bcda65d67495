//! Values: what types there are, how they are written plainly, and how they are shown.
//!
//! It does not know columns or pages.

use std::rc::Rc;

use jiff::{Span, Timestamp, civil::Date};

use crate::page::parquet::ParquetError;
use crate::page::parquet::thrift::Value as Field;
use crate::page::table::float;

/// How values are stored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Physical {
    Bool,
    Int32,
    Int64,
    Int96,
    Float,
    Double,
    Bytes,
    Fixed(usize),
}

/// What stored values stand for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Meaning {
    /// What they are.
    Plain,
    Text,
    Unsigned,
    /// Days since 1970.
    Date,
    /// So many parts of a second since 1970; whether they are of a time zone.
    Moment(i64, bool),
    /// A whole number with so many decimals.
    Decimal(usize),
}

impl Physical {
    pub(super) fn new(element: &Field<'_>) -> Result<Self, ParquetError> {
        Ok(match element.int(1) {
            Some(0) => Physical::Bool,
            Some(1) => Physical::Int32,
            Some(2) => Physical::Int64,
            Some(3) => Physical::Int96,
            Some(4) => Physical::Float,
            Some(5) => Physical::Double,
            Some(6) => Physical::Bytes,
            Some(7) if element.size(2).is_some_and(|size| size > 0) => Physical::Fixed(element.size(2).unwrap_or(1)),
            _ => return Err(ParquetError::Damaged("a column has no type")),
        })
    }
}

impl Meaning {
    pub(super) fn new(element: &Field<'_>) -> Self {
        if let Some(Field::Struct(logical)) = element.get(10)
            && let [(kind, about)] = logical.as_slice()
        {
            let utc = about.get(1) == Some(&Field::Bool(true));
            return match kind {
                1 | 4 | 11 => Meaning::Text,
                5 => Meaning::decimal(about.int(1)),
                6 => Meaning::Date,
                8 => match about.get(2) {
                    Some(Field::Struct(unit)) => {
                        let parts = match unit.first() {
                            Some((1, _)) => 1_000,
                            Some((2, _)) => 1_000_000,
                            _ => 1_000_000_000,
                        };
                        Meaning::Moment(parts, utc)
                    }
                    _ => Meaning::Plain,
                },
                10 if about.get(2) == Some(&Field::Bool(false)) => Meaning::Unsigned,
                _ => Meaning::Plain,
            };
        }
        match element.int(6) {
            Some(0 | 4 | 19) => Meaning::Text,
            Some(5) => Meaning::decimal(element.int(7)),
            Some(6) => Meaning::Date,
            Some(9) => Meaning::Moment(1_000, true),
            Some(10) => Meaning::Moment(1_000_000, true),
            Some(11..=14) => Meaning::Unsigned,
            _ => Meaning::Plain,
        }
    }
}

impl Meaning {
    fn decimal(scale: Option<i64>) -> Self {
        let scale = scale.and_then(|scale| usize::try_from(scale).ok());
        scale.filter(|scale| *scale <= 38).map_or(Meaning::Plain, Meaning::Decimal)
    }
}

/// The first `count` values that are written plainly, as they are shown.
pub(super) fn plain(
    bytes: &[u8],
    physical: Physical,
    meaning: Meaning,
    count: usize,
) -> Result<Vec<Rc<str>>, ParquetError> {
    let short = || ParquetError::Damaged("values are cut short");
    let mut rest = bytes;
    let mut take = |length: usize| {
        let (value, after) = rest.split_at_checked(length).ok_or_else(short)?;
        rest = after;
        Ok::<_, ParquetError>(value)
    };
    let mut shown = Vec::new();
    for place in 0..count {
        let text = match physical {
            Physical::Bool => (bytes.get(place / 8).ok_or_else(short)? >> (place % 8) & 1 == 1).to_string(),
            Physical::Int32 => {
                let value = i32::from_le_bytes(take(4)?.try_into().map_err(|_| short())?);
                match meaning {
                    Meaning::Unsigned => (value as u32).to_string(),
                    meaning => whole(value.into(), meaning),
                }
            }
            Physical::Int64 => whole(i64::from_le_bytes(take(8)?.try_into().map_err(|_| short())?), meaning),
            Physical::Int96 => hex(take(12)?),
            Physical::Float => float(single(f32::from_le_bytes(take(4)?.try_into().map_err(|_| short())?))),
            Physical::Double => float(f64::from_le_bytes(take(8)?.try_into().map_err(|_| short())?)),
            Physical::Bytes => {
                let length = u32::from_le_bytes(take(4)?.try_into().map_err(|_| short())?);
                text(take(length as usize)?, meaning)
            }
            Physical::Fixed(length) => text(take(length)?, meaning),
        };
        shown.push(text.into());
    }
    Ok(shown)
}

/// A single-precision number with the digits that it has.
fn single(value: f32) -> f64 {
    value.to_string().parse().unwrap_or_else(|_| value.into())
}

fn whole(value: i64, meaning: Meaning) -> String {
    match meaning {
        Meaning::Unsigned => (value as u64).to_string(),
        Meaning::Date => {
            let date =
                Span::new().try_days(value).ok().and_then(|days| Date::constant(1970, 1, 1).checked_add(days).ok());
            date.map_or_else(|| value.to_string(), |date| date.to_string())
        }
        Meaning::Moment(parts, zoned) => moment(value, parts, zoned).unwrap_or_else(|| value.to_string()),
        Meaning::Decimal(scale) if scale > 0 => decimal(value, scale),
        _ => value.to_string(),
    }
}

fn moment(value: i64, parts: i64, zoned: bool) -> Option<String> {
    let nanoseconds = i32::try_from(value.rem_euclid(parts) * (1_000_000_000 / parts)).ok()?;
    let time = Timestamp::new(value.div_euclid(parts), nanoseconds).ok()?;
    let form = if zoned { "%Y-%m-%d %H:%M:%S%.fZ" } else { "%Y-%m-%d %H:%M:%S%.f" };
    Some(time.strftime(form).to_string())
}

fn decimal(value: i64, scale: usize) -> String {
    let digits = format!("{:0>width$}", value.unsigned_abs(), width = scale + 1);
    let (before, after) = digits.split_at(digits.len() - scale);
    format!("{}{before}.{after}", if value < 0 { "-" } else { "" })
}

fn text(bytes: &[u8], meaning: Meaning) -> String {
    // Letters beyond what is shown need not be kept.
    let bytes = &bytes[..bytes.len().min(2_000)];
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) if meaning == Meaning::Text => String::from_utf8_lossy(bytes).into_owned(),
        Err(_) => hex(bytes),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().take(32).map(|byte| format!("{byte:02x}")).collect()
}

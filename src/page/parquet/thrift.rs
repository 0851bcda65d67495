//! Thrift's compact protocol, in which Parquet writes its footers and page headers, as a tree of values.
//!
//! It does not know what the fields mean.

use crate::page::parquet::ParquetError;

/// Deepest nesting, and most values of a document.
const MAX_DEPTH: usize = 24;
const MAX_VALUES: usize = 1_000_000;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value<'a> {
    Bool(bool),
    Int(i64),
    Double,
    Bytes(&'a [u8]),
    List(Vec<Value<'a>>),
    /// Fields by number.
    Struct(Vec<(i64, Value<'a>)>),
}

/// Reads a structure, and tells how many bytes it takes.
pub(super) fn read(bytes: &[u8]) -> Result<(Value<'_>, usize), ParquetError> {
    let mut reader = Reader { bytes, at: 0, values: 0 };
    let value = reader.structure(0)?;
    Ok((value, reader.at))
}

impl<'a> Value<'a> {
    /// A field of a structure.
    pub(super) fn get(&self, field: i64) -> Option<&Value<'a>> {
        match self {
            Value::Struct(fields) => fields.iter().find(|(number, _)| *number == field).map(|(_, value)| value),
            _ => None,
        }
    }

    /// A field that is a whole number.
    pub(super) fn int(&self, field: i64) -> Option<i64> {
        match self.get(field) {
            Some(Value::Int(value)) => Some(*value),
            _ => None,
        }
    }

    /// A field that is a size or a count.
    pub(super) fn size(&self, field: i64) -> Option<usize> {
        self.int(field).and_then(|value| usize::try_from(value).ok())
    }

    /// A field that is a list; an empty one if it is not there.
    pub(super) fn list(&self, field: i64) -> &[Value<'a>] {
        match self.get(field) {
            Some(Value::List(items)) => items,
            _ => &[],
        }
    }

    /// A field that is text.
    pub(super) fn text(&self, field: i64) -> Option<String> {
        match self.get(field) {
            Some(Value::Bytes(bytes)) => Some(String::from_utf8_lossy(bytes).into_owned()),
            _ => None,
        }
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    values: usize,
}

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Result<u8, ParquetError> {
        let byte = *self.bytes.get(self.at).ok_or(ParquetError::Damaged("it is cut short"))?;
        self.at += 1;
        Ok(byte)
    }

    fn varint(&mut self) -> Result<u64, ParquetError> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(ParquetError::Damaged("a number is too long"))
    }

    fn zigzag(&mut self) -> Result<i64, ParquetError> {
        let value = self.varint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    fn take(&mut self, count: u64) -> Result<&'a [u8], ParquetError> {
        let end = usize::try_from(count).ok().and_then(|count| self.at.checked_add(count));
        let bytes = end.and_then(|end| self.bytes.get(self.at..end));
        let bytes = bytes.ok_or(ParquetError::Damaged("it is cut short"))?;
        self.at += bytes.len();
        Ok(bytes)
    }

    fn structure(&mut self, depth: usize) -> Result<Value<'a>, ParquetError> {
        let mut fields = Vec::new();
        let mut number = 0;
        loop {
            let head = self.byte()?;
            if head == 0 {
                return Ok(Value::Struct(fields));
            }
            number = match head >> 4 {
                0 => self.zigzag()?,
                more => number + i64::from(more),
            };
            let value = match head & 0x0f {
                1 => Value::Bool(true),
                2 => Value::Bool(false),
                kind => self.value(kind, depth + 1)?,
            };
            fields.push((number, value));
        }
    }

    fn value(&mut self, kind: u8, depth: usize) -> Result<Value<'a>, ParquetError> {
        self.values += 1;
        if depth > MAX_DEPTH || self.values > MAX_VALUES {
            return Err(ParquetError::Damaged("its description is too large"));
        }
        match kind {
            // Within lists truths take a byte each.
            1 | 2 => Ok(Value::Bool(self.byte()? == 1)),
            3 => Ok(Value::Int(i64::from(self.byte()? as i8))),
            4..=6 => self.zigzag().map(Value::Int),
            7 => self.take(8).map(|_| Value::Double),
            8 => {
                let count = self.varint()?;
                self.take(count).map(Value::Bytes)
            }
            9 | 10 => {
                let head = self.byte()?;
                let count = if head >> 4 == 15 { self.varint()? } else { u64::from(head >> 4) };
                (0..count).map(|_| self.value(head & 0x0f, depth + 1)).collect::<Result<_, _>>().map(Value::List)
            }
            11 => {
                let count = self.varint()?;
                let kinds = if count == 0 { 0 } else { self.byte()? };
                let both = (0..count).flat_map(|_| [kinds >> 4, kinds & 0x0f]);
                let values: Vec<u8> = both.take(MAX_VALUES).collect();
                values.into_iter().map(|kind| self.value(kind, depth + 1)).collect::<Result<_, _>>().map(Value::List)
            }
            12 => self.structure(depth + 1),
            _ => Err(ParquetError::Damaged("its description has a value of no kind")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structures_with_numbers_texts_and_lists() {
        // Field 1: 150; field 2: "ab"; field 20: the list of true and false; end.
        let bytes = [0x16, 0xac, 0x02, 0x18, 2, b'a', b'b', 0x09, 40, 0x21, 1, 2, 0, 0xff];
        let Ok((value, length)) = read(&bytes) else { panic!("it is read") };
        assert_eq!((value.int(1), value.text(2).as_deref(), length), (Some(150), Some("ab"), 13));
        assert_eq!(value.list(20), [Value::Bool(true), Value::Bool(false)]);
        for end in 0..13 {
            assert!(read(&bytes[..end]).is_err(), "cut short at {end}");
        }
    }
}

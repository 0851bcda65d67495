//! Pages: their headers, and their bytes as they were before they were compressed.
//!
//! It does not know what the values mean.

use std::io::{Read, Seek, SeekFrom};

use crate::page::parquet::ParquetError;
use crate::page::parquet::footer::Chunk;
use crate::page::parquet::thrift::{self, Value};

/// Longest header, and longest page, before and after compression.
const MAX_HEADER: u64 = 64 << 10;
const MAX_PAGE: usize = 64 << 20;

/// What is in a page.
pub(super) enum Page {
    /// The values that others refer to.
    Dictionary { bytes: Vec<u8>, count: usize },
    /// Values.
    Data(Data),
    /// Something that is not needed.
    Other,
}

/// A page of values.
pub(super) struct Data {
    /// Levels and values; levels of a version 2 page stand before, without their lengths.
    pub(super) bytes: Vec<u8>,
    /// Values, those that are not there included.
    pub(super) count: usize,
    pub(super) encoding: i64,
    /// Lengths of both kinds of levels, in version 2.
    pub(super) levels: Option<(usize, usize)>,
}

/// Reads the page at a place, and tells where the next one begins.
pub(super) fn read(file: &mut (impl Read + Seek), chunk: &Chunk, at: u64) -> Result<(Page, u64), ParquetError> {
    file.seek(SeekFrom::Start(at))?;
    let mut head = Vec::new();
    file.by_ref().take(MAX_HEADER).read_to_end(&mut head)?;
    let (header, length) = thrift::read(&head)?;
    let sizes = header.size(2).zip(header.size(3));
    let (whole, packed) = sizes.ok_or(ParquetError::Damaged("a page does not say how long it is"))?;
    if whole > MAX_PAGE || packed > MAX_PAGE {
        return Err(ParquetError::Unknown("pages of more than 64 MiB".into()));
    }
    let begin = at + length as u64;
    file.seek(SeekFrom::Start(begin))?;
    let mut bytes = Vec::new();
    file.by_ref().take(packed as u64).read_to_end(&mut bytes)?;
    if bytes.len() < packed {
        return Err(ParquetError::Damaged("a page is cut short"));
    }
    Ok((content(&header, bytes, whole, chunk.codec)?, begin + packed as u64))
}

/// What a page holds that is `whole` bytes long once it is decompressed.
fn content(header: &Value<'_>, mut bytes: Vec<u8>, whole: usize, codec: i64) -> Result<Page, ParquetError> {
    let damaged = ParquetError::Damaged("a page does not say what it holds");
    Ok(match header.int(1) {
        Some(0) => {
            let about = header.get(5).ok_or(damaged)?;
            let bytes = unpack(bytes, whole, codec)?;
            let (count, encoding) = (about.size(1).unwrap_or(0), about.int(2).unwrap_or(-1));
            Page::Data(Data { bytes, count, encoding, levels: None })
        }
        Some(2) => {
            let about = header.get(7).ok_or(damaged)?;
            Page::Dictionary { bytes: unpack(bytes, whole, codec)?, count: about.size(1).unwrap_or(0) }
        }
        Some(3) => {
            let about = header.get(8).ok_or(damaged)?;
            let lengths = (about.size(6).unwrap_or(0), about.size(5).unwrap_or(0));
            let before = lengths.0.saturating_add(lengths.1);
            if before > bytes.len() || before > whole {
                return Err(ParquetError::Damaged("levels are cut short"));
            }
            let values = bytes.split_off(before);
            let is_packed = about.get(7) != Some(&Value::Bool(false));
            let codec = if is_packed { codec } else { 0 };
            bytes.extend(unpack(values, whole - before, codec)?);
            let (count, encoding) = (about.size(1).unwrap_or(0), about.int(4).unwrap_or(-1));
            Page::Data(Data { bytes, count, encoding, levels: Some(lengths) })
        }
        _ => Page::Other,
    })
}

fn unpack(bytes: Vec<u8>, whole: usize, codec: i64) -> Result<Vec<u8>, ParquetError> {
    let wrong = || ParquetError::Damaged("a page cannot be decompressed");
    match codec {
        0 => Ok(bytes),
        1 if snap::raw::decompress_len(&bytes).is_ok_and(|length| length <= whole) => {
            snap::raw::Decoder::new().decompress_vec(&bytes).map_err(|_| wrong())
        }
        1 => Err(wrong()),
        6 if whole == 0 => Ok(Vec::new()),
        6 => zstd::bulk::decompress(&bytes, whole).map_err(|_| wrong()),
        other => {
            let name = ["", "", "Gzip", "LZO", "Brotli", "LZ4", "", "LZ4"].get(usize::try_from(other).unwrap_or(0));
            Err(ParquetError::Unknown(format!(
                "compression by {}",
                name.filter(|name| !name.is_empty()).unwrap_or(&"an unknown method")
            )))
        }
    }
}

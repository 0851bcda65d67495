//! The IDX format: a magic number, sizes as 32-bit big-endian numbers, then bytes.

/// What is wrong with a file.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum IdxError {
    #[error("it is cut short: {0} bytes are there, {1} should be")]
    Short(usize, usize),
    #[error("{0} bytes follow the last item")]
    Long(usize),
    #[error("it begins with {found:#010x}, not {expected:#010x}: it is no IDX file of bytes with that many dimensions")]
    Magic { found: u32, expected: u32 },
    #[error("its images have {0}×{1} pixels, not {2}×{2}")]
    Size(usize, usize, usize),
    #[error("label {0} is {1}, greater than {2}")]
    Label(usize, u8, u8),
}

/// Pixels of all images, each of `side` × `side`.
pub(crate) fn images(bytes: &[u8], side: usize) -> Result<Vec<u8>, IdxError> {
    check_magic(bytes, 0x0803)?;
    let (count, rows, columns) = (number(bytes, 1)?, number(bytes, 2)?, number(bytes, 3)?);
    if (rows, columns) != (side, side) {
        return Err(IdxError::Size(rows, columns, side));
    }
    body(bytes, 16, count.saturating_mul(side * side))
}

/// All labels, none greater than `greatest`.
pub(crate) fn labels(bytes: &[u8], greatest: u8) -> Result<Vec<u8>, IdxError> {
    check_magic(bytes, 0x0801)?;
    let labels = body(bytes, 8, number(bytes, 1)?)?;
    match labels.iter().position(|label| *label > greatest) {
        Some(at) => Err(IdxError::Label(at, labels[at], greatest)),
        None => Ok(labels),
    }
}

fn check_magic(bytes: &[u8], expected: u32) -> Result<(), IdxError> {
    let found = u32::try_from(number(bytes, 0)?).unwrap_or(u32::MAX);
    if found == expected { Ok(()) } else { Err(IdxError::Magic { found, expected }) }
}

fn number(bytes: &[u8], position: usize) -> Result<usize, IdxError> {
    let at = position * 4;
    match bytes.get(at..at + 4) {
        Some(four) => Ok(four.iter().fold(0, |value, byte| value << 8 | usize::from(*byte))),
        None => Err(IdxError::Short(bytes.len(), at + 4)),
    }
}

fn body(bytes: &[u8], header: usize, length: usize) -> Result<Vec<u8>, IdxError> {
    let whole = header.saturating_add(length);
    match bytes.len() {
        found if found < whole => Err(IdxError::Short(found, whole)),
        found if found > whole => Err(IdxError::Long(found - whole)),
        _ => Ok(bytes[header..].to_vec()),
    }
}

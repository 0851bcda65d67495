//! Small numbers in runs and packed bits: levels of nesting, and places in dictionaries.
//!
//! It does not know what the numbers stand for.

use crate::page::parquet::ParquetError;

/// The first `count` numbers of so many bits each.
pub(super) fn read(bytes: &[u8], bits: u32, count: usize) -> Result<Vec<u32>, ParquetError> {
    if bits > 32 {
        return Err(ParquetError::Damaged("numbers are too wide"));
    }
    let mut numbers = Vec::new();
    let mut rest = bytes;
    while numbers.len() < count {
        let head = varint(&mut rest)?;
        let left = count - numbers.len();
        if head & 1 == 0 {
            let width = bits.div_ceil(8) as usize;
            let value = rest.get(..width).ok_or(ParquetError::Damaged("a run is cut short"))?;
            rest = &rest[width..];
            let value = value.iter().rev().fold(0_u64, |all, byte| all << 8 | u64::from(*byte));
            let value = u32::try_from(value).map_err(|_| ParquetError::Damaged("a number is too large"))?;
            let run = usize::try_from(head >> 1).unwrap_or(usize::MAX);
            if run == 0 {
                return Err(ParquetError::Damaged("a run is empty"));
            }
            numbers.extend(std::iter::repeat_n(value, run.min(left)));
        } else {
            let groups = usize::try_from(head >> 1).unwrap_or(usize::MAX);
            let length = groups.saturating_mul(bits as usize).min(rest.len());
            let packed = &rest[..length];
            rest = &rest[length..];
            let held = if bits == 0 { groups.saturating_mul(8) } else { packed.len() * 8 / bits as usize };
            if held == 0 {
                return Err(ParquetError::Damaged("a run is cut short"));
            }
            numbers.extend((0..held.min(left)).map(|place| unpack(packed, place * bits as usize, bits)));
        }
    }
    Ok(numbers)
}

/// So many bits from a place on, the lowest ones first.
fn unpack(bytes: &[u8], from: usize, bits: u32) -> u32 {
    let bit = |place: usize| u32::from(bytes[place / 8] >> (place % 8) & 1);
    (0..bits).fold(0, |value, shift| value | bit(from + shift as usize) << shift)
}

fn varint(rest: &mut &[u8]) -> Result<u64, ParquetError> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first().ok_or(ParquetError::Damaged("a run is cut short"))?;
        *rest = after;
        value |= u64::from(byte & 0x7f) << shift;
        if *byte < 0x80 {
            return Ok(value);
        }
    }
    Err(ParquetError::Damaged("a number is too long"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn runs_and_packed_bits() {
        // Four times 5; then 0 to 7 in three bits each, as in the format's own description.
        assert_eq!(
            read(&[8, 5, 3, 0b1000_1000, 0b1100_0110, 0b1111_1010], 3, 12).unwrap(),
            [5, 5, 5, 5, 0, 1, 2, 3, 4, 5, 6, 7]
        );
        assert_eq!(read(&[200, 1], 0, 3).unwrap(), [0, 0, 0]);
        assert!(read(&[8], 3, 4).is_err() && read(&[0, 5], 3, 4).is_err() && read(&[], 1, 1).is_err());
    }
}

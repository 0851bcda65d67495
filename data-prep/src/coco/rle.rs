//! Masks as run lengths, COCO's two forms: a list of counts, or the counts as a string.
//!
//! Runs go down the columns, alternating outside and inside, outside first.

use serde_json::{Map, Value};

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RleError {
    #[error("a mask needs `size` (height, width) and `counts`")]
    Form,
    #[error("a mask is {0}×{1} pixels, its image {2}×{3}")]
    Size(u64, u64, u32, u32),
    #[error("the runs of a mask cover {0} pixels of {1}")]
    Cover(u64, u64),
}

/// The runs of a mask; they cover its image.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Runs {
    runs: Vec<u64>,
    /// Pixels of a column.
    rows: u64,
}

impl Runs {
    /// The runs of a mask of an image of `width` × `height`.
    pub(crate) fn of(mask: &Map<String, Value>, width: u32, height: u32) -> Result<Self, RleError> {
        let size = mask.get("size").and_then(Value::as_array).ok_or(RleError::Form)?;
        let [rows, columns] = size.iter().filter_map(Value::as_u64).collect::<Vec<_>>()[..] else {
            return Err(RleError::Form);
        };
        if (columns, rows) != (u64::from(width), u64::from(height)) {
            return Err(RleError::Size(columns, rows, width, height));
        }
        let runs = match mask.get("counts") {
            Some(Value::Array(counts)) => counts.iter().map(Value::as_u64).collect::<Option<Vec<u64>>>(),
            Some(Value::String(text)) => unpack(text),
            _ => None,
        };
        let runs = runs.ok_or(RleError::Form)?;
        let all = rows * columns;
        let covered = runs.iter().fold(0_u64, |sum, run| sum.saturating_add(*run));
        if covered == all { Ok(Runs { runs, rows }) } else { Err(RleError::Cover(covered, all)) }
    }

    /// The pixels inside, as column and row, row by row.
    pub(crate) fn pixels(&self) -> Vec<(u32, u32)> {
        let mut inside = Vec::new();
        let mut at = 0;
        for (position, run) in self.runs.iter().enumerate() {
            if position % 2 == 1 {
                let place = |at: u64| Some((u32::try_from(at / self.rows).ok()?, u32::try_from(at % self.rows).ok()?));
                inside.extend((at..at + run).filter_map(place));
            }
            at += run;
        }
        inside.sort_unstable_by_key(|(x, y)| (*y, *x));
        inside
    }
}

/// The counts of a packed mask: numbers of five bits a letter, lowest first; from the fourth on, each is the difference to
/// the one two before.
fn unpack(text: &str) -> Option<Vec<u64>> {
    let mut counts: Vec<i64> = Vec::new();
    let (mut number, mut shift) = (0_i64, 0_u32);
    for letter in text.bytes() {
        let bits = i64::from(letter.checked_sub(48).filter(|bits| *bits < 64)?);
        if shift > 55 {
            return None;
        }
        number |= (bits & 0x1f) << shift;
        shift += 5;
        if bits & 0x20 == 0 {
            if bits & 0x10 != 0 {
                number |= -1 << shift;
            }
            if counts.len() > 2 {
                number = number.checked_add(counts[counts.len() - 2])?;
            }
            counts.push(number);
            (number, shift) = (0, 0);
        }
    }
    if shift != 0 {
        return None;
    }
    counts.into_iter().map(|count| u64::try_from(count).ok()).collect()
}

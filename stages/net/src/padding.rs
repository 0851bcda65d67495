//! Border of an image that a window slides over: as wide on each side, or of four widths.
//!
//! TensorFlow's "SAME" adds one pixel more below and to the right where the sum is odd, as a step of 2 on an even size
//! needs it.

use std::fmt;

use serde::de::{Deserializer, Error, SeqAccess, Visitor};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

/// Width of the border on each side. As JSON one number where all are alike, else `[top, left, bottom, right]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Padding {
    /// Rows above.
    pub top: i64,
    /// Columns before.
    pub left: i64,
    /// Rows below.
    pub bottom: i64,
    /// Columns behind.
    pub right: i64,
}

impl Padding {
    /// TensorFlow's "SAME": as much as makes ⌈size / stride⌉ places, the odd pixel below and to the right.
    #[must_use]
    pub fn same([height, width]: [i64; 2], kernel: i64, stride: i64) -> Self {
        let all = |size: i64| {
            let places = size.saturating_add(stride - 1).checked_div(stride).unwrap_or(0);
            ((places - 1).saturating_mul(stride).saturating_add(kernel) - size).max(0)
        };
        let (rows, columns) = (all(height), all(width));
        let (top, left) = (rows / 2, columns / 2);
        Padding { top, left, bottom: rows - top, right: columns - left }
    }

    /// The width, where it is the same on each side.
    #[must_use]
    pub fn even(self) -> Option<i64> {
        (self == Padding::from(self.top)).then_some(self.top)
    }

    /// `[top, left, bottom, right]`.
    #[must_use]
    pub fn sides(self) -> [i64; 4] {
        [self.top, self.left, self.bottom, self.right]
    }
}

impl From<i64> for Padding {
    fn from(side: i64) -> Self {
        Padding { top: side, left: side, bottom: side, right: side }
    }
}

impl Serialize for Padding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.even() {
            Some(side) => side.serialize(serializer),
            None => self.sides().serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Padding {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Sides)
    }
}

struct Sides;

impl<'de> Visitor<'de> for Sides {
    type Value = Padding;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a number, or [top, left, bottom, right]")
    }

    fn visit_i64<E: Error>(self, side: i64) -> Result<Padding, E> {
        Ok(side.into())
    }

    fn visit_u64<E: Error>(self, side: u64) -> Result<Padding, E> {
        i64::try_from(side).map(Padding::from).map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sides: A) -> Result<Padding, A::Error> {
        let mut next = |at: usize| sides.next_element::<i64>()?.ok_or_else(|| Error::invalid_length(at, &Sides));
        let padding = Padding { top: next(0)?, left: next(1)?, bottom: next(2)?, right: next(3)? };
        match sides.next_element::<i64>()? {
            Some(_) => Err(Error::invalid_length(5, &Sides)),
            None => Ok(padding),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn same_is_tensorflow_s() {
        // Kernel 3, step 2, even size: 0 before and 1 after; kernel 5: 1 and 2.
        assert_eq!(Padding::same([224, 224], 3, 2).sides(), [0, 0, 1, 1]);
        assert_eq!(Padding::same([112, 113], 5, 2).sides(), [1, 2, 2, 2]);
        assert_eq!(Padding::same([7, 7], 3, 1).even(), Some(1));
        assert_eq!(Padding::same([8, 8], 1, 2).even(), Some(0));
    }

    #[test]
    fn as_json_it_is_a_number_or_four() {
        for (padding, text) in [(Padding::from(2), "2"), (Padding::same([8, 7], 3, 2), "[0,1,1,1]")] {
            assert_eq!(serde_json::to_string(&padding).unwrap(), text);
            assert_eq!(serde_json::from_str::<Padding>(text).unwrap(), padding);
        }
        for wrong in ["[1,2]", "[1,2,3,4,5]", "\"same\"", "99999999999999999999"] {
            assert!(serde_json::from_str::<Padding>(wrong).is_err(), "{wrong}");
        }
    }
}

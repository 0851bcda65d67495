//! The table of named colours, and the name that is nearest to a colour.
//!
//! A CSV file with the columns `word` and `srgb` (`#rrggbb`); a word may have several shades, a row each. Distances are
//! CIEDE2000.

use std::path::Path;

use palette::color_difference::Ciede2000;
use palette::white_point::D65;
use palette::{FromColor, Lab, Srgb};

use crate::coco::synonyms::Synonyms;
use crate::csv::{CsvError, columns};

/// A colour in CIELAB under daylight.
pub(crate) type Colour = Lab<D65, f64>;

#[derive(Debug, thiserror::Error)]
pub(crate) enum NamedError {
    #[error("named colours: {0}")]
    Csv(#[from] CsvError),
    #[error("named colours: `{word}` has the value `{value}`, which is not of the form #rrggbb")]
    Value { word: String, value: String },
    #[error(
        "named colours: `{0}` is not in the table of synonyms; add it there, with `none` if it is none of the five"
    )]
    NoSynonym(String),
    #[error("named colours: the table is empty")]
    Empty,
}

/// Words and their colours.
#[derive(Debug)]
pub(crate) struct NamedColours(Vec<(String, Colour)>);

impl NamedColours {
    pub(crate) fn read(path: &Path, synonyms: &Synonyms) -> Result<Self, NamedError> {
        let [words, values] = columns(path, ["word", "srgb"])?;
        let mut table = Vec::new();
        for (word, value) in words.into_iter().zip(values) {
            let Some([r, g, b]) = srgb(value.trim()) else {
                return Err(NamedError::Value { word, value });
            };
            if synonyms.get(&word).is_none() {
                return Err(NamedError::NoSynonym(word));
            }
            table.push((word, colour(r, g, b)));
        }
        if table.is_empty() {
            return Err(NamedError::Empty);
        }
        Ok(NamedColours(table))
    }

    /// The nearest word, and how far it is; of two at one distance the first in the table.
    pub(crate) fn nearest(&self, colour: Colour) -> (&str, f64) {
        let mut best = ("", f64::INFINITY);
        for (word, named) in &self.0 {
            let distance = colour.difference(*named);
            if distance < best.1 {
                best = (word, distance);
            }
        }
        best
    }
}

/// Three bytes of `#rrggbb`.
fn srgb(value: &str) -> Option<[u8; 3]> {
    let digits = value.strip_prefix('#').filter(|d| d.len() == 6 && d.bytes().all(|b| b.is_ascii_hexdigit()))?;
    let number = u32::from_str_radix(digits, 16).ok()?;
    let [_, r, g, b] = number.to_be_bytes();
    Some([r, g, b])
}

/// The CIELAB colour of an sRGB pixel.
pub(crate) fn colour(r: u8, g: u8, b: u8) -> Colour {
    Lab::from_color(Srgb::new(r, g, b).into_linear::<f64>())
}

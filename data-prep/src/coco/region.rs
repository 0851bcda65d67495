//! The pixels that belong to an object: inside its polygons, of its mask, or in the middle of its box.
//!
//! What lies outside the photo is left out. It does not look at the pixels.

use std::ops::Range;

use serde_json::Value;

use crate::coco::rle::{RleError, Runs};

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RegionError {
    #[error("a polygon is no list of numbers x, y, x, y, …")]
    Polygon,
    #[error("the segmentation is neither a list of polygons nor a mask")]
    Form,
    #[error(transparent)]
    Rle(#[from] RleError),
}

/// A pixel: column, row.
pub(crate) type Pixel = (u32, u32);

/// How much of an object counts, as shares of each side of its box about the middle.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Centre {
    /// Where there is neither polygon nor mask.
    pub(crate) of_box: f64,
    /// Where there is one: what of it lies in this part of the box.
    pub(crate) of_outline: f64,
}

/// The outline of an object. Its form is checked, its pixels are not worked out.
#[derive(Debug)]
pub(crate) enum Outline {
    /// None, or polygons none of which has three corners.
    None,
    Polygons(Vec<Vec<(f64, f64)>>),
    Mask(Runs),
}

impl Outline {
    /// The outline in a photo of `width` × `height`.
    pub(crate) fn of(segmentation: &Value, (width, height): (u32, u32)) -> Result<Self, RegionError> {
        match segmentation {
            Value::Null => Ok(Outline::None),
            Value::Array(list) => {
                let mut polygons = list.iter().map(polygon).collect::<Result<Vec<_>, _>>()?;
                polygons.retain(|corners| corners.len() >= 3);
                Ok(if polygons.is_empty() { Outline::None } else { Outline::Polygons(polygons) })
            }
            Value::Object(mask) => Ok(Outline::Mask(Runs::of(mask, width, height)?)),
            _ => Err(RegionError::Form),
        }
    }

    /// The pixels of the object in that photo, row by row.
    pub(crate) fn pixels(&self, place: [f64; 4], (width, height): (u32, u32), centre: Centre) -> Vec<Pixel> {
        let inside = match self {
            Outline::None => {
                let (columns, rows) = middle(place, (width, height), centre.of_box);
                return rows.flat_map(|y| columns.clone().map(move |x| (x, y))).collect();
            }
            Outline::Polygons(polygons) => inside(polygons, width, height),
            Outline::Mask(runs) => runs.pixels(),
        };
        // A whole outline counts even where it leaves its box.
        if centre.of_outline >= 1.0 {
            return inside;
        }
        let (columns, rows) = middle(place, (width, height), centre.of_outline);
        inside.into_iter().filter(|(x, y)| columns.contains(x) && rows.contains(y)).collect()
    }
}

/// The pixels inside of any of the polygons.
fn inside(polygons: &[Vec<(f64, f64)>], width: u32, height: u32) -> Vec<Pixel> {
    let mut inside: Vec<Pixel> = polygons.iter().flat_map(|corners| fill(corners, width, height)).collect();
    inside.sort_unstable_by_key(|(x, y)| (*y, *x));
    inside.dedup();
    inside
}

fn polygon(value: &Value) -> Result<Vec<(f64, f64)>, RegionError> {
    let items = value.as_array().ok_or(RegionError::Polygon)?;
    let numbers: Option<Vec<f64>> = items.iter().map(Value::as_f64).collect();
    let numbers = numbers.filter(|numbers| numbers.len() % 2 == 0).ok_or(RegionError::Polygon)?;
    Ok(numbers.chunks_exact(2).map(|corner| (corner[0], corner[1])).collect())
}

/// Pixels whose centres lie inside (even-odd rule).
fn fill(corners: &[(f64, f64)], width: u32, height: u32) -> Vec<Pixel> {
    let low = corners.iter().map(|corner| corner.1).fold(f64::INFINITY, f64::min);
    let high = corners.iter().map(|corner| corner.1).fold(f64::NEG_INFINITY, f64::max);
    let mut inside = Vec::new();
    for y in whole(low - 0.5, height)..whole(high + 0.5, height) {
        let level = f64::from(y) + 0.5;
        let mut crossings: Vec<f64> = Vec::new();
        for (position, (x1, y1)) in corners.iter().enumerate() {
            let (x2, y2) = corners[(position + 1) % corners.len()];
            if (*y1 <= level) != (y2 <= level) {
                crossings.push(x1 + (level - y1) / (y2 - y1) * (x2 - x1));
            }
        }
        crossings.sort_by(f64::total_cmp);
        for pair in crossings.chunks_exact(2) {
            inside.extend((centre_from(pair[0], width)..centre_from(pair[1], width)).map(|x| (x, y)));
        }
    }
    inside
}

/// The first pixel whose centre is at `edge` or beyond.
fn centre_from(edge: f64, size: u32) -> u32 {
    whole((edge - 0.5).ceil(), size)
}

/// A coordinate as a whole number in `0..=size`.
fn whole(value: f64, size: u32) -> u32 {
    value.clamp(0.0, f64::from(size)) as u32
}

/// The columns and rows in the middle of a box.
fn middle([x, y, w, h]: [f64; 4], (width, height): (u32, u32), share: f64) -> (Range<u32>, Range<u32>) {
    let (left, top) = (x + w * (1.0 - share) / 2.0, y + h * (1.0 - share) / 2.0);
    let columns = centre_from(left, width)..centre_from(left + w * share, width);
    let rows = centre_from(top, height)..centre_from(top + h * share, height);
    (columns, rows)
}

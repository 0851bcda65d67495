//! The photos as a table, row by row of the packed images.
//!
//! `photo` u32, `file`, `split`, `group` and `box` (empty where there is none), `width` and `height` u32 (as it was shown
//! before it was made square), `greyscale`, and `attribute.NAME` for each attribute: its values, joined by `;`, empty where there are none.

use polars::prelude::*;

use crate::images::import::manifest::Manifest;
use crate::images::import::pack::{Packed, Photo};

pub(crate) fn frame(manifest: &Manifest, packed: &Packed) -> PolarsResult<DataFrame> {
    let photos = &packed.photos;
    let numbers = |number: &dyn Fn(&Photo) -> u32| photos.iter().map(number).collect::<Vec<u32>>();
    let texts = |text: &dyn Fn(&Photo) -> String| photos.iter().map(text).collect::<Vec<String>>();
    let mut frame = df!(
        "photo" => (0..photos.len()).map(|row| u32::try_from(row).unwrap_or(u32::MAX)).collect::<Vec<u32>>(),
        "file" => texts(&|photo| photo.path.clone()),
        "split" => texts(&|photo| photo.split.name().to_owned()),
        "group" => texts(&|photo| manifest.rows[photo.row].group.clone().unwrap_or_default()),
        "box" => texts(&|photo| manifest.rows[photo.row].part.map(|part| part.to_string()).unwrap_or_default()),
        "width" => numbers(&|photo| photo.width),
        "height" => numbers(&|photo| photo.height),
        "greyscale" => photos.iter().map(|photo| photo.greyscale).collect::<Vec<bool>>(),
    )?;
    for (at, name) in manifest.attributes.iter().enumerate() {
        let values = texts(&|photo| manifest.rows[photo.row].values[at].join(";"));
        frame.with_column(Column::new(format!("attribute.{name}").into(), values))?;
    }
    Ok(frame)
}

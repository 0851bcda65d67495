//! Pictures of objects of each colour, to see whether they have it.
//!
//! Each tile is an object's box; the strip below it has the median colour of the pixels that were looked at. The label names the
//! colour, the words and the source. It decides nothing.

use std::path::Path;

use image::{Rgb, RgbImage, imageops};

use crate::coco::attribute::{ATTRIBUTES, Attribute, name_of};
use crate::coco::instances::Instances;
use crate::coco::merge::{Merged, Verdict};
use crate::coco::photo::Photo;
use crate::coco::pixels::Seen;
use crate::contact_sheet::contact_sheet;
use crate::random::Random;

/// Side of a tile, in pixels; wide enough for a label.
const TILE: u32 = 112;
/// Height of the strip.
const STRIP: u32 = 10;
/// Boxes with a shorter side are not shown if there are larger ones.
const LEAST: f64 = 24.0;
/// Keeps this use of random numbers apart from others.
const DOMAIN: u64 = 40;

/// A row for each colour and one for none: `columns` objects each, half of them of the most trusted sources that have any.
pub(crate) fn sheet(instances: &Instances, merged: &Merged, seen: &[Seen], folder: &Path, columns: usize) -> RgbImage {
    let mut tiles = Vec::new();
    for number in ATTRIBUTES.map(Attribute::number).into_iter().chain([0]) {
        let mut row: Vec<(RgbImage, String)> = choose(instances, merged, number, columns)
            .into_iter()
            .filter_map(|object| Some((tile(instances, object, &seen[object], folder)?, label(merged, object, number))))
            .collect();
        row.resize(columns, (RgbImage::from_pixel(TILE, TILE + STRIP, Rgb([230, 230, 230])), String::new()));
        tiles.extend(row);
    }
    contact_sheet(&tiles, u32::try_from(columns).unwrap_or(1), 1)
}

/// Objects that have the colour, drawn at random but always the same: tables of words fill up to half of a row.
fn choose(instances: &Instances, merged: &Merged, number: u8, columns: usize) -> Vec<usize> {
    let pixels = merged.sources.len() - 1;
    let fits = |verdict: &Verdict| match number {
        0 => verdict.source.is_some() && verdict.colours.is_empty(),
        _ => verdict.colours.contains(&number),
    };
    let draw = |by_pixels: bool| {
        let own = merged.verdicts.iter().enumerate().filter(|(_, verdict)| fits(verdict));
        let mut own: Vec<usize> = own
            .filter(|(_, verdict)| (verdict.source == Some(pixels)) == by_pixels)
            .map(|(object, _)| object)
            .collect();
        Random::of(1, DOMAIN, u64::from(number)).shuffle(&mut own);
        let small = |object: &usize| instances.objects[*object].place.is_ok_and(|[_, _, w, h]| w.min(h) < LEAST);
        own.sort_by_key(small);
        own
    };
    let (said, looked) = (draw(false), draw(true));
    let from_tables = said.len().min(columns.saturating_sub(looked.len()).max(columns.div_ceil(2)));
    said.into_iter().take(from_tables).chain(looked).take(columns).collect()
}

fn label(merged: &Merged, object: usize, number: u8) -> String {
    let verdict = &merged.verdicts[object];
    format!("{}: {} {}", merged.source(verdict), name_of(number), verdict.words.join(" "))
}

/// The box of an object, scaled to fit; nothing where the photo cannot be used.
fn tile(instances: &Instances, object: usize, seen: &Seen, folder: &Path) -> Option<RgbImage> {
    let object = &instances.objects[object];
    let image = instances.image(object);
    let photo = Photo::read(folder, &image.file_name, image.width, image.height).ok()?;
    let [x, y, w, h] = object.place.ok()?;
    let whole = |value: f64, most: u32| value.clamp(0.0, f64::from(most)) as u32;
    let (left, top) = (whole(x, image.width), whole(y, image.height));
    let (right, bottom) = (whole((x + w).ceil(), image.width), whole((y + h).ceil(), image.height));
    let (width, height) = (right.saturating_sub(left), bottom.saturating_sub(top));
    if width == 0 || height == 0 {
        return None;
    }
    let crop = imageops::crop_imm(&photo.pixels, left, top, width, height).to_image();
    let long = width.max(height);
    let scaled = imageops::thumbnail(&crop, (width * TILE / long).max(1), (height * TILE / long).max(1));
    let mut tile = RgbImage::from_pixel(TILE, TILE + STRIP, Rgb([245, 245, 245]));
    let middle = |side: u32| i64::from((TILE - side.min(TILE)) / 2);
    imageops::replace(&mut tile, &scaled, middle(scaled.width()), middle(scaled.height()));
    if let Some(median) = seen.median {
        let strip = RgbImage::from_pixel(TILE, STRIP, Rgb(median));
        imageops::replace(&mut tile, &strip, 0, i64::from(TILE));
    }
    Some(tile)
}

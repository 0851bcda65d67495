//! Packed photos of each value of the first attribute, to see what training will see.

use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use image::{Rgb, RgbImage, imageops};

use crate::contact_sheet::contact_sheet;
use crate::images::import::manifest::Manifest;
use crate::images::import::pack::{PIXELS_AT, Packed};
use crate::images::split::unit;

/// Side of a tile, in pixels.
const TILE: u32 = 96;
/// Values that are shown.
const ROWS: usize = 40;

/// A row for each value: `columns` photos, chosen by a hash of their names.
pub(crate) fn sheet(
    manifest: &Manifest,
    packed: &Packed,
    images: &Path,
    size: u32,
    columns: usize,
) -> std::io::Result<RgbImage> {
    let mut rows: BTreeMap<&str, Vec<(f64, usize)>> = BTreeMap::new();
    for (at, photo) in packed.photos.iter().enumerate() {
        let values = manifest.rows[photo.row].values.first().map_or(&[][..], Vec::as_slice);
        for value in if values.is_empty() { vec![""] } else { values.iter().map(String::as_str).collect() } {
            rows.entry(value).or_default().push((unit(&["sheet", &photo.path]), at));
        }
    }
    let mut file = fs_err::File::open(images)?;
    let mut tiles = Vec::new();
    for (value, mut photos) in rows.into_iter().take(ROWS) {
        photos.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        photos.truncate(columns);
        let label = if value.is_empty() { "-" } else { value };
        for column in 0..columns {
            let tile = match photos.get(column) {
                Some((_, at)) => (read(&mut file, *at, size)?, label.to_owned()),
                None => (RgbImage::from_pixel(TILE, TILE, Rgb([230; 3])), String::new()),
            };
            tiles.push(tile);
        }
    }
    Ok(contact_sheet(&tiles, u32::try_from(columns).unwrap_or(1), 1))
}

fn read(file: &mut fs_err::File, at: usize, size: u32) -> std::io::Result<RgbImage> {
    let mut pixels = vec![0; size as usize * size as usize * 3];
    file.seek(SeekFrom::Start(PIXELS_AT + at as u64 * pixels.len() as u64))?;
    file.read_exact(&mut pixels)?;
    let picture = RgbImage::from_raw(size, size, pixels).unwrap_or_else(|| RgbImage::new(size, size));
    Ok(imageops::thumbnail(&picture, TILE, TILE))
}

//! One photo as training wants it: upright, in colour, square, of one size.

use std::io::Read;
use std::path::Path;

use image::imageops::{self, FilterType};
use image::metadata::Orientation;
use image::{DynamicImage, Rgb, RgbImage};
use sha2::{Digest, Sha256};

use crate::decode::{Converted, Decoded, decode, is_greyscale};
use crate::images::import::manifest::Part;

/// Longer files are not read.
const LONGEST: u64 = 256 << 20;
/// What lies beside a letterboxed photo, the grey that detectors use.
const BESIDE: Rgb<u8> = Rgb([114; 3]);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fit {
    Crop,
    Letterbox,
}

/// The shape that photos get.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) size: u32,
    pub(crate) fit: Fit,
    /// Photos, and parts of them, whose shorter side has fewer pixels are left out.
    pub(crate) least_side: u32,
}

impl Shape {
    /// Bytes of a photo.
    pub(crate) fn bytes(self) -> usize {
        self.size as usize * self.size as usize * 3
    }
}

/// A photo, and what was found about it.
pub(crate) struct Loaded {
    pub(crate) pixels: Vec<u8>,
    pub(crate) file_hash: [u8; 32],
    pub(crate) pixel_hash: [u8; 32],
    /// As it is shown, before it was made square.
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) greyscale: bool,
    pub(crate) turned: bool,
    pub(crate) transparent: bool,
    pub(crate) converted: Option<Converted>,
}

/// Why a photo is not packed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    Broken(String),
    /// Width and height.
    Small(u32, u32),
}

impl From<std::io::Error> for Unfit {
    fn from(error: std::io::Error) -> Self {
        Unfit::Broken(error.to_string())
    }
}

/// Reads a photo, or a part of it. That it lies within the folder was checked when the folder was listed.
pub(crate) fn load(path: &Path, part: Option<Part>, shape: Shape) -> Result<Loaded, Unfit> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(LONGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LONGEST {
        return Err(Unfit::Broken(format!("it has more than {LONGEST} bytes")));
    }
    let decoded = decode(&bytes).map_err(|error| Unfit::Broken(error.to_string()))?;
    let Decoded { picture, orientation, converted } = decoded;
    let transparent = picture.color().has_alpha();
    let mut picture = opaque(picture);
    let mut to_turn = orientation;
    if let Some(part) = part {
        picture = cut(turned(picture, orientation), part)?;
        to_turn = Orientation::NoTransforms;
    }
    let (width, height) = shown(picture.dimensions(), to_turn);
    if width.min(height) < shape.least_side.max(1) {
        return Err(Unfit::Small(width, height));
    }
    // Turned when it is small, which takes less time and shows the same.
    let square = turned(square(&picture, shape), to_turn);
    let mut file_hash = Sha256::new();
    file_hash.update(&bytes);
    file_hash.update(part.map(|part| part.to_string()).unwrap_or_default());
    Ok(Loaded {
        greyscale: is_greyscale(&square),
        file_hash: file_hash.finalize().into(),
        pixel_hash: Sha256::digest(square.as_raw()).into(),
        pixels: square.into_raw(),
        width,
        height,
        turned: orientation != Orientation::NoTransforms,
        transparent,
        converted,
    })
}

fn turned(picture: RgbImage, orientation: Orientation) -> RgbImage {
    let mut picture = DynamicImage::ImageRgb8(picture);
    picture.apply_orientation(orientation);
    picture.into_rgb8()
}

/// A part of a photo, as far as it lies within; boxes that people draw end a little outside now and then.
fn cut(picture: RgbImage, Part([left, top, width, height]): Part) -> Result<RgbImage, Unfit> {
    let span = |begin: f64, length: f64, most: u32| {
        let whole = |place: f64| place.round().clamp(0.0, f64::from(most)) as u32;
        (whole(begin), whole(begin + length) - whole(begin))
    };
    let (x, width) = span(left, width, picture.width());
    let (y, height) = span(top, height, picture.height());
    if width == 0 || height == 0 {
        let (wide, high) = picture.dimensions();
        return Err(Unfit::Broken(format!("its box lies outside of its {wide}×{high} pixels, or has none of them")));
    }
    Ok(imageops::crop_imm(&picture, x, y, width, height).to_image())
}

/// Width and height as a photo is shown.
fn shown((width, height): (u32, u32), orientation: Orientation) -> (u32, u32) {
    match orientation {
        Orientation::Rotate90 | Orientation::Rotate270 | Orientation::Rotate90FlipH | Orientation::Rotate270FlipH => {
            (height, width)
        }
        Orientation::NoTransforms
        | Orientation::Rotate180
        | Orientation::FlipHorizontal
        | Orientation::FlipVertical => (width, height),
    }
}

/// On white, as a browser shows what can be seen through.
fn opaque(picture: DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.into_rgb8();
    }
    let picture = picture.into_rgba8();
    RgbImage::from_fn(picture.width(), picture.height(), |x, y| {
        let [red, green, blue, alpha] = picture.get_pixel(x, y).0.map(u32::from);
        Rgb([red, green, blue]
            .map(|colour| u8::try_from((colour * alpha + 255 * (255 - alpha) + 127) / 255).unwrap_or(u8::MAX)))
    })
}

/// Bilinear with antialiasing, as torchvision's transforms do it by default.
fn square(picture: &RgbImage, Shape { size, fit, .. }: Shape) -> RgbImage {
    let (width, height) = picture.dimensions();
    match fit {
        Fit::Crop => {
            let side = width.min(height);
            if (width, height) == (size, size) {
                return picture.clone();
            }
            let middle = imageops::crop_imm(picture, (width - side) / 2, (height - side) / 2, side, side);
            imageops::resize(&*middle, size, size, FilterType::Triangle)
        }
        Fit::Letterbox => {
            let long = u64::from(width.max(height));
            let scaled = |side: u32| {
                let rounded = (u64::from(side) * u64::from(size) + long / 2) / long;
                u32::try_from(rounded).unwrap_or(size).clamp(1, size)
            };
            let small = imageops::resize(picture, scaled(width), scaled(height), FilterType::Triangle);
            let mut square = RgbImage::from_pixel(size, size, BESIDE);
            let beside = |side: u32| i64::from((size - side) / 2);
            imageops::replace(&mut square, &small, beside(small.width()), beside(small.height()));
            square
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crops_keep_the_middle_and_letterboxes_all() {
        // Red, green and blue from left to right.
        let wide = RgbImage::from_fn(90, 30, |x, _| Rgb([[200, 0, 0], [0, 200, 0], [0, 0, 200]][(x / 30) as usize]));
        let crop = square(&wide, Shape { size: 16, fit: Fit::Crop, least_side: 1 });
        assert!(crop.pixels().all(|pixel| pixel.0 == [0, 200, 0]));
        let letterbox = square(&wide, Shape { size: 18, fit: Fit::Letterbox, least_side: 1 });
        let at = |x, y| letterbox.get_pixel(x, y).0;
        assert_eq!(
            [at(2, 5), at(2, 6), at(9, 9), at(15, 11), at(15, 12)],
            [[114; 3], [200, 0, 0], [0, 200, 0], [0, 0, 200], [114; 3]]
        );
        let thin = square(&RgbImage::new(1, 5000), Shape { size: 16, fit: Fit::Letterbox, least_side: 1 });
        assert_eq!(thin.dimensions(), (16, 16));
    }
}

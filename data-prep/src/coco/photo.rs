//! A photo from a folder, decoded in the same way on every machine, or the reason why it cannot be used.
//!
//! It does not know what is on it.

use std::path::{Component, Path};

use image::{ImageFormat, RgbImage};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::outside::unusable;

#[derive(Debug, thiserror::Error)]
pub(crate) enum PhotoError {
    #[error("`{0}` is not in the folder of images")]
    Missing(String),
    #[error("`{0}` is no name inside the folder of images")]
    Name(String),
    #[error("`{0}` is cut short or damaged: {1}")]
    Damaged(String, String),
    #[error("`{name}` has {found_width}×{found_height} pixels, but the instances say {width}×{height}")]
    Size { name: String, found_width: u32, found_height: u32, width: u32, height: u32 },
    #[error("`{0}` cannot be read: {1}")]
    Read(String, std::io::Error),
}

/// A photo, and whether it has colours.
#[derive(Debug)]
pub(crate) struct Photo {
    pub(crate) pixels: RgbImage,
    pub(crate) greyscale: bool,
}

impl Photo {
    /// Reads a JPEG or PNG file that has the given size.
    pub(crate) fn read(folder: &Path, name: &str, width: u32, height: u32) -> Result<Photo, PhotoError> {
        let inside = Path::new(name).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if !inside || name.is_empty() {
            return Err(PhotoError::Name(name.to_owned()));
        }
        let bytes = fs_err::read(folder.join(name)).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => PhotoError::Missing(name.to_owned()),
            _ => PhotoError::Read(name.to_owned(), error),
        })?;
        let pixels = decode(&bytes).map_err(|why| PhotoError::Damaged(name.to_owned(), why))?;
        let (found_width, found_height) = pixels.dimensions();
        if (found_width, found_height) != (width, height) {
            return Err(PhotoError::Size { name: name.to_owned(), found_width, found_height, width, height });
        }
        let greyscale = is_greyscale(&pixels);
        Ok(Photo { pixels, greyscale })
    }
}

fn decode(bytes: &[u8]) -> Result<RgbImage, String> {
    if let Some(why) = unusable(bytes) {
        return Err(why.to_owned());
    }
    if bytes.starts_with(&[0xff, 0xd8]) {
        return jpeg(bytes);
    }
    let format = image::guess_format(bytes).map_err(|e| e.to_string())?;
    if format != ImageFormat::Png {
        return Err("neither JPEG nor PNG".to_owned());
    }
    image::load_from_memory_with_format(bytes, format).map(|photo| photo.to_rgb8()).map_err(|e| e.to_string())
}

/// Decodes in strict mode: a file that ends early is an error, not a picture with a grey bottom.
fn jpeg(bytes: &[u8]) -> Result<RgbImage, String> {
    let options = DecoderOptions::default().set_strict_mode(true).jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    let pixels = decoder.decode().map_err(|e| format!("{e:?}"))?;
    let (width, height) = decoder.dimensions().ok_or("no size")?;
    let size = |side: usize| u32::try_from(side).map_err(|e| e.to_string());
    RgbImage::from_raw(size(width)?, size(height)?, pixels).ok_or_else(|| "too few pixels".to_owned())
}

/// Whether all but one pixel of a hundred have one weak tint: a photo in grey or in sepia.
fn is_greyscale(pixels: &RgbImage) -> bool {
    const SPREAD: i16 = 12;
    const WEAK: i16 = 40;
    let tint = |pixel: &image::Rgb<u8>| {
        let [r, g, b] = pixel.0.map(i16::from);
        [r - g, g - b]
    };
    let middle = [0, 1].map(|channel| {
        let mut values: Vec<i16> = pixels.pixels().map(|pixel| tint(pixel)[channel]).collect();
        let half = values.len() / 2;
        if values.is_empty() { 0 } else { *values.select_nth_unstable(half).1 }
    });
    let other = pixels.pixels().filter(|pixel| {
        let [first, second] = tint(pixel);
        (first - middle[0]).abs() > SPREAD || (second - middle[1]).abs() > SPREAD
    });
    middle.iter().all(|tint| tint.abs() <= WEAK) && other.count() * 100 <= pixels.as_raw().len() / 3
}

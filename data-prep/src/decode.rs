//! Bytes of a photo to its pixels, in the same way on every machine, or in words why not.
//!
//! JPEG is decoded strictly: a file that ends early is a fault, not a picture with a grey bottom.

use std::io::Cursor;

use image::codecs::png::PngDecoder;
use image::metadata::Orientation;
use image::{ColorType, DynamicImage, ImageDecoder, ImageFormat, RgbImage};
use nnf_contract::unusable;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// More pixels are not decoded: a small file can hold a picture that fills the memory.
const MOST_PIXELS: u64 = 150_000_000;

#[derive(Debug, thiserror::Error)]
pub(crate) enum DecodeError {
    #[error("{0}")]
    Unfit(&'static str),
    #[error("neither JPEG nor PNG, but {0}: convert it")]
    Format(&'static str),
    #[error("neither JPEG nor PNG")]
    Unknown,
    #[error("{0}×{1} pixels are more than {MOST_PIXELS}: make it smaller")]
    Large(u32, u32),
    #[error("{0}")]
    Damaged(String),
}

/// A photo as it is stored.
pub(crate) struct Decoded {
    pub(crate) picture: DynamicImage,
    /// How it is to be turned before it is shown.
    pub(crate) orientation: Orientation,
    /// What was changed to have eight bits of red, green and blue.
    pub(crate) converted: Option<Converted>,
}

/// Forms of colour that are not those of a screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Converted {
    /// Inks of a printer, turned into colours without their profile.
    Cmyk,
    /// Sixteen bits a colour, of which the higher eight stay.
    Deep,
}

pub(crate) fn decode(bytes: &[u8]) -> Result<Decoded, DecodeError> {
    if let Some(why) = unusable(bytes) {
        return Err(DecodeError::Unfit(why));
    }
    if bytes.starts_with(&[0xff, 0xd8]) {
        return jpeg(bytes);
    }
    if image::guess_format(bytes).is_ok_and(|format| format == ImageFormat::Png) {
        return png(bytes);
    }
    Err(other(bytes))
}

/// What people's folders hold besides: phones and browsers write these.
fn other(bytes: &[u8]) -> DecodeError {
    let brand = bytes.get(4..12).unwrap_or_default();
    match image::guess_format(bytes) {
        _ if brand.starts_with(b"ftyphe") || brand.starts_with(b"ftypmif") => DecodeError::Format("HEIC"),
        _ if brand.starts_with(b"ftypavi") => DecodeError::Format("AVIF"),
        _ if bytes.starts_with(b"<") => DecodeError::Format("text, such as a page that a server sent in its place"),
        Ok(ImageFormat::Gif) => DecodeError::Format("GIF"),
        Ok(ImageFormat::WebP) => DecodeError::Format("WebP"),
        Ok(ImageFormat::Tiff) => DecodeError::Format("TIFF"),
        Ok(ImageFormat::Bmp) => DecodeError::Format("BMP"),
        _ => DecodeError::Unknown,
    }
}

fn damaged(error: impl std::fmt::Display) -> DecodeError {
    DecodeError::Damaged(error.to_string())
}

fn few_enough(width: u32, height: u32) -> Result<(), DecodeError> {
    if u64::from(width) * u64::from(height) > MOST_PIXELS { Err(DecodeError::Large(width, height)) } else { Ok(()) }
}

fn png(bytes: &[u8]) -> Result<Decoded, DecodeError> {
    let mut decoder = PngDecoder::new(Cursor::new(bytes)).map_err(damaged)?;
    let (width, height) = decoder.dimensions();
    few_enough(width, height)?;
    let orientation = decoder.orientation().map_err(damaged)?;
    let deep = matches!(decoder.color_type(), ColorType::L16 | ColorType::La16 | ColorType::Rgb16 | ColorType::Rgba16);
    let picture = DynamicImage::from_decoder(decoder).map_err(damaged)?;
    Ok(Decoded { picture, orientation, converted: deep.then_some(Converted::Deep) })
}

fn jpeg(bytes: &[u8]) -> Result<Decoded, DecodeError> {
    let options = DecoderOptions::default().set_strict_mode(true).jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    let fault = |error| DecodeError::Damaged(format!("{error:?}"));
    decoder.decode_headers().map_err(fault)?;
    let (width, height) = decoder.dimensions().ok_or_else(|| damaged("no size"))?;
    let side = |side: usize| u32::try_from(side).map_err(damaged);
    let (width, height) = (side(width)?, side(height)?);
    few_enough(width, height)?;
    let pixels = decoder.decode().map_err(fault)?;
    let cmyk = matches!(decoder.input_colorspace(), Some(ColorSpace::CMYK | ColorSpace::YCCK));
    let pixels = RgbImage::from_raw(width, height, pixels).ok_or_else(|| damaged("too few pixels"))?;
    let orientation = decoder.exif().and_then(|exif| Orientation::from_exif_chunk(exif));
    Ok(Decoded {
        picture: pixels.into(),
        orientation: orientation.unwrap_or(Orientation::NoTransforms),
        converted: cmyk.then_some(Converted::Cmyk),
    })
}

/// Whether all but one pixel of a hundred have one weak tint: a photo in grey or in sepia.
pub(crate) fn is_greyscale(pixels: &RgbImage) -> bool {
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

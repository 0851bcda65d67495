//! A photo from a folder, decoded in the same way on every machine, or the reason why it cannot be used.
//!
//! A camera that was held sideways notes in EXIF how the picture is to be turned. Some tools heed that and some do not, so
//! boxes lie on the one or the other; the size in the instances tells which, or else the photo is refused.

use std::path::{Component, Path};

use image::metadata::Orientation;
use image::{DynamicImage, RgbImage};

use crate::decode::{Decoded, decode, is_greyscale};

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
    #[error(
        "`{0}` is to be turned before it is shown (EXIF orientation), and its size does not tell whether its boxes are of \
         the photo as stored or as shown; save it upright, for instance by `exiftran -ai`, with boxes that are of it"
    )]
    Turned(String),
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
        let decoded = decode(&bytes).map_err(|why| PhotoError::Damaged(name.to_owned(), why.to_string()))?;
        let Decoded { picture, orientation, .. } = decoded;
        let pixels = picture.into_rgb8();
        let pixels = match fit(pixels.dimensions(), (width, height), orientation) {
            Fit::AsStored => pixels,
            Fit::AsShown => turn(pixels, orientation),
            Fit::Either => return Err(PhotoError::Turned(name.to_owned())),
            Fit::Neither => {
                let (found_width, found_height) = pixels.dimensions();
                return Err(PhotoError::Size { name: name.to_owned(), found_width, found_height, width, height });
            }
        };
        let greyscale = is_greyscale(&pixels);
        Ok(Photo { pixels, greyscale })
    }
}

/// Which of the two forms of a photo has the size that is told of it.
enum Fit {
    AsStored,
    AsShown,
    Either,
    Neither,
}

fn fit(stored: (u32, u32), told: (u32, u32), orientation: Orientation) -> Fit {
    let on_its_side = matches!(
        orientation,
        Orientation::Rotate90 | Orientation::Rotate270 | Orientation::Rotate90FlipH | Orientation::Rotate270FlipH
    );
    let shown = if on_its_side { (stored.1, stored.0) } else { stored };
    match (told == stored, told == shown) {
        (true, _) if orientation == Orientation::NoTransforms => Fit::AsStored,
        (true, true) => Fit::Either,
        (true, false) => Fit::AsStored,
        (false, true) => Fit::AsShown,
        (false, false) => Fit::Neither,
    }
}

fn turn(pixels: RgbImage, orientation: Orientation) -> RgbImage {
    let mut photo = DynamicImage::ImageRgb8(pixels);
    photo.apply_orientation(orientation);
    photo.into_rgb8()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use image::ImageEncoder;
    use image::codecs::png::PngEncoder;

    use super::*;

    /// EXIF that holds an orientation and nothing else.
    fn exif(orientation: u8) -> Vec<u8> {
        let entry = [0x12, 0x01, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0];
        [&b"II*\0\x08\0\0\0\x01\0"[..], &entry, &[0; 4]].concat()
    }

    /// Two photos of 40 by 24, red at the left and white at the right, that are to be turned.
    fn photos(folder: &Path, orientation: u8) {
        let halves = RgbImage::from_fn(40, 24, |x, _| image::Rgb(if x < 20 { [208, 32, 32] } else { [250; 3] }));
        let mut png = PngEncoder::new(fs_err::File::create(folder.join("a.png")).unwrap());
        png.set_exif_metadata(exif(orientation)).unwrap();
        png.write_image(halves.as_raw(), 40, 24, image::ExtendedColorType::Rgb8).unwrap();
        let mut jpeg = jpeg_encoder::Encoder::new_file(folder.join("a.jpg"), 90).unwrap();
        jpeg.add_exif_metadata(&exif(orientation)).unwrap();
        jpeg.encode(halves.as_raw(), 40, 24, jpeg_encoder::ColorType::Rgb).unwrap();
    }

    #[test]
    fn the_size_that_is_told_says_whether_a_photo_is_turned() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let red = |photo: &Photo, x, y| {
            let [_, green, _] = photo.pixels.get_pixel(x, y).0;
            green < 100
        };
        for name in ["a.png", "a.jpg"] {
            photos(folder, 6);
            let shown = Photo::read(folder, name, 24, 40).unwrap();
            assert!(red(&shown, 20, 4) && !red(&shown, 4, 36), "{name}: what was at the left is at the top");
            let stored = Photo::read(folder, name, 40, 24).unwrap();
            assert!(red(&stored, 4, 20) && !red(&stored, 36, 4), "{name}: boxes are of the photo as stored");
            photos(folder, 8);
            let shown = Photo::read(folder, name, 24, 40).unwrap();
            assert!(red(&shown, 4, 36) && !red(&shown, 20, 4), "{name}: what was at the left is at the bottom");
            photos(folder, 3);
            let error = Photo::read(folder, name, 40, 24).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains("save it upright"), "{error}");
            photos(folder, 1);
            assert_eq!(Photo::read(folder, name, 40, 24).unwrap().pixels.dimensions(), (40, 24));
            assert!(matches!(Photo::read(folder, name, 24, 40), Err(PhotoError::Size { .. })), "{name}");
        }
    }
}

//! What the pixels of an object say: the median of its colours in CIELAB, and the named colour nearest to it.
//!
//! It knows neither tables of words nor the five colours.

use std::path::Path;

use image::RgbImage;
use rayon::prelude::*;

use crate::coco::instances::Instances;
use crate::coco::named::{Colour, NamedColours, colour};
use crate::coco::photo::{Photo, PhotoError};
use crate::coco::reason::Reason;
use crate::coco::region::{Centre, Outline, Pixel, RegionError};

/// When pixels speak and when they do not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// Which part of an object counts.
    pub(crate) centre: Centre,
    /// Fewer pixels say nothing.
    pub(crate) least_pixels: usize,
    /// Distance from the median (CIE76) within which a pixel is of the same colour.
    pub(crate) spread: f64,
    /// Share of pixels that have to be of the same colour.
    pub(crate) least_share: f64,
    /// Distance (CIEDE2000) beyond which no name is near.
    pub(crate) max_distance: f64,
}

/// What the pixels of one object say.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Seen {
    /// The median as sRGB, where there are pixels.
    pub(crate) median: Option<[u8; 3]>,
    /// A named colour, or why there is none.
    pub(crate) word: Result<String, Reason>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum PixelsError {
    #[error("{0}; with `missing_images: skip` its objects get no words from pixels")]
    Photo(#[from] PhotoError),
    #[error("annotation {annotation}: {why}")]
    Region { annotation: i64, why: RegionError },
}

/// What the pixels of each object say, and the photos that cannot be used. With `skip` such photos are no error.
pub(crate) fn look(
    instances: &Instances,
    folder: &Path,
    names: &NamedColours,
    rules: Rules,
    skip: bool,
    done: impl Fn() + Sync,
) -> Result<(Vec<Seen>, Vec<PhotoError>), PixelsError> {
    let mut of_image = vec![Vec::new(); instances.images.len()];
    for (position, object) in instances.objects.iter().enumerate() {
        of_image[object.image].push(position);
    }
    let looked: Vec<(Vec<Seen>, Option<PhotoError>)> = of_image
        .par_iter()
        .zip(&instances.images)
        .map(|(objects, image)| {
            let photo = Photo::read(folder, &image.file_name, image.width, image.height);
            let size = (image.width, image.height);
            let seen = objects.iter().map(|object| see(instances, *object, photo.as_ref().ok(), size, names, rules));
            let seen = seen.collect::<Result<Vec<_>, _>>()?;
            done();
            Ok((seen, photo.err()))
        })
        .collect::<Vec<Result<_, PixelsError>>>()
        .into_iter()
        .collect::<Result<_, _>>()?; // the first fault in the order of the file, whichever thread met one first
    let mut all: Vec<Option<Seen>> = vec![None; instances.objects.len()];
    let mut faults = Vec::new();
    for ((seen, fault), objects) in looked.into_iter().zip(of_image) {
        for (seen, object) in seen.into_iter().zip(objects) {
            all[object] = Some(seen);
        }
        faults.extend(fault);
    }
    if !skip && !faults.is_empty() {
        return Err(faults.swap_remove(0).into());
    }
    Ok((all.into_iter().flatten().collect(), faults))
}

/// What the pixels of one object say; a bad outline is told even where the photo cannot be used.
fn see(
    instances: &Instances,
    object: usize,
    photo: Option<&Photo>,
    size: (u32, u32),
    names: &NamedColours,
    rules: Rules,
) -> Result<Seen, PixelsError> {
    let object = &instances.objects[object];
    let nothing = |reason| Ok(Seen { median: None, word: Err(reason) });
    let place = match object.place {
        Ok(place) => place,
        Err(reason) => return nothing(reason),
    };
    let outline =
        Outline::of(&object.segmentation, size).map_err(|why| PixelsError::Region { annotation: object.id, why })?;
    // Only with a photo is the size known to be true: one that the file makes up may be larger than any memory.
    let photo = match photo {
        None => return nothing(Reason::NoPhoto),
        Some(photo) if photo.greyscale => return nothing(Reason::Greyscale),
        Some(photo) => photo,
    };
    let region = outline.pixels(place, size, rules.centre);
    if region.len() < rules.least_pixels.max(1) {
        return nothing(Reason::FewPixels);
    }
    Ok(judge(&photo.pixels, &region, names, rules))
}

fn judge(photo: &RgbImage, region: &[Pixel], names: &NamedColours, rules: Rules) -> Seen {
    let colours: Vec<Colour> = region
        .iter()
        .map(|(x, y)| {
            let [r, g, b] = photo.get_pixel(*x, *y).0;
            colour(r, g, b)
        })
        .collect();
    let channel = |of: fn(&Colour) -> f64| median(colours.iter().map(of).collect());
    let middle = Colour::new(channel(|c| c.l), channel(|c| c.a), channel(|c| c.b));
    let near = colours.iter().filter(|c| {
        let (l, a, b) = (c.l - middle.l, c.a - middle.a, c.b - middle.b);
        l * l + a * a + b * b <= rules.spread * rules.spread
    });
    let word = if (near.count() as f64) < rules.least_share * colours.len() as f64 {
        Err(Reason::Mixed)
    } else {
        match names.nearest(middle) {
            (_, distance) if distance > rules.max_distance => Err(Reason::FarFromAll),
            (word, _) => Ok(word.to_owned()),
        }
    };
    Seen { median: Some(to_srgb(middle)), word }
}

fn to_srgb(colour: Colour) -> [u8; 3] {
    use palette::{FromColor, Srgb};
    let pixel: Srgb<u8> = Srgb::<f64>::from_color(colour).into_format();
    [pixel.red, pixel.green, pixel.blue]
}

/// The lower median; 0 of nothing.
fn median(mut values: Vec<f64>) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let middle = (values.len() - 1) / 2;
    *values.select_nth_unstable_by(middle, f64::total_cmp).1
}

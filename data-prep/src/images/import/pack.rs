//! Decodes photos on all cores and writes them one behind the other, so that memory does not grow with their number.
//!
//! What is damaged or stands twice is left out; the file is a function of the photos and the table alone.

use std::collections::HashMap;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

use nnf_contract::{Stage, StageError};
use rayon::prelude::*;

use crate::decode::Converted;
use crate::images::import::manifest::Manifest;
use crate::images::import::pixels::{Loaded, Shape, Unfit, load};
use crate::images::import::select::Selection;
use crate::images::split::Split;

/// What is to be packed.
pub(crate) struct Job<'a> {
    pub(crate) folder: &'a Path,
    pub(crate) manifest: &'a Manifest,
    pub(crate) selection: &'a Selection,
    /// Of each photo of the selection.
    pub(crate) splits: &'a [Split],
    pub(crate) shape: Shape,
    pub(crate) progress: &'a (dyn Fn() + Sync),
}

impl Job<'_> {
    /// A photo of the selection as people are told of it.
    fn name(&self, at: usize) -> String {
        let photo = &self.selection.photos[at];
        match self.manifest.rows[photo.row].part {
            Some(part) => format!("{} ({part})", photo.path),
            None => photo.path.clone(),
        }
    }
}

/// How many photos may be unusable.
#[derive(Clone, Copy)]
pub(crate) struct Limit {
    pub(crate) share: f64,
}

/// A photo that was packed.
pub(crate) struct Photo {
    pub(crate) path: String,
    pub(crate) row: usize,
    pub(crate) split: Split,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) greyscale: bool,
    pub(crate) turned: bool,
    pub(crate) transparent: bool,
    pub(crate) converted: Option<Converted>,
}

/// A photo that is another one's double.
pub(crate) struct Double {
    pub(crate) path: String,
    pub(crate) of: String,
    /// Of the same bytes; else of the same pixels.
    pub(crate) same_bytes: bool,
    pub(crate) other_split: bool,
}

/// What came of it.
#[derive(Default)]
pub(crate) struct Packed {
    pub(crate) photos: Vec<Photo>,
    /// Names of what is missing, damaged or contradicted, and why.
    pub(crate) unusable: Vec<(String, String)>,
    pub(crate) doubles: Vec<Double>,
    /// Names of what is smaller than it may be.
    pub(crate) small: Vec<String>,
}

/// Bytes of pixels that are in memory at a time.
const AT_A_TIME: usize = 64 << 20;

pub(crate) fn pack(stage: &Stage, job: &Job<'_>, limit: Limit, to: &Path) -> Result<Packed, StageError> {
    let mut packed = Packed::default();
    let missing = job.selection.missing.iter().map(|(row, why)| {
        let row = &job.manifest.rows[*row];
        (row.path.clone(), format!("{why} (line {})", row.line))
    });
    let unreadable = job.selection.unreadable.iter().map(|(path, why)| (path.clone(), (*why).to_owned()));
    packed.unusable.extend(missing.chain(unreadable));
    let total = job.selection.photos.len() + packed.unusable.len();
    let most = (total as f64 * limit.share).floor() as usize;
    let mut file = File::create(to, job.shape).map_err(StageError::failed)?;
    let mut seen = Seen::default();
    let at_a_time = (AT_A_TIME / job.shape.bytes()).clamp(16, 512);
    for begin in (0..job.selection.photos.len()).step_by(at_a_time) {
        stage.go_on()?;
        check(&packed, total, most)?;
        let end = (begin + at_a_time).min(job.selection.photos.len());
        let photos = &job.selection.photos[begin..end];
        let one = |photo: &crate::images::import::select::Photo| {
            let part = job.manifest.rows[photo.row].part;
            let loaded = load(&job.folder.join(&photo.path), part, job.shape);
            (job.progress)();
            loaded
        };
        let loaded: Vec<Result<Loaded, Unfit>> = photos.par_iter().map(one).collect();
        for (position, loaded) in (begin..end).zip(loaded) {
            let Some(loaded) = seen.look(job, position, loaded, &mut packed) else { continue };
            file.add(&loaded.pixels).map_err(StageError::failed)?;
        }
    }
    check(&packed, total, most)?;
    file.finish().map_err(StageError::failed)?;
    Ok(packed)
}

/// Whether too much is unusable to go on.
fn check(packed: &Packed, total: usize, most: usize) -> Result<(), StageError> {
    let count = packed.unusable.len();
    if count <= most {
        return Ok(());
    }
    let some: Vec<String> = packed.unusable.iter().take(5).map(|(path, why)| format!("`{path}`: {why}")).collect();
    Err(StageError::failed(format!(
        "{count} of {total} photos, or more, cannot be used, and {most} may be; {}{}; mend them, take them out of the table, or \
         raise `max_unusable`",
        some.join("; "),
        if count > some.len() { "; …" } else { "" }
    )))
}

/// Photos by the hashes of their files and of their pixels, as places among what was packed.
#[derive(Default)]
struct Seen {
    files: HashMap<[u8; 32], usize>,
    pixels: HashMap<[u8; 32], usize>,
}

impl Seen {
    /// Notes what a photo is; gives it back if it is to be packed.
    fn look(&mut self, job: &Job<'_>, at: usize, loaded: Result<Loaded, Unfit>, packed: &mut Packed) -> Option<Loaded> {
        let (photo, split) = (&job.selection.photos[at], job.splits[at]);
        let loaded = match loaded {
            Ok(loaded) => loaded,
            Err(Unfit::Broken(why)) => {
                packed.unusable.push((job.name(at), why));
                return None;
            }
            Err(Unfit::Small(width, height)) => {
                packed.small.push(format!("`{}`: {width}×{height} pixels", job.name(at)));
                return None;
            }
        };
        let same_bytes = self.files.contains_key(&loaded.file_hash);
        if let Some(first) = self.files.get(&loaded.file_hash).or_else(|| self.pixels.get(&loaded.pixel_hash)) {
            let first = &packed.photos[*first];
            if job.manifest.rows[first.row].values == job.manifest.rows[photo.row].values {
                packed.doubles.push(Double {
                    path: job.name(at),
                    of: first.path.clone(),
                    same_bytes,
                    other_split: first.split != split,
                });
            } else {
                let why = format!("it is the same photo as `{}`, with other attributes", first.path);
                packed.unusable.push((job.name(at), why));
            }
            return None;
        }
        self.files.insert(loaded.file_hash, packed.photos.len());
        self.pixels.insert(loaded.pixel_hash, packed.photos.len());
        packed.photos.push(Photo {
            path: photo.path.clone(),
            row: photo.row,
            split,
            width: loaded.width,
            height: loaded.height,
            greyscale: loaded.greyscale,
            turned: loaded.turned,
            transparent: loaded.transparent,
            converted: loaded.converted,
        });
        Some(loaded)
    }
}

/// Where the pixels begin in the file.
pub(crate) const PIXELS_AT: u64 = 256;

/// A safetensors file of one tensor that grows; its header is written last, in the room left for it.
struct File {
    file: BufWriter<fs_err::File>,
    shape: Shape,
    count: usize,
}

impl File {
    fn create(path: &Path, shape: Shape) -> std::io::Result<Self> {
        let mut file = BufWriter::with_capacity(1 << 20, fs_err::File::create(path)?);
        file.write_all(&[b' '; PIXELS_AT as usize])?;
        Ok(File { file, shape, count: 0 })
    }

    fn add(&mut self, pixels: &[u8]) -> std::io::Result<()> {
        self.count += 1;
        self.file.write_all(pixels)
    }

    fn finish(mut self) -> std::io::Result<()> {
        let (count, size, bytes) = (self.count, self.shape.size, self.count * self.shape.bytes());
        let header = format!(
            "{{\"images\":{{\"dtype\":\"U8\",\"shape\":[{count},{size},{size},3],\"data_offsets\":[0,{bytes}]}}}}"
        );
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&(PIXELS_AT - 8).to_le_bytes())?;
        self.file.write_all(header.as_bytes())?;
        self.file.flush()
    }
}

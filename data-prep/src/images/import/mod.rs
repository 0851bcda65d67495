//! Kind `images.import`: a folder of photos and a table of their attributes, packed for training.

mod folder;
mod manifest;
mod pack;
mod pixels;
mod select;
mod sheet;
mod summary;
mod table;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

use nnf_contract::{Input, Kind, Offer, Output, Parameter, ParameterType, Stage, StageError};
use serde::Deserialize;

use crate::images::split::{Member, Shares, Split, assign};
use crate::parquet;
use manifest::{Columns, Manifest};
use pack::{Limit, Packed};
use pixels::{Fit, Shape};
use select::Selection;

#[derive(Debug, Deserialize)]
struct Parameters {
    size: u32,
    fit: String,
    file: String,
    split: String,
    group: String,
    #[serde(rename = "box")]
    part: String,
    least_side: u32,
    attributes: Vec<String>,
    separator: String,
    validation_share: f64,
    test_share: f64,
    seed: u64,
    max_unusable: f64,
    tiles: usize,
}

/// The kind.
pub(crate) fn offer() -> Offer {
    let kind = Kind::new("images.import", "A folder of photos and a table of their attributes, packed for training")
        .inputs([
            Input::new("photos", "inode/directory", "photos, JPEG or PNG, in folders of any depth"),
            Input::new(
                "table",
                "text/csv",
                "a row for a photo, or for a folder with all photos below it that have no row of their own: its path, its \
                 attributes, perhaps its split, its group, and a box within it",
            ),
        ])
        .outputs([
            Output::new("images", "application/vnd.safetensors", "`images` u8 [N, size, size, 3], red, green and blue"),
            Output::new(
                "table",
                "application/vnd.apache.parquet",
                "row by row of `images`: file, split, group, box, and `attribute.NAME` for each attribute",
            ),
            Output::new("summary", "text/markdown", "photos by split and attribute; what was left out, and why"),
            Output::new("sheet", "image/png", "a contact sheet: photos of each value of the first attribute"),
        ])
        .parameters(parameters())
        .all_cpus();
    Offer { kind, run }
}

fn parameters() -> [Parameter; 14] {
    [
        Parameter::int("size", 16, 1024, "width and height that photos get").unit("pixels").default(128),
        Parameter::choice(
            "fit",
            &["crop", "letterbox"],
            "how a photo becomes square: its middle, as wide as its shorter side; or all of it, with grey beside it",
        )
        .default("crop"),
        Parameter::string("file", "column of the path within the folder of photos").default("file"),
        Parameter::string("split", "column that says `train`, `validation` or `test`; there may be none").default("split"),
        Parameter::string(
            "group",
            "column of what belongs together, such as a person or a place, and is never in two splits; there may be none",
        )
        .default("group"),
        Parameter::string(
            "box",
            "column of the part of a photo that a row is of: left, top, width and height in pixels of the photo as it is shown, \
             with spaces between them; there may be none. Several rows may then name one photo",
        )
        .default("box"),
        Parameter::int("least_side", 1, 1024, "photos, and parts of them, whose shorter side is shorter are left out")
            .unit("pixels")
            .default(1),
        Parameter::list("attributes", ParameterType::String, "columns of attributes; all others if empty")
            .default(serde_json::json!([])),
        Parameter::string("separator", "stands between values of a cell that has several").default(";"),
        Parameter::float("validation_share", 0.0, 0.9, "share of the photos without a split that go to validation")
            .default(0.1),
        Parameter::float("test_share", 0.0, 0.9, "share of the photos without a split that go to test").default(0.2),
        Parameter::int("seed", 0, i64::MAX, "seed of the splits").default(1),
        Parameter::float(
            "max_unusable",
            0.0,
            1.0,
            "share of photos that may be missing, damaged or contradicted before the stage stops",
        )
        .default(0.01),
        Parameter::int("tiles", 1, 50, "photos of each value on the contact sheet").default(8),
    ]
}

fn run(stage: &Stage) -> Result<(), StageError> {
    let p: Parameters = stage.parameters()?;
    let shares = Shares { validation: p.validation_share, test: p.test_share, seed: p.seed };
    if shares.validation + shares.test >= 1.0 {
        return Err(StageError::failed("`validation_share` and `test_share` leave nothing to train on; lower one"));
    }
    let table = stage.input("table")?;
    let columns = Columns {
        file: &p.file,
        split: &p.split,
        group: &p.group,
        part: &p.part,
        attributes: &p.attributes,
        separator: &p.separator,
    };
    let fault = |why: &dyn std::fmt::Display| StageError::failed(format!("{}: {why}", table.display()));
    let manifest = Manifest::read(table, &columns).map_err(|e| fault(&e))?;
    let folder = stage.input("photos")?;
    let listing = folder::list(folder).map_err(StageError::failed)?;
    let selection = select::select(&manifest, &listing).map_err(|e| fault(&e))?;
    let splits = assign(&members(&manifest, &selection), shares).map_err(|e| fault(&e))?;
    let fit = if p.fit == "crop" { Fit::Crop } else { Fit::Letterbox };
    let shape = Shape { size: p.size, fit, least_side: p.least_side };
    let (done, total) = (AtomicU64::new(0), selection.photos.len() as u64);
    let progress = || stage.progress(done.fetch_add(1, Ordering::Relaxed) + 1, total, "photos");
    let job =
        pack::Job { folder, manifest: &manifest, selection: &selection, splits: &splits, shape, progress: &progress };
    let limit = Limit { share: p.max_unusable };
    let packed = pack::pack(stage, &job, limit, stage.output("images")?)?;
    check_splits(&packed, shares)?;
    write(stage, &p, &manifest, &selection, &packed)
}

/// What the splits need to know of each photo. Parts of one photo belong together.
fn members<'a>(manifest: &'a Manifest, selection: &'a Selection) -> Vec<Member<'a>> {
    let parts = selection.photos.iter().filter(|photo| manifest.rows[photo.row].part.is_some());
    let in_parts: BTreeSet<&str> = parts.map(|photo| photo.path.as_str()).collect();
    let member = |photo: &'a select::Photo| {
        let (row, name) = (&manifest.rows[photo.row], photo.path.as_str());
        let group = row.group.as_deref().or_else(|| in_parts.contains(name).then_some(name));
        Member { name, group, split: row.split, line: row.line }
    };
    selection.photos.iter().map(member).collect()
}

/// A split that is asked for and stays empty would be found out much later.
fn check_splits(packed: &Packed, shares: Shares) -> Result<(), StageError> {
    let count = |split| packed.photos.iter().filter(|photo| photo.split == split).count();
    for (split, share) in [(Split::Train, 1.0), (Split::Validation, shares.validation), (Split::Test, shares.test)] {
        if share > 0.0 && count(split) == 0 {
            return Err(StageError::failed(format!(
                "none of {} photos is in the split `{}`: name some in the table, or change `seed` or the shares",
                packed.photos.len(),
                split.name()
            )));
        }
    }
    Ok(())
}

fn write(
    stage: &Stage,
    p: &Parameters,
    manifest: &Manifest,
    selection: &Selection,
    packed: &Packed,
) -> Result<(), StageError> {
    parquet::write(table::frame(manifest, packed).map_err(StageError::failed)?, stage.output("table")?)
        .map_err(StageError::failed)?;
    let report = summary::Report { manifest, selection, packed };
    fs_err::write(stage.output("summary")?, report.text()).map_err(StageError::failed)?;
    report.notes().into_iter().for_each(|note| stage.note(note));
    stage.metrics(None, &report.metrics());
    sheet::sheet(manifest, packed, stage.output("images")?, p.size, p.tiles)
        .map_err(StageError::failed)?
        .save_with_format(stage.output("sheet")?, image::ImageFormat::Png)
        .map_err(|e| StageError::failed(format!("the contact sheet: {e}")))
}

#[cfg(test)]
mod tests;

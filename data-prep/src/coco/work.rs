//! The work of the kind, step by step: read, look, merge, write.
//!
//! It knows the order of the steps and none of them closely.

use std::sync::atomic::{AtomicU64, Ordering};

use nnf_contract::{Labelled, Stage, StageError};
use polars::prelude::DataFrame;
use serde::Deserialize;

use crate::coco::find::Finder;
use crate::coco::instances::Instances;
use crate::coco::merge::{Merged, PIXELS, merge};
use crate::coco::named::NamedColours;
use crate::coco::photo::PhotoError;
use crate::coco::pixels::{Rules, Seen, look};
use crate::coco::region::Centre;
use crate::coco::summary::Summary;
use crate::coco::synonyms::Synonyms;
use crate::coco::words::{self, Table};
use crate::coco::{agreement, agreement_report, sheet, splice, table};
use crate::parquet;

#[derive(Debug, Deserialize)]
struct Parameters {
    #[serde(default)]
    trust: Vec<String>,
    least_agreement: f64,
    missing_images: String,
    box_centre: f64,
    outline_centre: f64,
    least_pixels: usize,
    spread: f64,
    least_share: f64,
    max_distance: f64,
    tiles: usize,
}

impl Parameters {
    fn rules(&self) -> Rules {
        Rules {
            centre: Centre { of_box: self.box_centre, of_outline: self.outline_centre },
            least_pixels: self.least_pixels,
            spread: self.spread,
            least_share: self.least_share,
            max_distance: self.max_distance,
        }
    }
}

pub(crate) fn run(stage: &Stage) -> Result<(), StageError> {
    let parameters: Parameters = stage.parameters()?;
    let synonyms = Synonyms::read(stage.input("synonyms")?).map_err(StageError::failed)?;
    let names = NamedColours::read(stage.input("named_colours")?, &synonyms).map_err(StageError::failed)?;
    let instances = Instances::read(stage.input("instances")?).map_err(StageError::failed)?;
    let tables = tables(stage, &instances, &parameters)?;
    let (done, total) = (AtomicU64::new(0), instances.images.len() as u64);
    let progress = || stage.progress(done.fetch_add(1, Ordering::Relaxed) + 1, total, "images");
    let skip = parameters.missing_images == "skip";
    let folder = stage.input("images")?;
    let (seen, faults) =
        look(&instances, folder, &names, parameters.rules(), skip, progress).map_err(StageError::failed)?;
    stage.go_on()?;
    let merged = merge(&instances, &tables, &seen, &synonyms);
    let objects = table::table(&instances, &merged).map_err(StageError::failed)?;
    notes(stage, &merged, &faults);
    let summary =
        Summary { instances: &instances, merged: &merged, tables: &tables, faults: &faults, objects: &objects };
    fs_err::write(stage.output("summary")?, summary.text().map_err(StageError::failed)?).map_err(StageError::failed)?;
    write_agreement(stage, &instances, &merged, &tables, &synonyms)?;
    write_objects(stage, &instances, &merged, objects)?;
    write_sheet(stage, &instances, &merged, &seen, parameters.tiles)
}

/// The tables of words, the most trusted first.
fn tables(stage: &Stage, instances: &Instances, parameters: &Parameters) -> Result<Vec<Table>, StageError> {
    let finder = Finder::new(instances);
    let inputs = in_order(stage.inputs("words"), &parameters.trust)?;
    let read = |(source, input): (String, Labelled)| {
        words::read(&input.path, &source, &finder, parameters.least_agreement).map_err(StageError::failed)
    };
    inputs.into_iter().map(read).collect()
}

/// Members of a fan-in come sorted by label, which says nothing about trust: `trust` has to name each of them once.
fn in_order(mut inputs: Vec<Labelled>, trust: &[String]) -> Result<Vec<(String, Labelled)>, StageError> {
    if let ([], [only]) = (trust, inputs.as_slice())
        && only.label != PIXELS
    {
        let name = if only.label.is_empty() { "words" } else { &only.label };
        return Ok(vec![(name.to_owned(), only.clone())]);
    }
    let labels: Vec<String> = inputs.iter().map(|input| format!("`{}`", input.label)).collect();
    let mut ordered = Vec::new();
    for label in trust {
        let position = inputs.iter().position(|input| input.label == *label && label != PIXELS);
        let Some(position) = position else {
            return Err(StageError::failed(format!(
                "`trust` names `{label}` twice, or it is no label of `words`; these are: {}",
                labels.join(", ")
            )));
        };
        ordered.push((label.clone(), inputs.remove(position)));
    }
    if let Some(left) = inputs.first() {
        return Err(StageError::failed(format!(
            "`trust` does not name the table `{}` of `words`; name all of {} in falling trust (`{PIXELS}` is no name of a table)",
            left.label,
            labels.join(", ")
        )));
    }
    Ok(ordered)
}

fn notes(stage: &Stage, merged: &Merged, faults: &[PhotoError]) {
    if let Some(first) = faults.first() {
        let count = faults.len();
        stage.note(format!(
            "{count} photos cannot be used, so that pixels say nothing of their objects; the first: {first}"
        ));
    }
    let count = |fits: &dyn Fn(usize) -> bool| (0..merged.verdicts.len()).filter(|o| fits(*o)).count() as f64;
    let verdicts = &merged.verdicts;
    stage.metrics(
        None,
        &[
            ("objects", verdicts.len() as f64),
            ("with a colour", count(&|object| !verdicts[object].colours.is_empty())),
            (
                "by tables of words",
                count(&|object| verdicts[object].source.is_some_and(|s| s + 1 < merged.sources.len())),
            ),
            ("contradictions", count(&|object| !verdicts[object].conflicts.is_empty())),
            ("photos left out", faults.len() as f64),
        ],
    );
}

fn write_agreement(
    stage: &Stage,
    instances: &Instances,
    merged: &Merged,
    tables: &[Table],
    synonyms: &Synonyms,
) -> Result<(), StageError> {
    let pairs = agreement::pairs(instances, merged);
    let merge = |answer: &str| {
        let words = synonyms.words_of(answer);
        let numbers = words.iter().filter_map(|word| synonyms.get(word)).filter(|number| *number > 0);
        let bits = numbers.fold(0, |bits, number| bits | 1 << (number - 1));
        (words, bits)
    };
    let asked = tables.iter().filter(|table| !table.answers.is_empty());
    let people: Vec<_> = asked.map(|table| agreement::people(&table.source, &table.answers, merge)).collect();
    fs_err::write(stage.output("agreement")?, agreement_report::text(&pairs, &people)).map_err(StageError::failed)?;
    let pairs = serde_json::to_string_pretty(&pairs).map_err(StageError::failed)?;
    let people = serde_json::to_string_pretty(&people).map_err(StageError::failed)?;
    // Not one JSON value: the order of its keys would rest on how serde_json was built.
    let data = format!("{{\"pairs\": {pairs},\n\"people\": {people}}}\n");
    fs_err::write(stage.output("agreement_data")?, data).map_err(StageError::failed)
}

fn write_objects(stage: &Stage, instances: &Instances, merged: &Merged, objects: DataFrame) -> Result<(), StageError> {
    let text = splice::splice(&instances.text, &table::fields(merged)).map_err(StageError::failed)?;
    fs_err::write(stage.output("annotations")?, text).map_err(StageError::failed)?;
    fs_err::write(stage.output("crops")?, table::crops(instances, merged)).map_err(StageError::failed)?;
    parquet::write(objects, stage.output("table")?).map_err(StageError::failed)
}

fn write_sheet(
    stage: &Stage,
    instances: &Instances,
    merged: &Merged,
    seen: &[Seen],
    tiles: usize,
) -> Result<(), StageError> {
    sheet::sheet(instances, merged, seen, stage.input("images")?, tiles)
        .save_with_format(stage.output("sheet")?, image::ImageFormat::Png)
        .map_err(|e| StageError::failed(format!("the contact sheet: {e}")))
}

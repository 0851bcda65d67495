//! Tasks and samples as tables, in the manner of `numvqa.synthesize`.
//!
//! Tasks: `task` u16, `name`, `source`, `bits` (property bits as `0` and `1`), `seen`, `further` (trained, never asked: none).
//! Samples: `task` u16, `photo` u32 (row of the packed images), `label` u8 (0 or 1), `hard`, `split`. Labels: `photo` u32,
//! `split`, `values` (`0` and `1` for each value of an attribute, in the order of `properties`).

use polars::prelude::*;
use serde_json::json;

use crate::images::split::Split;
use crate::images::tasks::attributes::Attributes;
use crate::images::tasks::choose::Task;
use crate::images::tasks::draw::Sample;

pub(crate) fn tasks(tasks: &[Task]) -> PolarsResult<DataFrame> {
    let texts = |text: &dyn Fn(&Task) -> &str| tasks.iter().map(|task| text(task).to_owned()).collect::<Vec<String>>();
    df!(
        "task" => (0..tasks.len()).map(short).collect::<Vec<u16>>(),
        "name" => texts(&|task| &task.name),
        "source" => texts(&|task| task.source.name()),
        "bits" => texts(&|task| &task.bits),
        "seen" => tasks.iter().map(|task| task.seen).collect::<Vec<bool>>(),
        "further" => vec![false; tasks.len()],
    )
}

pub(crate) fn samples(samples: &[Sample], split: Split) -> PolarsResult<DataFrame> {
    df!(
        "task" => samples.iter().map(|sample| short(sample.task)).collect::<Vec<u16>>(),
        "photo" => samples.iter().map(|sample| row(sample.photo)).collect::<Vec<u32>>(),
        "label" => samples.iter().map(|sample| u8::from(sample.label)).collect::<Vec<u8>>(),
        "hard" => samples.iter().map(|sample| sample.hard).collect::<Vec<bool>>(),
        "split" => vec![split.name(); samples.len()],
    )
}

pub(crate) fn labels(attributes: &Attributes) -> PolarsResult<DataFrame> {
    let photos = &attributes.photos;
    let values = |combination: usize| {
        let bits = (0..attributes.values.len()).map(|value| attributes.has(combination, value));
        bits.map(|bit| if bit { '1' } else { '0' }).collect::<String>()
    };
    df!(
        "photo" => (0..photos.len()).map(row).collect::<Vec<u32>>(),
        "split" => photos.iter().map(|photo| photo.split.name()).collect::<Vec<&str>>(),
        "values" => photos.iter().map(|photo| values(photo.combination)).collect::<Vec<String>>(),
    )
}

/// What each bit of a task, and each value of a photo, stands for.
pub(crate) fn properties(attributes: &Attributes) -> Result<String, serde_json::Error> {
    let value = |value: &crate::images::tasks::attributes::AttributeValue| {
        format!("{{\"attribute\": {}, \"value\": {}}}", json!(attributes.names[value.attribute]), json!(value.name))
    };
    let values: Vec<String> = attributes.values.iter().map(value).collect();
    let written = |prefix: &str| {
        let all = 0..attributes.values.len();
        all.map(|value| format!("{prefix} {}", attributes.written(value))).collect::<Vec<String>>()
    };
    let mut bits = [written("asked"), written("excluded")].concat();
    bits.extend(["any of several".to_owned(), "several of one attribute".to_owned()]);
    let bits = serde_json::to_string_pretty(&bits)?;
    // Not one JSON value: the order of its keys would rest on how serde_json was built.
    Ok(format!("{{\"values\": [\n  {}\n],\n\"bits\": {bits}}}\n", values.join(",\n  ")))
}

fn short(number: usize) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}

fn row(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

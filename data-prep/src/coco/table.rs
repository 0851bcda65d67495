//! Objects and their colours as a table, and as fields for the annotations of a COCO file.
//!
//! Table: `image` and `annotation` i64 (ids), `file_name`, `category`, `words` (joined by `; `), `source` (empty if none
//! speaks), `colour` (names joined by `+`, or `none`), `conflicts` (joined by `; `), `reason` (empty where there is a
//! colour), `split`. It does not decide anything.

use polars::prelude::*;
use serde_json::json;

use crate::coco::attribute::names_of;
use crate::coco::instances::{Instances, Object};
use crate::coco::merge::{Merged, Verdict};
use crate::coco::reason::Reason;

pub(crate) fn table(instances: &Instances, merged: &Merged) -> PolarsResult<DataFrame> {
    let objects = &instances.objects;
    let ids = |id: &dyn Fn(&Object) -> i64| objects.iter().map(id).collect::<Vec<i64>>();
    let texts = |text: &dyn Fn(&Object) -> String| objects.iter().map(text).collect::<Vec<String>>();
    let verdicts = |text: &dyn Fn(&Verdict) -> String| merged.verdicts.iter().map(text).collect::<Vec<String>>();
    df!(
        "image" => ids(&|object| instances.image(object).id),
        "annotation" => ids(&|object| object.id),
        "file_name" => texts(&|object| instances.image(object).file_name.clone()),
        "category" => texts(&|object| instances.category(object).name.clone()),
        "words" => verdicts(&|verdict| verdict.words.join("; ")),
        "source" => verdicts(&|verdict| merged.source(verdict).to_owned()),
        "colour" => verdicts(&|verdict| names_of(&verdict.colours)),
        "conflicts" => verdicts(&|verdict| verdict.conflicts.join("; ")),
        "reason" => verdicts(&|verdict| verdict.reason.map_or("", Reason::code).to_owned()),
        "split" => texts(&|object| instances.image(object).split.clone()),
    )
}

/// The fields that an annotation gets: `colours` (numbers 1–5), `colour_source` and `colour_words` where a source speaks,
/// `colour_reason` where there is no colour.
pub(crate) fn fields(merged: &Merged) -> Vec<String> {
    let field = |verdict: &Verdict| {
        let mut field = format!("\"colours\": {}", json!(verdict.colours));
        if verdict.source.is_some() {
            let (source, words) = (json!(merged.source(verdict)), json!(verdict.words));
            field.push_str(&format!(", \"colour_source\": {source}, \"colour_words\": {words}"));
        }
        if let Some(reason) = verdict.reason {
            field.push_str(&format!(", \"colour_reason\": {}", json!(reason.code())));
        }
        field
    };
    merged.verdicts.iter().map(field).collect()
}

/// Objects that have a colour, as `images.import` reads them.
pub(crate) fn crops(instances: &Instances, merged: &Merged) -> String {
    let cell = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let mut seen = std::collections::BTreeSet::new();
    let mut text = "file,box,category,colour\n".to_owned();
    for (object, verdict) in instances.objects.iter().zip(&merged.verdicts) {
        let Ok([left, top, width, height]) = object.place else { continue };
        let (file, part) = (&instances.image(object).file_name, format!("{left} {top} {width} {height}"));
        if verdict.colours.is_empty() || !seen.insert((file, part.clone())) {
            continue;
        }
        let colours = names_of(&verdict.colours).replace('+', ";");
        let cells = [cell(file), cell(&part), cell(&instances.category(object).name), cell(&colours)];
        text.push_str(&format!("{}\n", cells.join(",")));
    }
    text
}

//! Kind `report.ablations`: what each part of the method is worth, as variants of one training of equal length.
//!
//! It does not know what a variant changes; its name says so.

use std::collections::BTreeSet;

use nnf_contract::{Input, Kind, Offer, Parameter, Stage, StageError};
use nnf_results::statistics::mean;
use polars::prelude::*;
use serde::Deserialize;

use crate::document::Document;
use crate::error::ReportError;
use crate::format::{percent, points};
use crate::output::{self, PARQUET};
use crate::read;
use crate::table::Table;

const COLUMNS: [&str; 5] = ["seen", "limit", "accuracy", "ratio", "generated_ratio"];

#[derive(Debug, Deserialize)]
struct Parameters {
    title: String,
    base: String,
    scale: String,
}

pub(crate) fn offer() -> Offer {
    let kind = Kind::new("report.ablations", "Table of variants of a training: accuracy and ratio beside the base's")
        .inputs([Input::new("results", PARQUET, "results of one variant each, labelled with its name").many()])
        .outputs(output::of_table())
        .parameters([
            Parameter::string("title", "title of the table").default("Ablations"),
            Parameter::string("base", "name of the variant that the others are compared with"),
            output::scale(),
        ]);
    Offer { kind, run }
}

fn run(stage: &Stage) -> Result<(), StageError> {
    let p: Parameters = stage.parameters()?;
    let mut rows = Vec::new();
    for labelled in stage.inputs("results") {
        // `variant=NAME`
        let name = labelled.label.split_once('=').map_or(labelled.label.as_str(), |(_, name)| name);
        rows.extend(summarised(name, &read::parquet(&labelled.path, &COLUMNS)?)?);
    }
    let document = document(&rows, &p)?;
    output::write_table(stage, &document, data(&rows).map_err(ReportError::from)?)
}

/// Means of one variant at one limit.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    variant: String,
    limit: f64,
    seen: Option<f64>,
    unseen: Option<f64>,
    ratio: f64,
    generated: f64,
}

/// A row for each limit.
pub(crate) fn summarised(variant: &str, results: &DataFrame) -> Result<Vec<Row>, ReportError> {
    let [limits, accuracy, ratio, generated] =
        ["limit", "accuracy", "ratio", "generated_ratio"].map(|name| read::all_numbers(results, name));
    let (limits, accuracy, ratio, generated) = (limits?, accuracy?, ratio?, generated?);
    let seen = read::flags(results, "seen")?;
    let mut all = limits.clone();
    all.sort_by(f64::total_cmp);
    all.dedup();
    let row = |limit: f64| {
        let of = |values: &[f64], wanted: &dyn Fn(usize) -> bool| {
            let own: Vec<f64> =
                (0..limits.len()).filter(|at| limits[*at] == limit && wanted(*at)).map(|at| values[at]).collect();
            (!own.is_empty()).then(|| mean(&own))
        };
        Row {
            variant: variant.to_owned(),
            limit,
            seen: of(&accuracy, &|at| seen[at]),
            unseen: of(&accuracy, &|at| !seen[at]),
            ratio: of(&ratio, &|_| true).unwrap_or(f64::NAN),
            generated: of(&generated, &|_| true).unwrap_or(f64::NAN),
        }
    };
    Ok(all.into_iter().map(row).collect())
}

fn document(rows: &[Row], p: &Parameters) -> Result<Document, ReportError> {
    let names = read::distinct(&rows.iter().map(|row| row.variant.clone()).collect::<Vec<String>>());
    if !names.contains(&p.base) {
        return Err(ReportError::Misfit(format!("`base` is `{}`, but the variants are {}", p.base, names.join(", "))));
    }
    let limits: BTreeSet<u64> = rows.iter().map(|row| row.limit.to_bits()).collect();
    let mut document = Document::new(&p.title).text(format!(
        "Each variant differs from `{}` in what its name says and is trained for as many steps. Accuracies are means over \
         tasks; differences are percentage points.",
        p.base
    ));
    for limit in limits.into_iter().map(f64::from_bits) {
        let of = |name: &String| rows.iter().find(|row| row.variant == *name && row.limit == limit);
        let base = of(&p.base);
        let line = |name: &String| {
            let row = of(name)?;
            let beside = |f: fn(&Row) -> Option<f64>| {
                if *name == p.base { String::new() } else { points(f(row), base.and_then(f)) }
            };
            Some(vec![
                name.clone(),
                percent(row.seen, 2),
                beside(|row| row.seen),
                percent(row.unseen, 2),
                beside(|row| row.unseen),
                percent(Some(row.generated), 2),
                percent(Some(row.ratio), 2),
            ])
        };
        let titles = ["variant:", "seen tasks", "±", "unseen tasks", "±", "generated ratio", "ratio"];
        let caption = format!("At an activation limit of {}", percent(Some(limit), 0));
        document = document.table(caption, Table::new(titles, names.iter().filter_map(line).collect()));
    }
    Ok(document.text(&p.scale))
}

fn data(rows: &[Row]) -> PolarsResult<DataFrame> {
    let options = |f: fn(&Row) -> Option<f64>| rows.iter().map(f).collect::<Vec<Option<f64>>>();
    df!(
        "variant" => rows.iter().map(|row| row.variant.clone()).collect::<Vec<String>>(),
        "limit" => options(|row| Some(row.limit)),
        "seen_accuracy" => options(|row| row.seen),
        "unseen_accuracy" => options(|row| row.unseen),
        "generated_ratio" => options(|row| Some(row.generated)),
        "ratio" => options(|row| Some(row.ratio)),
    )
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn results(unseen: f64) -> DataFrame {
        df!(
            "seen" => [true, true, false, true, true, false],
            "limit" => [0.03, 0.03, 0.03, 0.1, 0.1, 0.1],
            "accuracy" => [0.9, 0.94, unseen, 0.98, 1.0, unseen],
            "ratio" => [0.03, 0.02, 0.025, 0.06, 0.06, 0.06],
            "generated_ratio" => [0.05, 0.02, 0.02, 0.06, 0.06, 0.06],
        )
        .unwrap()
    }

    #[test]
    fn variants_stand_beside_their_base() {
        let mut rows = summarised("all", &results(0.95)).unwrap();
        rows.extend(summarised("without x", &results(0.8)).unwrap());
        let of = |base: &str| Parameters { title: "T".into(), base: base.into(), scale: "small".into() };
        let text = document(&rows, &of("all")).unwrap().markdown();
        assert!(text.contains("limit of 3 %:") && text.contains("limit of 10 %:") && text.contains("small"), "{text}");
        let line = text.lines().find(|line| line.contains("without x")).unwrap();
        let cells: Vec<&str> = line.split('|').map(str::trim).filter(|cell| !cell.is_empty()).collect();
        assert_eq!(cells, ["without x", "92.00 %", "+0.0", "80.00 %", "-15.0", "3.00 %", "2.50 %"]);
        assert_eq!(data(&rows).unwrap().height(), 4);
        assert!(document(&rows, &of("none")).unwrap_err().to_string().contains("variants are all, without x"));
    }
}

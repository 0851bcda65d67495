//! Kind `report.ablations`: what each part of the method is worth, as variants of one training of equal length.

use std::collections::{BTreeMap, BTreeSet};

use nnf_contract::{Input, Kind, Offer, Parameter, Stage, StageError};
use nnf_results::statistics;
use polars::prelude::*;
use serde::Deserialize;

use crate::document::Document;
use crate::error::ReportError;
use crate::estimate::{self, Estimate};
use crate::format::{limit, percent};
use crate::output::{self, PARQUET};
use crate::read;
use crate::table::Table;

const COLUMNS: [&str; 6] = ["task", "seen", "limit", "accuracy", "ratio", "generated_ratio"];

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
    let (mut rows, mut samples) = (Vec::new(), Vec::new());
    for labelled in stage.inputs("results") {
        let results = read::parquet(&labelled.path, &COLUMNS)?;
        rows.extend(summarised(&output::name(&labelled.label), &results)?);
        samples.extend(read::optional_numbers(&results, "samples")?.into_iter().flatten());
    }
    let document = document(&rows, &judged(&samples), &p)?;
    output::write_table(stage, &document, data(&rows, &p.base).map_err(ReportError::from)?)
}

/// Results of one variant at one limit.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    variant: String,
    limit: f64,
    seen: Accuracies,
    unseen: Accuracies,
    ratio: f64,
    generated: f64,
}

/// Accuracy of each task of a kind.
#[derive(Clone, Debug, Default, PartialEq)]
struct Accuracies(BTreeMap<String, f64>);

impl Accuracies {
    fn mean(&self) -> Option<Estimate> {
        Estimate::of(&self.0.values().copied().collect::<Vec<f64>>())
    }

    /// Mean difference to another variant's, task by task.
    fn more_than(&self, base: &Accuracies) -> Option<Estimate> {
        let more = |(task, accuracy): (&String, &f64)| Some(accuracy - base.0.get(task)?);
        Estimate::of(&self.0.iter().filter_map(more).collect::<Vec<f64>>())
    }
}

/// A row for each limit.
///
/// # Errors
/// When a task has two rows at a limit.
pub(crate) fn summarised(variant: &str, results: &DataFrame) -> Result<Vec<Row>, ReportError> {
    let [limits, accuracy, ratio, generated] =
        ["limit", "accuracy", "ratio", "generated_ratio"].map(|name| read::all_numbers(results, name));
    let (limits, accuracy, ratio, generated) = (limits?, accuracy?, ratio?, generated?);
    let (seen, tasks) = (read::flags(results, "seen")?, read::words(results, "task")?);
    let mut all = limits.clone();
    all.sort_by(f64::total_cmp);
    all.dedup();
    let row = |at: f64| {
        let own: Vec<usize> = (0..limits.len()).filter(|row| limits[*row] == at).collect();
        let accuracies = |wanted: bool| {
            let mut found = Accuracies::default();
            for row in own.iter().filter(|row| seen[**row] == wanted) {
                if found.0.insert(tasks[*row].clone(), accuracy[*row]).is_some() {
                    let (task, at) = (&tasks[*row], limit(at));
                    let why = format!("variant `{variant}` has two rows of task `{task}` at a limit of {at}");
                    return Err(ReportError::Misfit(format!("{why}; give each result once")));
                }
            }
            Ok(found)
        };
        let of = |values: &[f64]| statistics::mean(&own.iter().map(|row| values[*row]).collect::<Vec<f64>>());
        let (ratio, generated) = (of(&ratio), of(&generated));
        Ok(Row {
            variant: variant.to_owned(),
            limit: at,
            seen: accuracies(true)?,
            unseen: accuracies(false)?,
            ratio,
            generated,
        })
    };
    all.into_iter().map(row).collect()
}

fn document(rows: &[Row], judged: &str, p: &Parameters) -> Result<Document, ReportError> {
    let names = read::distinct(&rows.iter().map(|row| row.variant.clone()).collect::<Vec<String>>());
    if !names.contains(&p.base) {
        return Err(ReportError::Misfit(format!("`base` is `{}`, but the variants are {}", p.base, names.join(", "))));
    }
    let limits: BTreeSet<u64> = rows.iter().map(|row| row.limit.to_bits()).collect();
    let mut document = Document::new(&p.title).text(format!(
        "Each variant differs from {} in what its name says. Accuracies are \
         means over tasks with the 95 % interval of that mean (Student's t over tasks); points to base are the mean \
         difference task by task, with the interval of that difference. Neither tells what another seed would change. \
         {judged}",
        p.base
    ));
    for at in limits.into_iter().map(f64::from_bits) {
        let of = |name: &String| rows.iter().find(|row| row.variant == *name && row.limit == at);
        let line = |name: &String| {
            let row = of(name)?;
            let beside = |f: fn(&Row) -> &Accuracies| match *name == p.base {
                true => String::new(),
                false => estimate::points(to_base(rows, &p.base, row, f)),
            };
            Some(vec![
                name.clone(),
                estimate::share(row.seen.mean()),
                beside(|row| &row.seen),
                estimate::share(row.unseen.mean()),
                beside(|row| &row.unseen),
                percent(Some(row.generated), 2),
                percent(Some(row.ratio), 2),
            ])
        };
        let titles =
            ["variant:", "seen tasks", "points to base", "unseen tasks", "points to base", "generated ratio", "ratio"];
        let caption = format!("At an activation limit of {}", limit(at));
        document = document.table(caption, Table::new(titles, names.iter().filter_map(line).collect()));
    }
    Ok(document.text(&p.scale))
}

/// On what the variants were judged, if the tables say it.
fn judged(samples: &[f64]) -> String {
    let least = samples.iter().copied().fold(f64::INFINITY, f64::min);
    if least.is_finite() { format!("Judged on at least {least:.0} samples a task and limit.") } else { String::new() }
}

/// Mean difference of a variant to the base at the same limit, task by task.
fn to_base(rows: &[Row], base: &str, row: &Row, f: fn(&Row) -> &Accuracies) -> Option<Estimate> {
    let base = rows.iter().find(|other| other.variant == base && other.limit == row.limit)?;
    f(row).more_than(f(base))
}

fn data(rows: &[Row], base: &str) -> PolarsResult<DataFrame> {
    let options = |f: &dyn Fn(&Row) -> Option<f64>| rows.iter().map(f).collect::<Vec<Option<f64>>>();
    let seen = |row: &Row| to_base(rows, base, row, |row| &row.seen);
    let unseen = |row: &Row| to_base(rows, base, row, |row| &row.unseen);
    df!(
        "variant" => rows.iter().map(|row| row.variant.clone()).collect::<Vec<String>>(),
        "limit" => options(&|row| Some(row.limit)),
        "seen_accuracy" => options(&|row| row.seen.mean().map(|one| one.mean)),
        "seen_half_interval" => options(&|row| row.seen.mean().and_then(|one| one.half)),
        "seen_to_base" => options(&|row| seen(row).map(|one| one.mean)),
        "seen_to_base_half_interval" => options(&|row| seen(row).and_then(|one| one.half)),
        "unseen_accuracy" => options(&|row| row.unseen.mean().map(|one| one.mean)),
        "unseen_half_interval" => options(&|row| row.unseen.mean().and_then(|one| one.half)),
        "unseen_to_base" => options(&|row| unseen(row).map(|one| one.mean)),
        "unseen_to_base_half_interval" => options(&|row| unseen(row).and_then(|one| one.half)),
        "generated_ratio" => options(&|row| Some(row.generated)),
        "ratio" => options(&|row| Some(row.ratio)),
    )
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    /// Three seen tasks and an unseen one at two limits; a shift of the seen ones.
    fn results(shift: [f64; 3], unseen: f64) -> DataFrame {
        let mut rows: Vec<(&str, bool, f64, f64)> = Vec::new();
        for at in [0.025, 0.1] {
            rows.extend(
                [("a", 0.9), ("b", 0.94), ("c", 0.98)].iter().zip(shift).map(|(a, s)| (a.0, true, at, a.1 + s)),
            );
            rows.push(("d", false, at, unseen));
        }
        df!(
            "task" => rows.iter().map(|row| row.0).collect::<Vec<_>>(),
            "seen" => rows.iter().map(|row| row.1).collect::<Vec<_>>(),
            "limit" => rows.iter().map(|row| row.2).collect::<Vec<_>>(),
            "accuracy" => rows.iter().map(|row| row.3).collect::<Vec<_>>(),
            "ratio" => vec![0.025; 8],
            "generated_ratio" => vec![0.03; 8],
        )
        .unwrap()
    }

    #[test]
    fn variants_stand_beside_their_base() {
        let mut rows = summarised("all", &results([0.0; 3], 0.95)).unwrap();
        rows.extend(summarised("without x", &results([-0.01, -0.02, -0.03], 0.8)).unwrap());
        let of = |base: &str| Parameters { title: "T".into(), base: base.into(), scale: "small".into() };
        let told = judged(&[300.0, 200.0]);
        let text = document(&rows, &told, &of("all")).unwrap().markdown();
        assert!(
            text.contains("limit of 2.5 %:") && text.contains("limit of 10 %:") && text.contains("small"),
            "{text}"
        );
        assert!(text.contains("Judged on at least 200 samples a task and limit."), "{text}");
        let cells = |name: &str| -> Vec<String> {
            let line = text.lines().find(|line| line.starts_with(&format!("| {name}"))).unwrap();
            line.split('|').map(|cell| cell.trim().to_owned()).collect()
        };
        // Student's t with two degrees of freedom: 4.303 · 0.04 / √3 and 4.303 · 0.01 / √3. The tasks differ more than the
        // variants do from task to task, so the paired interval is the narrower.
        assert_eq!(cells("all")[1..6], ["all", "94.00 % ± 9.94", "", "95.00 %", ""]);
        assert_eq!(cells("without x")[3..8], ["-2.00 ± 2.48", "80.00 %", "-15.00", "3.00 %", "2.50 %"]);
        let table = data(&rows, "all").unwrap();
        let shift = read::numbers(&table, "seen_to_base").unwrap()[2].unwrap();
        assert!(table.height() == 4 && (shift + 0.02).abs() < 1e-12, "{table}");
        let none = document(&rows, "", &of("none")).unwrap_err().to_string();
        assert!(none.contains("variants are all, without x"));
        assert_eq!(judged(&[]), "");
    }

    #[test]
    fn a_task_that_is_there_twice_is_refused() {
        let once = results([0.0; 3], 0.9);
        let why = summarised("v", &once.vstack(&once.slice(0, 1)).unwrap()).unwrap_err().to_string();
        assert_eq!(why, "variant `v` has two rows of task `a` at a limit of 2.5 %; give each result once");
    }
}

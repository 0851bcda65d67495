//! Kind `report.table4`: what each method costs once, and what for each scenario (Table 4).

use std::collections::BTreeSet;

use nnf_contract::{Input, Kind, Offer, Stage, StageError};
use nnf_results::{Cost, statistics};
use polars::prelude::*;
use serde::Deserialize;

use crate::baseline::{self, OURS};
use crate::document::Document;
use crate::error::ReportError;
use crate::format::{NONE, duration, or_none};
use crate::output::{self, PARQUET};
use crate::read;
use crate::table::Table;

#[derive(Debug, Deserialize)]
struct Parameters {
    scale: String,
}

const SWEEP: [&str; 3] = ["search_ms", "extract_ms", "save_ms"];
const TIMES: [&str; 2] = ["method", "seconds_to_best"];

pub(crate) fn offer() -> Offer {
    let json = "application/json";
    let kind =
        Kind::new("report.table4", "Table 4: preparation and customisation time of each method, and their factors")
            .inputs([
                Input::new("preparation", json, "costs of NN-Factory's training").many(),
                Input::new("profiling", json, "costs of profiling devices, for NN-Factory and for Prune&Tune")
                    .many()
                    .optional(),
                Input::new("calibration", json, "costs of the sweeps' measurements before they search")
                    .many()
                    .optional(),
                Input::new("sweeps", PARQUET, "results of sweeps, with the time of each scenario").many(),
                Input::new("paper", "text/csv", "the paper's rows"),
                Input::new("retrain", PARQUET, "tables of Retrain").many().optional(),
                Input::new("baselines", PARQUET, "tables of the other baselines").many().optional(),
                Input::new("prune_preparation", json, "costs of Prune&Tune's unified network").many().optional(),
                Input::new("retraining", json, "costs of Retrain's networks: where they were trained")
                    .many()
                    .optional(),
                Input::new("tuning", json, "the same of Prune&Tune's networks").many().optional(),
                Input::new("retrain_preparation", json, "costs of the weights that Retrain starts from")
                    .many()
                    .optional(),
            ])
            .outputs(output::of_table())
            .parameters([output::scale()]);
    Offer { kind, run }
}

fn run(stage: &Stage) -> Result<(), StageError> {
    let p: Parameters = stage.parameters()?;
    let sweeps = output::collected(stage, "sweeps", &SWEEP)?;
    let paper = read::csv(stage.input("paper")?, &["method", "preparation_hours", "customization_seconds"])?;
    let mut baselines: Option<DataFrame> = None;
    for input in ["retrain", "baselines"].into_iter().filter(|input| !stage.inputs(input).is_empty()) {
        let more = output::collected_with(stage, input, &TIMES, &[("converged", DataType::Boolean)])?;
        match &mut baselines {
            None => baselines = Some(more),
            Some(all) => drop(all.vstack_mut(&more).map_err(ReportError::from)?),
        }
    }
    let preparation = Preparation {
        ours: costs(stage, &["preparation", "profiling", "calibration"])?,
        retrain: costs(stage, &["retrain_preparation"])?,
        prune: costs(stage, &["prune_preparation", "profiling"])?,
        customisation: costs(stage, &["retraining", "tuning"])?,
    };
    let methods = methods(&sweeps, baselines.as_ref(), &preparation, &paper)?;
    let document = document(&methods, &preparation, &parts(&sweeps)?)
        .text(baselines.as_ref().map_or(Ok(String::new()), unconverged)?)
        .text(p.scale);
    output::write_table(stage, &document, data(&methods).map_err(StageError::failed)?)
}

/// Reads the costs that stand under some inputs.
fn costs(stage: &Stage, inputs: &[&str]) -> Result<Vec<Cost>, ReportError> {
    let paths = inputs.iter().flat_map(|input| output::paths(stage, input));
    Ok(paths.map(|path| Cost::load(&path)).collect::<Result<_, _>>()?)
}

/// What was done once for each method, and where scenarios were worked on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Preparation {
    pub(crate) ours: Vec<Cost>,
    pub(crate) retrain: Vec<Cost>,
    pub(crate) prune: Vec<Cost>,
    /// Of the baselines' networks for all scenarios together; where they were trained.
    pub(crate) customisation: Vec<Cost>,
}

impl Preparation {
    /// Costs of a method by its title; none for a method that nothing is known of.
    fn of(&self, method: &str) -> &[Cost] {
        let known: [(&str, &[Cost]); 3] = [(OURS, &self.ours), ("Retrain", &self.retrain), ("Prune", &self.prune)];
        known.into_iter().find(|(start, _)| method.starts_with(start)).map_or(&[], |(_, costs)| costs)
    }

    fn seconds(&self, method: &str) -> Option<f64> {
        let costs = self.of(method);
        (!costs.is_empty()).then(|| costs.iter().map(|cost| cost.seconds).sum::<f64>())
    }
}

/// A row of the table; seconds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Method {
    pub(crate) name: String,
    pub(crate) preparation: Option<f64>,
    pub(crate) customisation: f64,
    pub(crate) scenarios: usize,
    pub(crate) paper_preparation: Option<f64>,
    pub(crate) paper_customisation: Option<f64>,
}

pub(crate) fn methods(
    sweeps: &DataFrame,
    baselines: Option<&DataFrame>,
    preparation: &Preparation,
    paper: &DataFrame,
) -> Result<Vec<Method>, ReportError> {
    let parts = SWEEP.iter().map(|name| read::all_numbers(sweeps, name)).collect::<Result<Vec<_>, _>>()?;
    let each: Vec<f64> =
        (0..sweeps.height()).map(|row| parts.iter().map(|part| part[row]).sum::<f64>() / 1e3).collect();
    let mut methods = vec![of_paper(paper, OURS.to_owned(), preparation.seconds(OURS), &each)?];
    if let Some(baselines) = baselines {
        let names: Vec<String> = read::words(baselines, "method")?.iter().map(|name| baseline::title(name)).collect();
        let seconds = read::numbers(baselines, "seconds_to_best")?;
        for name in read::distinct(&names) {
            let own = (0..names.len()).filter(|row| names[*row] == name);
            let own: Vec<f64> = own.filter_map(|row| seconds[row]).filter(|seconds| seconds.is_finite()).collect();
            let once = preparation.seconds(&name);
            methods.push(of_paper(paper, name, once, &own)?);
        }
    }
    Ok(methods)
}

/// A method with the paper's figures of the same name, whatever variant it is.
fn of_paper(paper: &DataFrame, name: String, preparation: Option<f64>, each: &[f64]) -> Result<Method, ReportError> {
    if each.is_empty() {
        return Err(ReportError::Misfit(format!("no scenario of {name} has a time")));
    }
    let theirs: Vec<String> = read::words(paper, "method")?.iter().map(|method| baseline::title(method)).collect();
    let row = theirs.iter().position(|title| name.starts_with(title.as_str()));
    let (hours, seconds) = (read::numbers(paper, "preparation_hours")?, read::numbers(paper, "customization_seconds")?);
    Ok(Method {
        preparation,
        customisation: statistics::mean(each),
        scenarios: each.len(),
        paper_preparation: row.and_then(|row| hours[row]).map(|hours| hours * 3600.0),
        paper_customisation: row.and_then(|row| seconds[row]),
        name,
    })
}

const TITLES: [&str; 10] = [
    "method:",
    "preparation, paper",
    "preparation, ours",
    "ours / paper",
    "customisation, paper",
    "customisation, ours",
    "ours / paper",
    "factor to NN-Factory, paper",
    "factor, ours",
    "scenarios",
];

/// Mean seconds of search, extraction and saving, over scenarios.
pub(crate) fn parts(sweeps: &DataFrame) -> Result<[f64; 3], ReportError> {
    let [search, extract, save] = SWEEP.map(|name| read::all_numbers(sweeps, name));
    Ok([search?, extract?, save?].map(|part| statistics::mean(&part) / 1e3))
}

pub(crate) fn document(methods: &[Method], preparation: &Preparation, parts: &[f64; 3]) -> Document {
    let ours = methods.first();
    let factor = |own: Option<f64>, of: &dyn Fn(&Method) -> Option<f64>| {
        or_none(own.zip(ours.and_then(of)).map(|(own, ours)| own / ours), |factor| format!("{factor:.1}×"))
    };
    let row = |method: &Method| {
        vec![
            method.name.clone(),
            duration(method.paper_preparation),
            duration(method.preparation),
            difference(method.preparation, method.paper_preparation),
            duration(method.paper_customisation),
            duration(Some(method.customisation)),
            difference(Some(method.customisation), method.paper_customisation),
            factor(method.paper_customisation, &|ours| ours.paper_customisation),
            factor(Some(method.customisation), &|ours| Some(ours.customisation)),
            method.scenarios.to_string(),
        ]
    };
    let mut document = Document::new("Preparation time (once) and customisation time (for each scenario)")
        .table("", Table::new(TITLES, methods.iter().map(row).collect()))
        .text(
            "Customisation of NN-Factory is the mean over scenarios of search over all limits (with making a subnet fit and \
             asking it validation samples, where it does so), extraction and saving; what a sweep measures beforehand, \
             once for a device and its budgets, is preparation. Customisation of a baseline is the mean time of pruning \
             and of training until it is within 0.1 point of its best validation accuracy, without the time of looking at \
             validation samples; the network that is compared elsewhere is of the least validation loss, which may come \
             later.",
        )
        .table("Customisation of NN-Factory, mean over scenarios", split(parts))
        .table("Preparation", once(methods, preparation));
    if !preparation.customisation.is_empty() {
        let caption = "Customisation of the baselines, all scenarios together";
        document = document.table(caption, together(&preparation.customisation));
    }
    document.text(unlike(preparation))
}

/// A remark where trainings ended because their steps ran out; nothing where none did or the tables do not say.
pub(crate) fn unconverged(baselines: &DataFrame) -> Result<String, ReportError> {
    let (methods, converged) = (read::words(baselines, "method")?, read::optional_words(baselines, "converged")?);
    let ended = |method: &String| {
        let own = (0..methods.len()).filter(|row| methods[*row] == *method && converged[*row].is_some());
        let (all, open) = own
            .fold((0, 0), |(all, open), row| (all + 1, open + u32::from(converged[row].as_deref() == Some("false"))));
        (open > 0).then(|| format!("{open} of {all} of {}", baseline::title(method)))
    };
    let told: Vec<String> = read::distinct(&methods).iter().filter_map(ended).collect();
    Ok(match told.as_slice() {
        [] => String::new(),
        told => format!("Attention: trainings that ran out of steps before they converged: {}.", told.join(", ")),
    })
}

/// The paper's split of 3.6 s (section 5.3) beside ours.
fn split([search, extract, save]: &[f64; 3]) -> Table {
    let row = |part: &str, paper: &str, ours: f64| vec![part.to_owned(), paper.to_owned(), duration(Some(ours))];
    let rows = vec![
        row("search", "2.4 s (about 12 rounds of 0.2 s)", *search),
        row("extraction", "0.8 s", *extract),
        row("saving", NONE, *save),
        row("together", "3.6 s", search + extract + save),
    ];
    Table::new(["part:", "paper", "ours"], rows)
}

/// What each method's preparation consists of, and on what it ran.
fn once(methods: &[Method], preparation: &Preparation) -> Table {
    let row = |method: &Method, cost: &Cost| [vec![method.name.clone()], told(cost)].concat();
    let rows = |method: &Method| preparation.of(&method.name).iter().map(|cost| row(method, cost)).collect::<Vec<_>>();
    Table::new([&["method:"], &COST[..]].concat(), methods.iter().flat_map(rows).collect())
}

/// Time of stages that customise for many scenarios, and on what they ran.
fn together(costs: &[Cost]) -> Table {
    Table::new(COST, costs.iter().map(told).collect())
}

/// Titles of what is told of a cost.
const COST: [&str; 5] = ["stage:", "time", "device:", "threads", "number format:"];

fn told(cost: &Cost) -> Vec<String> {
    let format = cost.precision.clone().unwrap_or_else(|| NONE.to_owned());
    vec![cost.stage.clone(), duration(Some(cost.seconds)), cost.device.clone(), cost.threads.to_string(), format]
}

/// A remark where parts ran on unlike machines; nothing where they did not.
fn unlike(preparation: &Preparation) -> String {
    let Preparation { ours, retrain, prune, customisation } = preparation;
    let all = [ours, retrain, prune, customisation].into_iter().flatten();
    let places: BTreeSet<(&str, u32)> = all.map(|cost| (cost.device.as_str(), cost.threads)).collect();
    if places.len() < 2 {
        return String::new();
    }
    let threads = |count: u32| format!("{count} thread{}", if count == 1 { "" } else { "s" });
    let told: Vec<String> = places.iter().map(|(device, count)| format!("{device} with {}", threads(*count))).collect();
    format!("Attention: not all parts ran on the same: {}.", told.join(", "))
}

/// How many times the paper's time ours is.
fn difference(ours: Option<f64>, paper: Option<f64>) -> String {
    or_none(ours.zip(paper).map(|(ours, paper)| ours / paper), |share| format!("{share:.2e}"))
}

fn data(methods: &[Method]) -> PolarsResult<DataFrame> {
    let options = |f: &dyn Fn(&Method) -> Option<f64>| methods.iter().map(f).collect::<Vec<Option<f64>>>();
    df!(
        "method" => methods.iter().map(|method| method.name.clone()).collect::<Vec<String>>(),
        "preparation_seconds" => options(&|method| method.preparation),
        "paper_preparation_seconds" => options(&|method| method.paper_preparation),
        "customisation_seconds" => options(&|method| Some(method.customisation)),
        "paper_customisation_seconds" => options(&|method| method.paper_customisation),
        "scenarios" => methods.iter().map(|method| method.scenarios as u64).collect::<Vec<u64>>(),
    )
}

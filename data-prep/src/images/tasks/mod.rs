//! Kind `images.tasks`: yes-or-no questions about photos, of combinations of their attributes, and samples of them.

mod attributes;
mod choose;
mod draw;
mod formula;
mod grammar;
mod nearest;
mod summary;
mod table;

use nnf_contract::{Input, Kind, Offer, Output, Parameter, ParameterType, Stage, StageError};
use rayon::prelude::*;
use serde::Deserialize;

use crate::images::split::Split;
use crate::parquet;
use attributes::Attributes;
use choose::{Chooser, Rules};
use draw::{Plan, Sample, draw};
use formula::Formula;
use grammar::parse;
use nearest::States;

const PARQUET: &str = "application/vnd.apache.parquet";

/// Tasks that a table can number.
const MOST_TASKS: usize = 65_000;

#[derive(Debug, Deserialize)]
struct Parameters {
    tasks: Vec<String>,
    unseen: Vec<String>,
    generate: Vec<String>,
    most_generated: usize,
    unseen_share: f64,
    least_photos: usize,
    hard_share: f64,
    train_samples: usize,
    validation_samples: usize,
    test_samples: usize,
    seed: u64,
}

/// The kind.
pub(crate) fn offer() -> Offer {
    let kind = Kind::new("images.tasks", "Yes-or-no questions about photos, of combinations of their attributes")
        .inputs([Input::new("table", PARQUET, "photos and their attributes, from `images.import`")])
        .outputs([
            Output::new("train", PARQUET, "samples of the seen tasks: task, photo (row of the images), label"),
            Output::new("validation", PARQUET, "samples of all tasks"),
            Output::new("test", PARQUET, "samples of all tasks"),
            Output::new("tasks", PARQUET, "the tasks: name, source, property bits, seen or not"),
            Output::new("labels", PARQUET, "the values of each photo's attributes, as 0 and 1"),
            Output::new("properties", "application/json", "what the property bits and the labels stand for"),
            Output::new("summary", "text/markdown", "tasks with their photos and samples, and what was left out"),
        ])
        .parameters(parameters())
        .all_cpus();
    Offer { kind, run }
}

fn parameters() -> [Parameter; 11] {
    let samples = |name: &str, doc: &str| Parameter::int(name, 0, 100_000_000, doc).unit("samples");
    [
        Parameter::list(
            "tasks",
            ParameterType::String,
            "tasks to ask: values joined by `and`, `or`, `not` and brackets, such as `dog and not terrier`, `crimson car` (and), \
             `size=large or breed=\"old breed\"`",
        )
        .default(serde_json::json!([])),
        Parameter::list("unseen", ParameterType::String, "further tasks, which are never trained on")
            .default(serde_json::json!([])),
        Parameter::list(
            "generate",
            ParameterType::Choice { of: ["values", "pairs", "differences"].map(str::to_owned).to_vec() },
            "tasks that are made: each value; two of different attributes (`large and wiry`); one without another (`dog and not \
             wiry`)",
        )
        .default(serde_json::json!(["values"])),
        Parameter::int("most_generated", 0, 10_000, "most pairs, and most differences, chosen by the seed").default(40),
        Parameter::float("unseen_share", 0.0, 0.9, "share of the pairs and differences that are never trained on").default(0.1),
        Parameter::int(
            "least_photos",
            1,
            1_000_000,
            "photos of each answer that a task needs in each split; one with fewer is left out",
        )
        .default(10),
        Parameter::float(
            "hard_share",
            0.0,
            1.0,
            "share of the samples with the answer no whose photos differ from a yes in as few attributes as any",
        )
        .default(0.5),
        samples("train_samples", "samples for training, spread over the seen tasks").default(20_000),
        samples("validation_samples", "samples for validation, spread over the tasks; no photo twice for a task").default(5_000),
        samples("test_samples", "samples for testing, spread over the tasks; no photo twice for a task").default(5_000),
        Parameter::int("seed", 0, i64::MAX, "seed of all draws").default(1),
    ]
}

fn run(stage: &Stage) -> Result<(), StageError> {
    let p: Parameters = stage.parameters()?;
    let path = stage.input("table")?;
    let fault = |why: &dyn std::fmt::Display| StageError::failed(format!("{}: {why}", path.display()));
    let attributes = Attributes::read(path).map_err(|e| fault(&e))?;
    let chosen = choose(&attributes, &p)?;
    for (name, why) in &chosen.left_out {
        stage.note(format!("task `{name}` is left out: {why}"));
    }
    let states = States::new(&attributes);
    let near: Vec<Option<(usize, Vec<bool>)>> =
        chosen.tasks.par_iter().map(|task| states.nearest(&task.answers)).collect();
    let hard: Vec<Option<Vec<bool>>> = near.iter().map(|near| near.as_ref().map(|(_, hard)| hard.clone())).collect();
    let plans =
        [(Split::Train, p.train_samples), (Split::Validation, p.validation_samples), (Split::Test, p.test_samples)];
    let mut drawn: Vec<(Split, Vec<Sample>)> = Vec::new();
    for (split, samples) in plans {
        stage.go_on()?;
        let plan = Plan { split, samples, hard_share: p.hard_share, seed: p.seed };
        drawn.push((split, draw(&attributes, &chosen.tasks, &hard, plan)));
    }
    let distances: Vec<Option<usize>> = near.iter().map(|near| near.as_ref().map(|(distance, _)| *distance)).collect();
    let report = summary::Report { attributes: &attributes, chosen: &chosen, distances: &distances, samples: &drawn };
    fs_err::write(stage.output("summary")?, report.text()).map_err(StageError::failed)?;
    write(stage, &attributes, &chosen, &drawn)
}

/// The tasks: unseen ones first, so that no other one may be the same.
fn choose<'a>(attributes: &'a Attributes, p: &Parameters) -> Result<Chooser<'a>, StageError> {
    let parsed =
        |names: &[String]| names.iter().map(|name| (name.clone(), parse(name, attributes))).collect::<Vec<_>>();
    let (unseen, listed) = (parsed(&p.unseen), parsed(&p.tasks));
    let faults = unseen.iter().chain(&listed).filter_map(|(_, parsed)| parsed.as_ref().err());
    let faults: Vec<String> = faults.map(ToString::to_string).collect();
    if !faults.is_empty() {
        return Err(StageError::failed(faults.join("; ")));
    }
    let rules = Rules { least: p.least_photos, most: p.most_generated, unseen_share: p.unseen_share, seed: p.seed };
    let mut chosen = Chooser::new(attributes, rules);
    let mut list = |tasks: Vec<(String, Result<Formula, _>)>, seen: bool| {
        tasks.iter().filter_map(|(name, parsed)| Some((name, parsed.as_ref().ok()?))).for_each(|(name, formula)| {
            chosen.listed(name, formula, seen);
        });
    };
    list(unseen, false);
    list(listed, true);
    let wants = |what: &str| p.generate.iter().any(|own| own == what);
    if wants("values") {
        chosen.values();
    }
    if wants("pairs") {
        chosen.pairs();
    }
    if wants("differences") {
        chosen.differences();
    }
    if chosen.tasks.len() > MOST_TASKS {
        return Err(StageError::failed(format!("{} tasks are more than {MOST_TASKS}; ask fewer", chosen.tasks.len())));
    }
    if !chosen.tasks.iter().any(|task| task.seen) {
        let why =
            chosen.left_out.first().map(|(name, why)| format!("; `{name}`, for instance: {why}")).unwrap_or_default();
        return Err(StageError::failed(format!(
            "there is no task to train on, of {} that were tried{why}; name some under `tasks` or `generate`, or lower `least_photos`",
            chosen.left_out.len() + chosen.dropped
        )));
    }
    Ok(chosen)
}

fn write(
    stage: &Stage,
    attributes: &Attributes,
    chosen: &Chooser<'_>,
    drawn: &[(Split, Vec<Sample>)],
) -> Result<(), StageError> {
    let save = |frame: polars::prelude::PolarsResult<polars::prelude::DataFrame>, output: &str| {
        parquet::write(frame.map_err(StageError::failed)?, stage.output(output)?).map_err(StageError::failed)
    };
    for (split, samples) in drawn {
        save(table::samples(samples, *split), split.name())?;
    }
    save(table::tasks(&chosen.tasks), "tasks")?;
    save(table::labels(attributes), "labels")?;
    let properties = table::properties(attributes).map_err(StageError::failed)?;
    fs_err::write(stage.output("properties")?, properties).map_err(StageError::failed)?;
    let unseen = chosen.tasks.iter().filter(|task| !task.seen).count();
    stage.metrics(
        None,
        &[
            ("tasks", chosen.tasks.len() as f64),
            ("unseen", unseen as f64),
            ("left out", (chosen.left_out.len() + chosen.dropped) as f64),
        ],
    );
    Ok(())
}

#[cfg(test)]
mod tests;

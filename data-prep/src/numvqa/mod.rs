//! Kind `numvqa.synthesize`: yes-or-no questions about four digits, as an index of samples (paper §5.1).
//!
//! A sample names a task, four rows of a digits file, and the answer; pictures are put together when a batch is made.
//! It does not look at pixels.

mod question;
mod sample;
mod table;

use nnf_contract::{Input, Kind, Offer, Output, Parameter, ParameterType, Stage, StageError};
use serde::Deserialize;

use crate::digits::Digits;
use question::{Family, Question, UNSEEN, all_questions};
use sample::{Pool, Sample, draw};

const PARQUET: &str = "application/vnd.apache.parquet";

#[derive(Debug, Deserialize)]
struct Parameters {
    train_samples: usize,
    validation_samples: usize,
    test_samples: usize,
    validation_digits: usize,
    seed: u64,
    unseen: Vec<String>,
    #[serde(default)]
    tasks: Vec<String>,
    further: Vec<String>,
    further_share: f64,
}

/// The kind.
pub(crate) fn offer() -> Offer {
    let samples = |name: &str, doc: &str| Parameter::int(name, 0, 100_000_000, doc).unit("samples");
    let kind = Kind::new("numvqa.synthesize", "Yes-or-no questions about four digits, as an index of samples")
        .inputs([Input::new("digits", "application/vnd.safetensors", "images and labels of digits")])
        .outputs([
            Output::new("train", PARQUET, "samples of the seen and the further tasks; their rows are of `train`"),
            Output::new(
                "validation",
                PARQUET,
                "samples of digits that are held out of training; their rows are of `train`",
            ),
            Output::new("test", PARQUET, "samples; their rows are of `test`"),
            Output::new("tasks", PARQUET, "the tasks: name, quantifier, target, property bits, seen or not, further or not"),
            Output::new("summary", "text/markdown", "samples by split and task"),
        ])
        .parameters([
            samples("train_samples", "samples for training, spread over the seen tasks").default(200_000),
            samples("validation_samples", "samples for validation, spread over the tasks").default(20_000),
            samples("test_samples", "samples for testing, spread over the tasks").default(20_000),
            Parameter::int("validation_digits", 0, 10_000_000, "digits of `train` that are held out: the last ones")
                .default(5_000),
            Parameter::int("seed", 0, i64::MAX, "seed of all draws").default(1),
            Parameter::list("unseen", ParameterType::String, "tasks that are never trained on")
                .default(UNSEEN.to_vec()),
            Parameter::list("tasks", ParameterType::String, "tasks of validation and test; all if empty")
                .default(serde_json::json!([])),
            Parameter::list(
                "further",
                ParameterType::Choice { of: Family::NAMES.map(str::to_owned).to_vec() },
                "families of further tasks that are trained and never asked: they teach what property bits mean (paper §4)",
            )
            .default(serde_json::json!([])),
            Parameter::float("further_share", 0.0, 1.0, "share of the training samples that are of further tasks")
                .default(0.5),
        ])
        .all_cpus();
    Offer { kind, run }
}

fn run(stage: &Stage) -> Result<(), StageError> {
    let parameters: Parameters = stage.parameters()?;
    let digits = Digits::load(stage.input("digits")?).map_err(StageError::failed)?;
    let questions = all_questions();
    let unseen = named(&questions, &parameters.unseen, "unseen")?;
    let asked = if parameters.tasks.is_empty() {
        (0..questions.len()).collect()
    } else {
        named(&questions, &parameters.tasks, "tasks")?
    };
    let (questions, asked_of) = with_further(questions, &parameters.further);
    let seen: Vec<usize> = (0..asked_of).filter(|task| !unseen.contains(task)).collect();
    let further: Vec<usize> = (asked_of..questions.len()).collect();
    let held_out = parameters.validation_digits;
    if held_out >= digits.train.len() {
        return Err(StageError::failed(format!(
            "`validation_digits` holds out {held_out} digits, but there are only {} to train on",
            digits.train.len()
        )));
    }
    let labels = &digits.train.labels;
    let cut = labels.len() - held_out;
    let pools = [
        Pool::new(labels, 0..cut),
        Pool::new(labels, cut..labels.len()),
        Pool::new(&digits.test.labels, 0..digits.test.len()),
    ];
    let share = if further.is_empty() { 0.0 } else { parameters.further_share };
    let of_further = (parameters.train_samples as f64 * share).round() as usize;
    // A split is drawn in parts: groups of tasks that share its samples evenly.
    let plans = [
        ("train", "train", vec![(&seen, parameters.train_samples - of_further), (&further, of_further)]),
        ("validation", "train", vec![(&asked, parameters.validation_samples)]),
        ("test", "test", vec![(&asked, parameters.test_samples)]),
    ];
    let mut drawn: Vec<(&str, Vec<Sample>)> = Vec::new();
    for (domain, ((name, split, parts), pool)) in (10_u64..).zip(plans.into_iter().zip(&pools)) {
        let samples = draw(&questions, &parts, pool, parameters.seed, domain)
            .map_err(|why| StageError::failed(format!("{name}: {why}")))?;
        table::write_samples(&samples, split, stage.output(name)?).map_err(StageError::failed)?;
        stage.progress(domain - 9, 3, "splits");
        drawn.push((name, samples));
    }
    let tasks = table::Tasks { questions: &questions, asked: asked_of, unseen: &unseen };
    table::write_tasks(&tasks, stage.output("tasks")?).map_err(StageError::failed)?;
    fs_err::write(stage.output("summary")?, table::summary(&tasks, &drawn)).map_err(StageError::failed)
}

/// The questions with those of further families behind them, and how many are no further ones.
fn with_further(mut questions: Vec<Question>, names: &[String]) -> (Vec<Question>, usize) {
    let asked = questions.len();
    let mut families: Vec<Family> = names.iter().filter_map(|name| Family::named(name)).collect();
    families.sort_unstable();
    families.dedup();
    questions.extend(families.into_iter().flat_map(Family::questions));
    (questions, asked)
}

/// Positions of tasks by name; names that do not exist are an error.
fn named(questions: &[Question], names: &[String], parameter: &str) -> Result<Vec<usize>, StageError> {
    let position = |name: &String| questions.iter().position(|question| question.name() == *name);
    let unknown: Vec<&str> = names.iter().filter(|name| position(name).is_none()).map(String::as_str).collect();
    if !unknown.is_empty() {
        return Err(StageError::failed(format!(
            "`{parameter}` names tasks that do not exist: {}; tasks are `has T`, `only one T` … `only four T` with T of 0–9, `even`, `odd`",
            unknown.join(", ")
        )));
    }
    let mut found: Vec<usize> = names.iter().filter_map(position).collect();
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

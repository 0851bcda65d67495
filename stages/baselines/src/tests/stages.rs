//! The kinds as the engine runs them, on the toy world.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nnf_contract::StageError;
use nnf_evaluation::quality;
use nnf_net::{Model, Op};
use nnf_problem::Samples;
use serde_json::{Value, json};

use super::toy::{self, Toy, numbers, words};

const RETRAIN: &str = "numvqa.retrain";

fn training(steps: u64) -> Value {
    json!({
        "steps": steps, "batch": 16, "learning_rate": 5e-3, "warm_up_steps": 4, "evaluate_every": 5, "patience": 2,
        "validation_samples": 60, "precision": "float32", "device": "cpu",
        "tasks": ["all below", "none below"], "samples": 100,
    })
}

fn with(mut values: Value, more: &[(&str, Value)]) -> Value {
    for (name, value) in more {
        values[*name] = value.clone();
    }
    values
}

/// Bytes of all models of an output.
fn models(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap().path();
        let name = PathBuf::from(entry.file_name().unwrap());
        for file in ["network.json", "weights.safetensors"] {
            found.push((name.join(file), std::fs::read(entry.join(file)).unwrap()));
        }
    }
    found.sort();
    found
}

/// Runs a kind and asks it to stop as soon as a file or folder appears under its checkpoint.
fn stopped_when(toy: &Toy, kind: &str, run: &str, with: &Value, inputs: &[(&str, PathBuf)], appears: &str) {
    let (sign, cancel) = (toy.path(run).join("checkpoint").join(appears), toy.path(run).join("cancel"));
    let stopped = std::thread::scope(|scope| {
        scope.spawn(|| {
            let begin = Instant::now();
            while !sign.exists() && begin.elapsed() < Duration::from_secs(120) {
                std::thread::sleep(Duration::from_millis(1));
            }
            std::fs::write(&cancel, "").unwrap();
        });
        toy.run(kind, run, with, inputs)
    });
    assert!(matches!(stopped, Err(StageError::Cancelled)), "{stopped:?}");
    std::fs::remove_file(cancel).unwrap();
}

#[test]
fn retraining_learns_each_task_and_goes_on_after_a_stop() {
    let toy = Toy::new();
    let with = training(40);
    toy.run(RETRAIN, "undisturbed", &with, &[]).unwrap();
    let results = toy.table("undisturbed", "results");
    assert_eq!(words(&results, "task"), ["all below", "none below"]);
    assert!(numbers(&results, "accuracy").iter().all(|accuracy| *accuracy > 0.9), "{results}");
    assert!(numbers(&results, "steps").iter().all(|steps| *steps <= 40.0));
    let (seconds, near) = (numbers(&results, "seconds"), numbers(&results, "seconds_to_best"));
    assert!(near.iter().zip(&seconds).all(|(near, all)| *near > 0.0 && near <= all), "{results}");
    let history = toy.table("undisturbed", "history");
    let best = numbers(&history, "validation_accuracy").into_iter().fold(0.0, f64::max);
    assert_eq!(numbers(&results, "best_validation_accuracy").into_iter().fold(0.0, f64::max), best);
    let cost: Value = serde_json::from_slice(&std::fs::read(toy.output("undisturbed", "cost")).unwrap()).unwrap();
    assert_eq!((cost["format"].as_str(), cost["stage"].as_str()), (Some("nnf.cost"), Some(RETRAIN)));
    assert_eq!(cost["steps"].as_f64(), Some(numbers(&results, "steps").iter().sum::<f64>()));

    // The stored model is the one whose accuracy stands in the table.
    let model = Model::load(&toy.output("undisturbed", "models").join("all-below")).unwrap();
    assert!(!model.network.nodes().iter().any(|node| matches!(node.op, Op::Gate { .. } | Op::BatchNorm { .. })));
    let samples = toy::samples();
    let found = quality(&model, &toy.problem(), &samples, &samples.of_task(0)[..100]).unwrap();
    assert_eq!(found.value, numbers(&results, "accuracy")[0]);

    stopped_when(&toy, RETRAIN, "stopped", &with, &[], "done/all-below");
    let done = toy.path("stopped/checkpoint/done/all-below/unit.json");
    let first = std::fs::read(&done).unwrap();
    toy.run(RETRAIN, "stopped", &with, &[]).unwrap();
    assert_eq!(std::fs::read(done).unwrap(), first, "a finished task is not done again");
    assert_eq!(models(&toy.output("stopped", "models")), models(&toy.output("undisturbed", "models")));
    let again = toy.table("stopped", "results");
    for column in ["accuracy", "best_validation_accuracy", "steps", "macs", "parameters"] {
        assert_eq!(numbers(&again, column), numbers(&results, column), "{column}");
    }
}

#[test]
fn a_task_without_samples_is_named() {
    let toy = Toy::new();
    let wrong = with(training(5), &[("tasks", json!(["never asked"]))]);
    let error = toy.run(RETRAIN, "never", &wrong, &[]).unwrap_err().to_string();
    assert!(error.contains("`never asked`") && error.contains("train on"), "{error}");
    let wrong = with(training(5), &[("tasks", json!([]))]);
    assert!(toy.run(RETRAIN, "none", &wrong, &[]).unwrap_err().to_string().contains("no task"));
}

#[test]
fn a_unified_network_is_pruned_to_each_budget_and_tuned_for_each_task() {
    let toy = Toy::new();
    let unified = with(training(40), &[("sparsity", json!(0.05))]);
    toy.run("numvqa.unified", "unified", &unified, &[]).unwrap();
    let history = numbers(&toy.table("unified", "history"), "validation_accuracy");
    assert!(history.iter().copied().fold(0.0, f64::max) > 0.9, "{history:?}");
    let model = [("model", toy.output("unified", "model"))];
    // 20 gated channels: the whole takes 120 µs by the toy's predictor, 110 µs allow ten, 10 % of it nothing.
    let budgets = [
        ("latency_ms", json!([0.11])),
        ("latency_shares", json!([0.1])),
        ("macs_shares", json!([0.8])),
        ("runs", json!(2)),
        ("rounds", json!(1)),
    ];
    let pruning = with(training(15), &budgets);
    toy.run("numvqa.prune_tune", "undisturbed", &pruning, &model).unwrap();
    let results = toy.table("undisturbed", "results");
    assert_eq!(results.height(), 12, "two tasks, two methods, three budgets");
    let restricted: Vec<usize> = (0..12).filter(|row| words(&results, "method")[*row] == "prune-and-tune").collect();
    let column = |name: &str| restricted.iter().map(|row| numbers(&results, name)[*row]).collect::<Vec<f64>>();
    assert_eq!(column("latency_budget_us")[..2], [110.0, 12.0]);
    // Two per cent of the budget are left free.
    assert_eq!(column("predicted_us")[..2], [107.0, 102.0]);
    assert_eq!(column("removed")[..2], [13.0, 18.0]);
    let fits = |row: usize| results.column("fits").unwrap().bool().unwrap().get(row).unwrap();
    assert_eq!((fits(restricted[0]), fits(restricted[1]), fits(restricted[2])), (true, false, true));
    let macs = nnf_net::Counts::of(&toy::network()).macs.0 as f64;
    assert!(column("macs")[2] <= macs * 0.8, "{results}");
    assert!(numbers(&results, "measured_us").iter().all(|latency| *latency > 0.0));
    assert!(numbers(&results, "accuracy").iter().sum::<f64>() / 12.0 > 0.8, "{results}");
    let folders = words(&results, "model");
    for (row, folder) in folders.iter().enumerate() {
        let model = Model::load(&toy.output("undisturbed", "models").join(folder)).unwrap();
        assert_eq!(nnf_net::Counts::of(&model.network).macs.0 as f64, numbers(&results, "macs")[row]);
    }
}

#[test]
fn pruning_and_tuning_goes_on_after_a_stop() {
    let toy = Toy::new();
    toy.run("numvqa.unified", "unified", &training(5), &[]).unwrap();
    let model = [("model", toy.output("unified", "model"))];
    let with = with(
        training(10),
        &[
            ("macs_shares", json!([0.5, 0.3])),
            ("methods", json!(["prune-and-tune-unrestricted"])),
            ("rounds", json!(1)),
        ],
    );
    toy.run("numvqa.prune_tune", "undisturbed", &with, &model).unwrap();
    let results = toy.table("undisturbed", "results");
    let first = format!("done/tuned/{}", words(&results, "model").iter().min().unwrap());
    stopped_when(&toy, "numvqa.prune_tune", "stopped", &with, &model, &first);
    let done = toy.path("stopped/checkpoint").join(first).join("unit.json");
    let before = std::fs::read(&done).unwrap();
    toy.run("numvqa.prune_tune", "stopped", &with, &model).unwrap();
    assert_eq!(std::fs::read(done).unwrap(), before, "a finished scenario is not done again");
    assert_eq!(models(&toy.output("stopped", "models")), models(&toy.output("undisturbed", "models")));
    let again = toy.table("stopped", "results");
    for column in ["accuracy", "removed", "steps", "macs"] {
        assert_eq!(numbers(&again, column), numbers(&results, column), "{column}");
    }
}

//! A toy world: digits that are stripes, and two tasks about their direction.

use std::path::{Path, PathBuf};

use nnf_contract::{Stage, StageError};
use nnf_device::{Conditions, Predictor, Testbed, Timing};
use nnf_net::{Network, Random, resnet::Config};
use nnf_numvqa::{Digits, NumVqa, Questions, SampleSplit};
use nnf_problem::{Samples, TaskTable};
use polars::prelude::*;
use serde_json::{Value, json};
use tch::Tensor;

pub(super) fn network() -> Network {
    let config = Config { layout: vec![1, 1], widths: vec![8, 12], ..Config::preset("resnet-tiny").unwrap() };
    config.build().unwrap()
}

/// Digits below 5 are lying stripes, the others standing ones.
fn write_digits(path: &Path) {
    let labels: Vec<u8> = (0..200).map(|row| (row % 10) as u8).collect();
    let mut random = Random::of(1, &[]);
    let pixels = labels.iter().copied().flat_map(|label| {
        let along = move |at: usize| if label < 5 { at / 28 } else { at % 28 };
        (0..784).map(move |at| if along(at) % 6 < 3 { 200 } else { 0 }).collect::<Vec<u8>>()
    });
    let pixels: Vec<u8> = pixels.map(|pixel| pixel + (random.unit() * 40.0) as u8).collect();
    let images = Tensor::from_slice(&pixels).view([200, 28, 28]);
    let labels = Tensor::from_slice(&labels);
    let tensors =
        [("train.images", &images), ("train.labels", &labels), ("test.images", &images), ("test.labels", &labels)];
    Tensor::write_safetensors(&tensors, path).unwrap();
}

/// Task 0: are the digits below 5? Task 1 asks for the opposite, task 2 has no samples.
pub(super) fn samples() -> Questions {
    let mut random = Random::of(2, &[]);
    let mut samples = Questions { task: Vec::new(), digits: Vec::new(), label: Vec::new(), split: SampleSplit::Train };
    for at in 0..400_u16 {
        let rows = [random.below(200) as u32; 4];
        samples.task.push(at % 2);
        samples.digits.push(rows);
        samples.label.push(u8::from((rows[0] % 10 < 5) == (at % 2 == 0)));
    }
    samples
}

pub(super) fn task_table() -> TaskTable {
    TaskTable {
        names: vec!["all below".into(), "none below".into(), "never asked".into()],
        bits: vec![vec![true, false], vec![false, true], vec![true, true]],
        seen: vec![true, true, false],
        further: vec![false; 3],
    }
}

fn save(mut frame: DataFrame, path: &Path) {
    ParquetWriter::new(std::fs::File::create(path).unwrap()).finish(&mut frame).unwrap();
}

/// The inputs of all kinds as files in a folder.
pub(super) struct Toy {
    pub(super) folder: tempfile::TempDir,
}

impl Toy {
    pub(super) fn new() -> Self {
        let toy = Toy { folder: tempfile::tempdir().unwrap() };
        write_digits(&toy.path("digits"));
        let (rows, table) = (samples(), task_table());
        let column = |at: usize| rows.digits.iter().map(|rows| rows[at]).collect::<Vec<u32>>();
        let samples = df!(
            "task" => rows.task.iter().map(|task| u32::from(*task)).collect::<Vec<u32>>(),
            "d0" => column(0), "d1" => column(1), "d2" => column(2), "d3" => column(3),
            "label" => rows.label.iter().map(|label| u32::from(*label)).collect::<Vec<u32>>(),
            "split" => vec!["train"; rows.len()],
        );
        save(samples.unwrap(), &toy.path("samples"));
        let bits = |bits: &Vec<bool>| bits.iter().map(|bit| if *bit { '1' } else { '0' }).collect::<String>();
        let tasks = df!(
            "task" => (0_u16..).take(table.names.len()).collect::<Vec<u16>>(),
            "name" => table.names.clone(),
            "bits" => table.bits.iter().map(bits).collect::<Vec<String>>(),
            "seen" => table.seen.clone(),
        );
        save(tasks.unwrap(), &toy.path("tasks"));
        network().save(&toy.path("network")).unwrap();
        predictor(&network()).save(&toy.path("predictor")).unwrap();
        toy
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn problem(&self) -> NumVqa {
        NumVqa { digits: Digits::load(&self.path("digits")).unwrap() }
    }

    /// Runs a kind in a folder of its own; `with` is laid over the kind's defaults, `inputs` over the toy's.
    pub(super) fn run(
        &self,
        kind: &str,
        run: &str,
        with: &Value,
        inputs: &[(&str, PathBuf)],
    ) -> Result<(), StageError> {
        let offer = crate::offers::<NumVqa>().into_iter().find(|offer| offer.kind.name == kind).unwrap();
        let root = self.path(run);
        for folder in ["out", "scratch", "checkpoint"] {
            std::fs::create_dir_all(root.join(folder)).unwrap();
        }
        let mut values = serde_json::Map::new();
        for parameter in &offer.kind.parameters {
            let given = with.get(&parameter.name).cloned().or_else(|| parameter.default.clone());
            values.insert(parameter.name.clone(), given.unwrap());
        }
        let file = |name: &str| match name {
            "train" | "validation" | "samples" => self.path("samples"),
            other => self.path(other),
        };
        let mut given = serde_json::Map::new();
        for input in offer.kind.inputs.iter().filter(|input| !input.optional && input.name != "model") {
            given.insert(input.name.clone(), json!({ "one": file(&input.name) }));
        }
        for (name, path) in inputs {
            given.insert((*name).to_owned(), json!({ "one": path }));
        }
        let outputs: serde_json::Map<String, Value> =
            offer.kind.outputs.iter().map(|o| (o.name.clone(), json!(root.join("out").join(&o.name)))).collect();
        let task = json!({
            "version": 1, "kind": kind, "with": values, "in": given, "out": outputs,
            "events": root.join("events"), "scratch": root.join("scratch"),
            "checkpoint": root.join("checkpoint"), "cancel": root.join("cancel"), "cpus": 1,
            "machine": machine(),
        });
        (offer.run)(&Stage::new(serde_json::from_value(task).unwrap()).unwrap())
    }

    pub(super) fn output(&self, run: &str, name: &str) -> PathBuf {
        self.path(run).join("out").join(name)
    }

    pub(super) fn table(&self, run: &str, name: &str) -> DataFrame {
        ParquetReader::new(std::fs::File::open(self.output(run, name)).unwrap()).finish().unwrap()
    }
}

/// A device on which a network takes 100 µs, and 1 µs more for each kept channel of a gated layer.
pub(super) fn predictor(network: &Network) -> Predictor {
    let cost = |name: &String| f64::from(u8::from(name.ends_with(".kept")));
    let coefficients = Predictor::feature_names(network).iter().map(cost).collect();
    let timing = Timing { warm_up: 1, runs: 2, rounds: 1 };
    let conditions = Conditions { cpu: "test".into(), platform: "test".into(), ..Conditions::new("toy", 1, timing) };
    Predictor::new(conditions, network, coefficients, (100.0, 1.0))
}

/// The machine that all toys run on.
fn machine() -> Value {
    json!({ "cpu": "test", "cores": 1, "memory_gib": 1, "platform": "test" })
}

/// That machine, to measure as the predictor's device was.
pub(super) fn testbed(predictor: &Predictor) -> Result<Testbed, StageError> {
    Testbed::of_machine(&serde_json::from_value(machine()).unwrap(), &predictor.conditions)
}

pub(super) fn numbers(frame: &DataFrame, column: &str) -> Vec<f64> {
    let column = frame.column(column).unwrap().cast(&DataType::Float64).unwrap();
    column.f64().unwrap().iter().map(|value| value.unwrap_or(f64::NAN)).collect()
}

pub(super) fn words(frame: &DataFrame, column: &str) -> Vec<String> {
    frame.column(column).unwrap().str().unwrap().iter().map(|value| value.unwrap_or_default().to_owned()).collect()
}

//! The whole experiment, tiny: what a change makes stale, and what it leaves alone.
//!
//! It drives the built programs as a user would. It does not look at accuracy: the networks here learn for two steps.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "support/ran.rs"]
mod ran;
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use ran::ran;
use serde_json::Value;
use support::Project;

const PIPELINE: &str = r#"
version: 1
name: experiment
programs:
  data: PROGRAMS/nnf-data-prep
  stages: OUTSIDE/stages
params:
  shares: [0.9]
  devices:
    - { name: one, threads: 1 }
stages:
  digits: { use: mnist, with: { count: 400, test_count: 200 } }
  questions:
    use: numvqa.synthesize
    in: { digits: digits.digits }
    with: { train_samples: 500, validation_samples: 120, test_samples: 120, validation_digits: 100 }
  network: { use: network.build, with: { preset: resnet-tiny, layout: [1, 1], widths: [8, 16] } }
  pretrain:
    use: numvqa.pretrain
    in: { network: network.network, digits: digits.digits }
    with: { steps: 2, batch: 8, validation_digits: 100 }
  train:
    use: numvqa.train
    in:
      network: network.network
      digits: digits.digits
      train: questions.train
      validation: questions.validation
      tasks: questions.tasks
      initial: pretrain.model
    with: { steps: 2, batch: 8, validation_samples: 16, snapshots: 2 }
  gates: { use: gates.draw, in: { network: network.network }, with: { count: 12 } }
  profile:
    each: { device: "${params.devices}" }
    use: profile
    in: { network: network.network, gates: gates.gates }
    with: { device: "${each.device.name}", threads: "${each.device.threads}", warm_up: 0, runs: 1, rounds: 2 }
  predictor:
    each: { device: "${params.devices}" }
    use: predictor.fit
    in: { network: network.network, gates: gates.gates, profile: profile.profile, conditions: profile.conditions }
  sweep:
    each: { device: "${params.devices}" }
    use: numvqa.sweep
    in:
      supernet: train.supernet
      predictor: predictor.predictor
      digits: digits.digits
      samples: questions.test
      tasks: questions.tasks
      validation: questions.validation
    with:
      tasks: [has 0]
      latency_shares: "${params.shares}"
      fit: true
      calibrate: 1
      warm_up: 0
      runs: 1
      rounds: 2
  table: { use: report.scenarios, in: { sweeps: "sweep[*].results" } }
"#;

/// A stage program that is `nnf-stages`, but that says its trainer was built from other code.
const REBUILT: &str = r#"#!/bin/sh
if [ "$1" = describe ]; then
  PROGRAMS/nnf-stages describe | python3 -c '
import json, sys
program = json.load(sys.stdin)
for kind in program["kinds"]:
    if kind["name"] in ("numvqa.pretrain", "numvqa.train"):
        kind["fingerprint"] = "0" * 64
json.dump(program, sys.stdout)'
else
  exec PROGRAMS/nnf-stages "$@"
fi
"#;

/// A project, and beside it a stage program whose own bytes are in no key: only the fingerprints that it tells.
struct Experiment {
    project: Project,
    outside: tempfile::TempDir,
}

impl Experiment {
    fn new() -> Self {
        for program in ["nnf-stages", "nnf-data-prep"] {
            let built = programs().join(program).exists();
            assert!(built, "`{program}` is not built: run `make test`, or `make build` first");
        }
        let outside = tempfile::tempdir().unwrap();
        let pipeline = PIPELINE.replace("PROGRAMS", programs().to_str().unwrap());
        let project = Project::new(&pipeline.replace("OUTSIDE", outside.path().to_str().unwrap()));
        let experiment = Experiment { project, outside };
        experiment.build("#!/bin/sh\nexec PROGRAMS/nnf-stages \"$@\"\n");
        experiment
    }

    /// Puts another stage program in place of the one that is there.
    fn build(&self, text: &str) {
        let path = self.outside.path().join("stages");
        fs_err::write(&path, text.replace("PROGRAMS", programs().to_str().unwrap())).unwrap();
        fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// The stages that a run starts.
    fn ran(&self) -> BTreeSet<String> {
        ran(&self.project, &[]).stages.into_iter().collect()
    }

    /// Lines of JSON that a command prints.
    fn lines(&self, arguments: &[&str]) -> Vec<Value> {
        let outcome = self.project.nnf(&[arguments, &["--json"]].concat());
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        outcome.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The stages that a plan says to be in a state.
    fn planned(&self, state: &str) -> BTreeSet<String> {
        let lines = self.lines(&["plan"]);
        let there = lines.iter().filter(|line| line["state"] == state);
        there.map(|line| line["stage"].as_str().unwrap().to_owned()).collect()
    }

    fn edit(&self, from: &str, to: &str) {
        let text = fs_err::read_to_string(self.project.path("pipeline.yaml")).unwrap();
        assert!(text.contains(from), "{from}");
        self.project.write("pipeline.yaml", text.replace(from, to));
    }
}

/// Where the programs are built.
fn programs() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_nnf")).parent().unwrap()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn a_change_reruns_what_depends_on_it_and_nothing_else() {
    let experiment = Experiment::new();
    assert_eq!(experiment.ran().len(), 10);
    let snapshots = experiment.project.path("artifacts/latest/experiment/train/snapshots");
    let steps: BTreeSet<String> =
        fs_err::read_dir(snapshots).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(steps, set(&["step-0000001", "step-0000002"]));
    assert_eq!(experiment.ran(), set(&[]), "a second run starts nothing");

    experiment.edit("version: 1", "# A comment.\nversion: 1");
    assert_eq!(experiment.ran(), set(&[]), "a comment changes nothing");

    experiment.edit("shares: [0.9]", "shares: [0.9, 0.5]");
    assert_eq!(experiment.ran(), set(&["sweep[device=one]", "table"]), "a budget trains and measures nothing");

    experiment
        .edit("    - { name: one, threads: 1 }", "    - { name: one, threads: 1 }\n    - { name: two, threads: 2 }");
    let own = ["profile[device=two]", "predictor[device=two]", "sweep[device=two]", "table"];
    assert_eq!(experiment.ran(), set(&own), "a second device runs its own stages and the table");

    experiment.build(REBUILT);
    assert_eq!(experiment.planned("stale"), set(&["pretrain"]), "only the trainer's code is new");
    let below = ["train", "sweep[device=one]", "sweep[device=two]", "table"];
    assert_eq!(experiment.planned("pending"), set(&below));
    let why = experiment.lines(&["why", "pretrain"]);
    assert!(why.iter().any(|line| line.to_string().contains("code")), "{why:?}");
    assert_eq!(experiment.ran(), set(&["pretrain", "train"]), "equal weights leave what is below fresh");
}

/// A predictor that says a hundredth of what was measured: only who looks beforehand sees that nothing fits.
#[test]
fn a_calibrated_sweep_trusts_the_device_rather_than_the_predictor() {
    let experiment = Experiment::new();
    experiment.lines(&["run", "predictor"]);
    let fitted = experiment.project.path("artifacts/latest/experiment/predictor[device=one]/predictor.json");
    let mut predictor: Value = serde_json::from_slice(&fs_err::read(fitted).unwrap()).unwrap();
    let hundredth = |value: &Value| Value::from(value.as_f64().unwrap() / 100.0);
    for name in ["intercept", "floor"] {
        predictor[name] = hundredth(&predictor[name]);
    }
    predictor["coefficients"] = predictor["coefficients"].as_array().unwrap().iter().map(hundredth).collect();
    experiment.project.write("hasty.json", predictor.to_string());
    experiment.edit("predictor: predictor.predictor", "predictor: \"file:hasty.json\"");
    experiment.edit("fit: true", "fit: false");
    // How many scenarios fit, and the row of the table.
    let found = || {
        let lines = experiment.lines(&["run", "table"]);
        let fitting = lines.iter().find_map(|line| line["values"]["of these fit"].as_f64()).unwrap();
        let table = experiment.project.path("artifacts/latest/experiment/table/csv.csv");
        let table = fs_err::read_to_string(table).unwrap();
        let (titles, row) = table.trim().split_once('\n').unwrap();
        let cells: BTreeMap<String, String> =
            titles.split(',').map(str::to_owned).zip(row.split(',').map(str::to_owned)).collect();
        let number = |name: &str| cells[name].parse::<f64>().unwrap();
        (fitting, number("predicted_us") / number("latency_budget_us"))
    };
    let (fitting, used) = found();
    assert!(fitting == 0.0 && used > 1.0, "{fitting} {used}");
    experiment.edit("calibrate: 1", "calibrate: 0");
    let (fitting, used) = found();
    assert!(fitting == 1.0 && used <= 1.0, "{fitting} {used}");
}

#[test]
fn a_model_becomes_an_onnx_file() {
    let stages = programs().join("nnf-stages");
    let project = Project::new(&format!(
        r#"
version: 1
name: exported
programs: {{ stages: {} }}
stages:
  network: {{ use: network.build, with: {{ preset: resnet-tiny }} }}
  model:
    use: network.load_weights
    in: {{ network: network.network, weights: "file:none.safetensors" }}
    with: {{ missing: initialise }}
  onnx: {{ use: network.export_onnx, in: {{ models: model.model }} }}
"#,
        stages.display()
    ));
    project.write("none.safetensors", b"\x02\0\0\0\0\0\0\0{}");
    assert_eq!(ran(&project, &[]).stages.len(), 3);
    let folder = project.path("artifacts/latest/exported/onnx/onnx");
    let files: Vec<_> = fs_err::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(files, ["model.onnx"]);
    assert!(fs_err::metadata(folder.join("model.onnx")).unwrap().len() > 100_000);
}

/// Every pipeline of this repository is one that the programs understand, with all its kinds, parameters and outputs.
#[test]
fn shipped_pipelines_can_be_planned() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let project = Project::new("stages: {}");
    for folder in ["pipelines", "pipelines/paper", "pipelines/attrod", "pipelines/photos"] {
        for entry in fs_err::read_dir(here.join(folder)).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_file() {
                let name = format!("{folder}/{}", entry.file_name().to_str().unwrap());
                project.write(&name, fs_err::read(entry.path()).unwrap());
            }
        }
    }
    for name in ["instances.json", "images/1.jpg", "vqa_colour_questions.json", "colour_mentions.json"] {
        project.write(&format!("coco/{name}"), "planned, not read");
    }
    project.write("photos/1.jpg", "planned, not read");
    let mut planned = 0;
    for entry in fs_err::read_dir(here.join("pipelines")).unwrap().map(Result::unwrap) {
        let name = entry.file_name().to_str().unwrap().to_owned();
        if name.ends_with(".yaml") {
            let file = format!("pipelines/{name}");
            let mut arguments = vec!["plan", file.as_str()];
            match name.as_str() {
                "attrod.yaml" | "crops.yaml" => arguments.extend(["--set", "params.coco=coco"]),
                "photos.yaml" => arguments.extend(["--set", "params.photos=photos"]),
                _ => {}
            }
            let outcome = project.nnf(&arguments);
            assert_eq!(outcome.code, Some(0), "{name}: {}", outcome.err);
            planned += 1;
        }
    }
    assert!(planned >= 6, "{planned}");
}

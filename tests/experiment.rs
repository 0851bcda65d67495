//! The whole experiment, tiny: what a change makes stale, and what it leaves alone.
//!
//! It drives the built programs as a user would. It does not look at accuracy: the networks here learn for two steps.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

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
    use: supernet.pretrain
    in: { network: network.network, digits: digits.digits }
    with: { steps: 2, batch: 8, validation_digits: 100 }
  train:
    use: supernet.train
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
    use: sweep
    in:
      supernet: train.supernet
      predictor: predictor.predictor
      digits: digits.digits
      samples: questions.test
      tasks: questions.tasks
    with: { tasks: [has 0], latency_shares: "${params.shares}", warm_up: 0, runs: 1, rounds: 2 }
  table: { use: report.scenarios, in: { sweeps: "sweep[*].results" } }
"#;

/// A stage program that is `nnf-stages`, but that says its trainer was built from other code.
const REBUILT: &str = r#"#!/bin/sh
if [ "$1" = describe ]; then
  PROGRAMS/nnf-stages describe | python3 -c '
import json, sys
program = json.load(sys.stdin)
for kind in program["kinds"]:
    if kind["name"] in ("supernet.pretrain", "supernet.train"):
        kind["fingerprint"] = "0" * 64
json.dump(program, sys.stdout)'
else
  exec PROGRAMS/nnf-stages "$@"
fi
"#;

struct Project {
    folder: tempfile::TempDir,
    /// A stage program outside the project, whose own bytes are in no key: only the fingerprints that it tells.
    outside: tempfile::TempDir,
    programs: PathBuf,
}

impl Project {
    fn new() -> Self {
        let programs = Path::new(env!("CARGO_BIN_EXE_nnf")).parent().unwrap().to_owned();
        for program in ["nnf-stages", "nnf-data-prep"] {
            assert!(
                programs.join(program).exists(),
                "`{program}` is not built: run `make test`, or `make build` first"
            );
        }
        let [folder, outside] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let project = Project { folder, outside, programs };
        project.build("#!/bin/sh\nexec PROGRAMS/nnf-stages \"$@\"\n");
        fs_err::write(project.folder.path().join("pipeline.yaml"), project.filled(PIPELINE)).unwrap();
        project
    }

    fn filled(&self, text: &str) -> String {
        let text = text.replace("PROGRAMS", self.programs.to_str().unwrap());
        text.replace("OUTSIDE", self.outside.path().to_str().unwrap())
    }

    /// Puts another stage program in place of the one that is there.
    fn build(&self, text: &str) {
        let path = self.outside.path().join("stages");
        fs_err::write(&path, self.filled(text)).unwrap();
        fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Lines of JSON that a command prints.
    fn nnf(&self, arguments: &[&str]) -> Vec<Value> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nnf"));
        command.args(arguments).arg("--json").current_dir(self.folder.path());
        command.env("NNF_CACHE", self.folder.path().join("cache"));
        let output = command.output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{arguments:?}: {out}{err}");
        out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The stages that a run ran.
    fn ran(&self, arguments: &[&str]) -> BTreeSet<String> {
        let lines = self.nnf(&[&["run"], arguments].concat());
        let ended = lines.iter().find(|line| line["event"] == "ended").unwrap();
        ended["ran"].as_array().unwrap().iter().map(name).collect()
    }

    /// The stages that a plan says to be in a state.
    fn planned(&self, state: &str) -> BTreeSet<String> {
        let lines = self.nnf(&["plan"]);
        lines.iter().filter(|line| line["state"] == state).map(|line| name(&line["stage"])).collect()
    }

    fn edit(&self, from: &str, to: &str) {
        let path = self.folder.path().join("pipeline.yaml");
        let text = fs_err::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from}");
        fs_err::write(path, text.replace(from, to)).unwrap();
    }
}

/// A stage's name, which some lines give in a map.
fn name(value: &Value) -> String {
    value.as_str().or_else(|| value["stage"].as_str()).unwrap().to_owned()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn a_change_reruns_what_depends_on_it_and_nothing_else() {
    let project = Project::new();
    assert_eq!(project.ran(&[]).len(), 10);
    let snapshots = project.folder.path().join("artifacts/latest/experiment/train/snapshots");
    let steps: BTreeSet<String> =
        fs_err::read_dir(snapshots).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(steps, set(&["step-0000001", "step-0000002"]));
    assert_eq!(project.ran(&[]), set(&[]), "a second run starts nothing");

    project.edit("version: 1", "# A comment.\nversion: 1");
    assert_eq!(project.ran(&[]), set(&[]), "a comment changes nothing");

    project.edit("shares: [0.9]", "shares: [0.9, 0.5]");
    assert_eq!(project.ran(&[]), set(&["sweep[device=one]", "table"]), "a budget trains and measures nothing");

    project.edit("    - { name: one, threads: 1 }", "    - { name: one, threads: 1 }\n    - { name: two, threads: 2 }");
    let own = ["profile[device=two]", "predictor[device=two]", "sweep[device=two]", "table"];
    assert_eq!(project.ran(&[]), set(&own), "a second device runs its own stages and the table");

    project.build(REBUILT);
    assert_eq!(project.planned("stale"), set(&["pretrain"]), "only the trainer's code is new");
    let below = ["train", "sweep[device=one]", "sweep[device=two]", "table"];
    assert_eq!(project.planned("pending"), set(&below));
    let why = project.nnf(&["why", "pretrain"]);
    assert!(why.iter().any(|line| line.to_string().contains("code")), "{why:?}");
    assert_eq!(project.ran(&[]), set(&["pretrain", "train"]), "equal weights leave what is below fresh");
}

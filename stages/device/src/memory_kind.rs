//! Kind `memory.measure`: memory that the subnets of gate vectors need on this machine, each in a process of its own.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use nnf_contract::{Input, Kind, Offer, Output, Parameter, Stage, StageError, Task, TaskInput};
use nnf_net::{Counts, GateSet, GateVector, Network};
use nnf_results::table;
use polars::prelude::*;
use serde::Deserialize;
use serde_json::json;

use crate::error::DeviceError;
use crate::measure::architecture;
use crate::probe::{self, Grown};
use crate::testbed::threads;

/// The program that runs, to be started once more.
const SELF: &str = "/proc/self/exe";

#[derive(Debug, Deserialize)]
struct Parameters {
    device: String,
    threads: u32,
}

pub(crate) fn offer() -> Offer {
    let parquet = table::PARQUET;
    let summary = "Memory that the subnets of gate vectors need on this machine, each run in a process of its own";
    let kind = Kind::new("memory.measure", summary)
        .inputs([
            Input::new("network", "application/json", "the network with gates"),
            Input::new("gates", "application/vnd.safetensors", "gate vectors to measure"),
        ])
        .outputs([Output::new(
            "memory",
            parquet,
            "a row for each vector: growth of the peak of resident memory, counted weights and largest live values",
        )])
        .parameters([
            Parameter::string("device", "name of the device, for tables").default("this machine"),
            Parameter::int("threads", 1, 1024, "threads that compute").default(1),
            Parameter::int("repetition", 0, 1_000_000, "tells measurements of the same vectors apart").default(0),
        ])
        .measures();
    Offer { kind, run }
}

fn run(stage: &Stage) -> Result<(), StageError> {
    let p: Parameters = stage.parameters()?;
    threads(p.threads as usize, stage.machine()?)?;
    let network = Network::load(stage.input("network")?).map_err(StageError::failed)?;
    let set = GateSet::load(stage.input("gates")?).map_err(StageError::failed)?;
    set.check(&network).map_err(StageError::failed)?;
    let folder = &stage.task().scratch;
    // One module of each layer: every kind of layer is there, and little else.
    let least = set.layers.iter().map(|layer| (0..layer.width).map(|at| at == 0).collect()).collect();
    let first = architecture(&network, &GateVector(least))?.network;
    first.save(&folder.join("first.json")).map_err(StageError::failed)?;
    let mut rows = Vec::new();
    for (at, gates) in set.gates.iter().enumerate() {
        stage.go_on()?;
        let dense = architecture(&network, gates)?.network;
        dense.save(&folder.join("network.json")).map_err(StageError::failed)?;
        rows.push((Counts::of(&dense), probed(stage.task(), p.threads)?));
        stage.progress(at as u64 + 1, set.gates.len() as u64, "subnets");
    }
    write(&p.device, &rows, stage.output("memory")?).map_err(StageError::failed)
}

/// Starts this program once more to measure the network that lies in the scratch folder.
fn probed(own: &Task, threads: u32) -> Result<Grown, DeviceError> {
    let folder = &own.scratch;
    let input = |name: &str| (name.to_owned(), TaskInput::One(folder.join(format!("{name}.json"))));
    let mut with = serde_json::Map::new();
    with.insert("threads".into(), json!(threads));
    let task = Task {
        version: own.version,
        kind: probe::NAME.into(),
        with,
        inputs: BTreeMap::from([input("network"), input("first")]),
        outputs: BTreeMap::from([("grown".to_owned(), folder.join("grown.json"))]),
        events: folder.join("events"),
        checkpoint: None,
        ..own.clone()
    };
    let path = folder.join("probe.json");
    fs_err::write(&path, serde_json::to_vec(&task).map_err(|e| DeviceError::unfit(&path, e))?)?;
    // Otherwise the program keeps what it has freed, and a network would profit from the one before.
    let mut child = Command::new(SELF);
    child.env("NNF_RETURN_FREED_MEMORY", "1").args(["run", probe::NAME, "--task"]).arg(&path);
    let child = child.output();
    let child = child.map_err(|e| DeviceError::unfit(Path::new(SELF), e))?;
    if !child.status.success() {
        let said = String::from_utf8_lossy(&child.stderr);
        let last = said.lines().last().unwrap_or_default();
        return Err(DeviceError::Misfit(format!("the process that measures ended with {}: {last}", child.status)));
    }
    let grown = folder.join("grown.json");
    serde_json::from_str(&fs_err::read_to_string(&grown)?).map_err(|e| DeviceError::unfit(&grown, e))
}

fn write(device: &str, rows: &[(Counts, Grown)], path: &Path) -> PolarsResult<()> {
    let counts = |f: &dyn Fn(&(Counts, Grown)) -> u64| rows.iter().map(f).collect::<Vec<u64>>();
    let frame = df!(
        "device" => vec![device; rows.len()],
        "vector" => (0..rows.len() as u64).collect::<Vec<u64>>(),
        "measured_bytes" => counts(&|(_, grown)| grown.bytes),
        "weight_bytes" => counts(&|(counts, _)| counts.weight_bytes.0),
        "peak_activation_bytes" => counts(&|(counts, _)| counts.peak_activation_bytes.0),
    )?;
    table::write(frame, path)
}

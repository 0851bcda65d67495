//! Kind `memory.probe`: how far the peak of resident memory of this process grows when it loads and runs one network.
//!
//! `memory.measure` starts a process of this kind for each network, so that none profits from memory that another has
//! left.

use std::path::Path;

use nnf_contract::{Input, Kind, Offer, Output, Parameter, Stage, StageError};
use nnf_net::{Bytes, Model, Network};
use serde::{Deserialize, Serialize};

use crate::error::DeviceError;
use crate::runtime::Loaded;

/// Name of the kind.
pub(crate) const NAME: &str = "memory.probe";

#[derive(Debug, Deserialize)]
struct Parameters {
    threads: i32,
}

/// What the process found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Grown {
    pub(crate) bytes: u64,
}

pub(crate) fn offer() -> Offer {
    let kind =
        Kind::new(NAME, "How far resident memory grows when one network is loaded and run; used by memory.measure")
            .inputs([
                Input::new("network", "application/json", "a network without gates"),
                Input::new("first", "application/json", "a small network of the same kinds of layers, run before"),
            ])
            .outputs([Output::new("grown", "application/json", "growth of the peak in bytes")])
            .parameters([Parameter::int("threads", 1, 1024, "threads that compute").default(1)])
            .measures();
    Offer { kind, run }
}

fn run(stage: &Stage) -> Result<(), StageError> {
    let p: Parameters = stage.parameters()?;
    tch::set_num_threads(p.threads);
    // What the libraries load and set up once belongs to no network.
    once(&Network::load(stage.input("first")?).map_err(StageError::failed)?)?;
    let network = Network::load(stage.input("network")?).map_err(StageError::failed)?;
    let before = reset_peak()?;
    once(&network)?;
    let bytes = peak()?.0.saturating_sub(before.0);
    let text = serde_json::to_string(&Grown { bytes }).map_err(StageError::failed)?;
    fs_err::write(stage.output("grown")?, text + "\n").map_err(StageError::failed)
}

/// Makes a network's weights and runs it, twice: libtorch keeps prepared weights from the first run for the second.
fn once(network: &Network) -> Result<(), DeviceError> {
    let model = Model::stand_in(network.clone());
    let loaded = Loaded::of(network, model.weights);
    for _ in 0..2 {
        loaded.run()?;
    }
    Ok(())
}

/// Forgets the former peak of resident memory, and tells what is resident now.
pub(crate) fn reset_peak() -> Result<Bytes, DeviceError> {
    let path = Path::new("/proc/self/clear_refs");
    fs_err::write(path, "5")
        .map_err(|e| DeviceError::unfit(path, format!("memory can be measured on Linux only ({e})")))?;
    status("VmRSS:")
}

/// The peak of resident memory.
pub(crate) fn peak() -> Result<Bytes, DeviceError> {
    status("VmHWM:")
}

fn status(field: &str) -> Result<Bytes, DeviceError> {
    let path = Path::new("/proc/self/status");
    let text = fs_err::read_to_string(path)?;
    let line = text.lines().find_map(|line| line.strip_prefix(field));
    let kibibytes = line.and_then(|rest| rest.trim().strip_suffix(" kB")).and_then(|number| number.parse::<u64>().ok());
    kibibytes.map(|kib| Bytes(kib * 1024)).ok_or_else(|| DeviceError::unfit(path, format!("it has no `{field}`")))
}

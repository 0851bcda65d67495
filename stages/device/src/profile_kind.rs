//! Kind `profile`: latency of the subnets of gate vectors on this machine.

use std::time::Instant;

use nnf_contract::{Input, Kind, Offer, Output, Parameter, Stage, StageError};
use nnf_net::{Counts, GateSet, Model, Network};
use nnf_results::{Cost, table};
use serde::Deserialize;

use crate::measure::{Latency, Measured, Meter, Timing, architecture};
use crate::predictor::Conditions;
use crate::profile;
use crate::speed::reference;
use crate::testbed::threads;

#[derive(Debug, Deserialize)]
struct Parameters {
    device: String,
    threads: usize,
}

pub(crate) fn offer() -> Offer {
    let kind = Kind::new("profile", "Latency of the subnets of gate vectors on this machine, batch 1")
        .inputs([
            Input::new("network", "application/json", "the network with gates"),
            Input::new("gates", "application/vnd.safetensors", "gate vectors to measure"),
        ])
        .outputs([
            Output::new(
                "profile",
                table::PARQUET,
                "a row for each vector: latency in µs (median, quartiles), share of disturbed runs, the reference's \
                 latency, memory, MACs",
            ),
            Output::new("conditions", "application/json", "device, threads, runtime, governor, number format"),
            Cost::output(),
        ])
        .parameters([
            Parameter::string("device", "name of the device, for tables").default("this machine"),
            Parameter::int("threads", 1, 1024, "threads that compute").default(1),
            Parameter::int("repetition", 0, 1_000_000, "tells measurements of the same vectors apart").default(0),
        ])
        .parameters(Timing::parameters())
        .measures()
        .all_cpus();
    Offer { kind, run }
}

fn run(stage: &Stage) -> Result<(), StageError> {
    let begin = Instant::now();
    let (p, timing): (Parameters, Timing) = (stage.parameters()?, stage.parameters()?);
    let machine = stage.machine()?;
    tch::set_num_threads(threads(p.threads, machine)?);
    let network = Network::load(stage.input("network")?).map_err(StageError::failed)?;
    let set = GateSet::load(stage.input("gates")?).map_err(StageError::failed)?;
    set.check(&network).map_err(StageError::failed)?;
    let meter = Meter::new(set.gates.len(), timing).with_reference(reference(&network)?, None);
    let mut counts = vec![Counts::default(); set.gates.len()];
    let (total, mut begun) = (meter.turns() as u64, 0);
    let Measured { latencies, reference } = meter.measure(|at| -> Result<Model, StageError> {
        stage.go_on()?;
        stage.progress(begun, total, "measurements");
        begun += 1;
        // Made anew in each round: all at once would fill the memory.
        let model = architecture(&network, &set.gates[at])?;
        counts[at] = Counts::of(&model.network);
        Ok(model)
    })?;
    stage.progress(total, total, "measurements");
    let rows: Vec<(Latency, Counts)> = latencies.into_iter().zip(counts).collect();
    let disturbed = rows.iter().map(|(latency, _)| latency.disturbed).sum::<f64>() / rows.len().max(1) as f64;
    stage.metrics(None, &[("share of runs disturbed by other programs", disturbed)]);
    let conditions = Conditions {
        cpu: machine.cpu.clone(),
        platform: machine.platform.clone(),
        governor: governor(),
        reference,
        ..Conditions::new(&p.device, p.threads, timing)
    };
    let text = serde_json::to_string_pretty(&conditions).map_err(StageError::failed)?;
    fs_err::write(stage.output("conditions")?, text + "\n").map_err(StageError::failed)?;
    Cost::new("profile", begin.elapsed().as_secs_f64(), total, u32::try_from(p.threads).unwrap_or(u32::MAX))
        .save(stage.output("cost")?)
        .map_err(StageError::failed)?;
    profile::write(&rows, reference, stage.output("profile")?).map_err(StageError::failed)
}

/// Governor of the CPU's frequency, where Linux tells.
fn governor() -> String {
    let text = fs_err::read_to_string("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
    text.map_or_else(|_| "unknown".into(), |text| text.trim().to_owned())
}

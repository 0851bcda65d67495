//! Kind `network.build`: a network description from a preset and what the pipeline changes of it.

use nnf_contract::{Kind, Offer, Output, Parameter, Stage, StageError};
use serde_json::{Map, Value};

use crate::catalogue::{self, Changes};
use crate::count::Counts;
use crate::graph::Network;

pub(crate) fn offer() -> Offer {
    let preset = Parameter::choice("preset", &catalogue::presets(), "where to start from").default("resnet-numvqa");
    let kind = Kind::new("network.build", "A network description: a preset, and what is changed of it")
        .outputs([
            Output::new("network", "application/json", "the network as a graph of nodes"),
            Output::new("summary", "text/markdown", "what it costs, and how much of that gates can save"),
        ])
        .parameters([preset])
        .parameters(catalogue::parameters());
    Offer { kind, run }
}

fn run(stage: &Stage) -> Result<(), StageError> {
    let mut changes: Map<String, Value> = stage.parameters()?;
    let preset = match changes.remove("preset") {
        Some(Value::String(preset)) => preset,
        _ => return Err(StageError::BadTask("parameters: `preset` is not given".into())),
    };
    let network = catalogue::build(&preset, &Changes(changes)).map_err(StageError::failed)?;
    network.save(stage.output("network")?).map_err(StageError::failed)?;
    fs_err::write(stage.output("summary")?, summary(&network)).map_err(StageError::failed)
}

fn summary(network: &Network) -> String {
    let counts = Counts::of(network);
    let rows = [
        ("gate layers", network.gate_layers().len().to_string()),
        ("modules", network.modules().to_string()),
        ("parameters", counts.parameters.to_string()),
        ("MMAC for one input", format!("{:.1}", counts.macs.0 as f64 / 1e6)),
        ("of these in gated layers and their readers", format!("{:.1} %", network.gated_share() * 100.0)),
        ("peak of live activations", format!("{:.2} MB", counts.peak_activation_bytes.0 as f64 / 1e6)),
    ];
    let mut text = format!("| `{}` | |\n|---|--:|\n", network.name());
    for (name, value) in rows {
        text.push_str(&format!("| {name} | {value} |\n"));
    }
    text
}

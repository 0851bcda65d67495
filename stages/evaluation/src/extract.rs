//! Kind `subnet.extract`: the network for one task and one limit, as a folder that reloads without this code.

use nnf_contract::{Input, Kind, Offer, Output, Parameter, Stage, StageError};
use nnf_net::Counts;
use nnf_problem::TaskTable;
use nnf_results::table;
use nnf_supernet::{Assembled, Requirement, Supernet};
use serde::Deserialize;
use serde_json::json;

use crate::subnet::Subnet;

#[derive(Debug, Deserialize)]
struct Parameters {
    task: String,
    limit: f64,
}

pub(crate) fn offer() -> Offer {
    let kind = Kind::new("subnet.extract", "The network for one task and one limit, without gates and batch norms")
        .inputs([
            Input::new("supernet", "inode/directory", "a trained supernet"),
            Input::new("tasks", table::PARQUET, "the tasks with their property bits"),
        ])
        .outputs([
            Output::new("model", "inode/directory", "network.json and weights.safetensors"),
            Output::new("summary", "application/json", "what it keeps and costs"),
        ])
        .parameters([
            Parameter::string("task", "name of the task, such as `only two odd`"),
            Parameter::float("limit", 1e-6, 1.0, "greatest share of modules to keep"),
        ]);
    Offer { kind, run }
}

fn run(stage: &Stage) -> Result<(), StageError> {
    let p: Parameters = stage.parameters()?;
    let supernet = Supernet::load(stage.input("supernet")?).map_err(StageError::failed)?;
    let task_table = TaskTable::load(stage.input("tasks")?).map_err(StageError::failed)?;
    let task = task_table.position(&p.task).map_err(StageError::failed)?;
    let requirement = Requirement { bits: task_table.bits[task].clone(), limit: p.limit };
    let Assembled { gates, generated, .. } = supernet.assembled_for(requirement).map_err(StageError::failed)?;
    let subnet = Subnet::of(&supernet, &gates)?;
    subnet.model.save(stage.output("model")?).map_err(StageError::failed)?;
    let whole = Counts::of(&supernet.model.network);
    let kept: Vec<usize> = gates.kept_positions().iter().map(Vec::len).collect();
    let layers: Vec<_> = supernet.model.network.gate_layers();
    let by_layer: Vec<_> = layers
        .iter()
        .zip(&kept)
        .map(|(layer, kept)| json!({ "layer": layer.name, "kept": kept, "of": layer.width }))
        .collect();
    let summary = json!({
        "task": p.task,
        "limit": p.limit,
        "ratio": gates.ratio(),
        "generated_ratio": generated,
        "kept_modules": gates.kept(),
        "modules": gates.modules(),
        "layers": by_layer,
        "macs": subnet.counts.macs.0,
        "macs_ratio": subnet.counts.macs.0 as f64 / whole.macs.0 as f64,
        "parameters": subnet.counts.parameters,
        "weight_bytes": subnet.counts.weight_bytes.0,
        "peak_activation_bytes": subnet.counts.peak_activation_bytes.0,
    });
    let text = serde_json::to_string_pretty(&summary).map_err(StageError::failed)?;
    fs_err::write(stage.output("summary")?, text + "\n").map_err(StageError::failed)
}

//! `nnf pin`, `nnf unpin`, `nnf pins`.

use std::collections::BTreeMap;

use clap::Args;
use nnf::digest::Key;
use nnf::plan::Status;
use nnf::store::Pin;
use serde_json::json;

use crate::cli::amounts::counted;
use crate::cli::common::{Common, split};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::render;
use crate::cli::store_args::StoreArgs;

#[derive(Debug, Args)]
pub(crate) struct PinCommand {
    /// A name of your own for what is kept
    #[arg(value_name = "NAME")]
    name: String,
    /// The pipeline (a .yaml file; default pipeline.yaml), then stages; all stages if none is named
    #[arg(value_name = "PIPELINE|STAGE")]
    words: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct UnpinCommand {
    /// The name of the pin
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    place: StoreArgs,
}

#[derive(Debug, Args)]
pub(crate) struct PinsCommand {
    #[command(flatten)]
    place: StoreArgs,
}

pub(crate) fn pin(command: &PinCommand, common: &Common) -> Result<(), Failure> {
    let (pipeline, stages) = split(&command.words);
    let context = Context::open(&pipeline, common)?;
    let mut targets = context.instances(stages)?;
    let graph = &context.loaded.graph;
    if targets.is_empty() {
        targets = graph.ids().collect();
    }
    let plan = context.key_context().plan(graph, &graph.needed_for(&targets), &|_| false, &BTreeMap::new());
    let plan = plan.map_err(Failure::from)?;
    let mut instances: BTreeMap<String, Key> = BTreeMap::new();
    let mut without = Vec::new();
    for (instance, state) in graph.instances().iter().zip(&plan) {
        match state {
            None => {}
            Some(Status::Fresh(known)) => drop(instances.insert(instance.name.clone(), known.key)),
            Some(_) => without.push(instance.name.as_str()),
        }
    }
    if let Some(first) = without.first() {
        let more = if without.len() > 1 { format!(" and {} more", without.len() - 1) } else { String::new() };
        return Err(Failure::wrong_with_hint(
            format!("there is no result of `{first}`{more} as the pipeline stands"),
            "`nnf run` makes what is missing; then pin it",
        ));
    }
    let count = instances.len() as u64;
    context.store.maintenance().pin(&Pin::new(&command.name, &context.loaded.name, instances))?;
    context.store.finish()?;
    if common.json {
        render::json(&json!({ "pin": command.name, "pipeline": context.loaded.name, "results": count }));
    } else {
        let results = counted(count, "result", "results");
        render::out(&format!("`{}` keeps {results} of `{}` until `nnf unpin`", command.name, context.loaded.name));
    }
    Ok(())
}

pub(crate) fn unpin(command: &UnpinCommand, common: &Common) -> Result<(), Failure> {
    let store = command.place.open(common)?;
    if !store.maintenance().unpin(&command.name)? {
        return Err(Failure::wrong_with_hint(format!("there is no pin `{}`", command.name), "`nnf pins` lists them"));
    }
    if common.json {
        render::json(&json!({ "unpinned": command.name }));
    } else {
        render::out(&format!("`{}` is gone; what it kept stays until `nnf gc` finds it unneeded", command.name));
    }
    Ok(())
}

pub(crate) fn pins(command: &PinsCommand, common: &Common) -> Result<(), Failure> {
    let pins = command.place.open(common)?.maintenance().pins()?;
    if pins.is_empty() && !common.json {
        render::out("no pins yet; `nnf pin NAME` keeps the present results");
    }
    for (name, pin) in pins {
        match (&pin, common.json) {
            (Some(pin), true) => render::json(&json!(pin)),
            (None, true) => render::json(&json!({ "name": name, "damaged": true })),
            (Some(pin), false) => {
                let results = counted(pin.instances.len() as u64, "result", "results");
                let made = pin.made.strftime("%Y-%m-%d %H:%M");
                render::out(&format!("{name:<24}  {made}  {results} of {}", pin.pipeline));
            }
            (None, false) => render::out(&format!("{name:<24}  damaged; `nnf unpin {name}` removes it")),
        }
    }
    Ok(())
}

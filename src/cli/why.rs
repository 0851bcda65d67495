//! `nnf why`.

use clap::Args;
use nnf::plan::Status;
use nnf::why::Reason;
use serde_json::{Value as Json, json};

use crate::cli::common::{Common, Place, split};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::render;

#[derive(Debug, Args)]
pub(crate) struct WhyCommand {
    /// The pipeline (a .yaml file; default pipeline.yaml), then the stage
    #[arg(value_name = "PIPELINE|STAGE", required = true)]
    words: Vec<String>,
    #[command(flatten)]
    place: Place,
}

pub(crate) fn run(command: &WhyCommand, common: &Common) -> Result<(), Failure> {
    let (pipeline, stages) = split(&command.words);
    if stages.is_empty() {
        return Err(Failure::wrong_with_hint("`nnf why` needs a stage", "`nnf why PIPELINE STAGE`"));
    }
    let context = Context::open(&pipeline, common)?.at(command.place);
    let asked = context.instances(stages)?;
    let graph = &context.loaded.graph;
    let needed = graph.needed_for(&asked);
    let heads = context.store.pipelines().heads(&context.loaded.name);
    let plan = context.key_context().plan(graph, &needed, &|_| false, &heads);
    let plan = plan.map_err(Failure::from)?;
    for id in asked {
        let name = &graph.get(id).name;
        match &plan[id.index()] {
            Some(Status::Fresh(known)) if common.json => {
                let record = context.store.records().get(&known.key)?;
                let document = record.map(|record| read(&record.document));
                render::json(&json!({ "stage": name, "state": "fresh", "key": known.key, "document": document }));
            }
            Some(Status::Stale { key, reason, .. }) if common.json => {
                render::json(&json!({ "stage": name, "state": "stale", "key": key, "reason": reason }));
            }
            Some(Status::Unasked) if !common.json => {
                render::out(&format!(
                    "`{name}` is pending: it is not known yet which node is to be measured; a run asks for it"
                ));
            }
            _ if common.json => render::json(&json!({ "stage": name, "state": "pending" })),
            Some(Status::Fresh(known)) => {
                render::out(&format!("`{name}` is fresh: there is a record under its key {}", known.key.short()));
            }
            Some(Status::Stale { key, reason, document: own }) => {
                render::out(&format!("`{name}` must run: {} (key {})", sentence(reason), key.short()));
                match reason {
                    Reason::Changed(differences) => {
                        for difference in differences {
                            format!("  {}", difference.in_full()).lines().for_each(render::out);
                        }
                    }
                    _ => document(&own.canonical()),
                }
            }
            _ => {
                let above = graph.needed_for(&[id]);
                let stale = graph
                    .ids()
                    .filter(|up| above[up.index()] && matches!(plan[up.index()], Some(Status::Stale { .. })));
                let names: Vec<&str> = stale.map(|up| graph.get(up).name.as_str()).collect();
                render::out(&format!(
                    "`{name}` is pending: it runs if {} {} other content than before",
                    names.join(", "),
                    if names.len() == 1 { "leaves" } else { "leave" }
                ));
            }
        }
    }
    Ok(())
}

fn sentence(reason: &Reason) -> String {
    match reason {
        Reason::NoRecord => "no record of it".into(),
        reason => reason.cause(),
    }
}

/// The key document, indented: what went into the key.
fn document(text: &str) {
    let pretty = serde_json::to_string_pretty(&read(text)).unwrap_or_default();
    pretty.lines().for_each(|line| render::json(&format!("  {line}")));
}

fn read(document: &str) -> Json {
    serde_json::from_str(document).unwrap_or_default()
}

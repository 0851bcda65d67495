//! `nnf show`.

use nnf::graph::{Graph, Instance, Source, Work};
use serde_json::json;

use crate::cli::common::{Common, StagesCommand, split};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::render;

pub(crate) fn run(command: &StagesCommand, common: &Common) -> Result<(), Failure> {
    let (pipeline, stages) = split(&command.words);
    let context = Context::open(&pipeline, common)?;
    let asked = context.instances(stages)?;
    let graph = &context.loaded.graph;
    for id in graph.ids().filter(|id| asked.is_empty() || asked.contains(id)) {
        let instance = graph.get(id);
        if common.json {
            let inputs: serde_json::Map<_, _> =
                instance.inputs.iter().map(|(name, source)| (name.clone(), json!(written(graph, source)))).collect();
            let outputs: serde_json::Map<_, _> =
                instance.outputs.iter().map(|(name, spec)| (name.clone(), json!(spec.media))).collect();
            let line = json!({
                "stage": instance.name, "work": work(instance), "in": inputs, "out": outputs, "with": instance.with
            });
            render::json(&line);
            continue;
        }
        render::out(&format!("{}  ({})", instance.name, work(instance)));
        for (name, source) in &instance.inputs {
            render::out(&format!("  in   {name} ← {}", written(graph, source)));
        }
        for (name, value) in &instance.with {
            render::out(&format!("  with {name} = {value}"));
        }
        for (name, spec) in &instance.outputs {
            let optional = if spec.optional { ", optional" } else { "" };
            render::out(&format!("  out  {name} ({}{optional})", spec.media));
        }
    }
    Ok(())
}

fn work(instance: &Instance) -> String {
    match &instance.work {
        Work::Kind { kind, .. } => kind.clone(),
        Work::Argv { .. } => "run".into(),
    }
}

fn written(graph: &Graph, source: &Source) -> String {
    match source {
        Source::Output { from, output } => format!("{}.{output}", graph.get(*from).name),
        Source::Record { from } => format!("{}.record", graph.get(*from).name),
        Source::File { written, .. } => format!("file:{written}"),
        Source::Many(members) => {
            let all: Vec<String> = members.values().map(|member| written(graph, member)).collect();
            format!("[{}]", all.join(", "))
        }
    }
}

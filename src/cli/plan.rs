//! `nnf plan`.

use std::collections::BTreeSet;

use nnf::plan::Status;
use nnf::reporter::duration;
use serde_json::json;

use crate::cli::args::{Common, PlanCommand, split};
use crate::cli::context::Context;
use crate::cli::{Failure, render};

pub(crate) fn run(command: &PlanCommand, common: &Common) -> Result<(), Failure> {
    let (pipeline, stages) = split(&command.words);
    let context = Context::open(&pipeline, common)?;
    let mut targets = context.instances(stages)?;
    let graph = &context.loaded.graph;
    if targets.is_empty() {
        targets = graph.ids().collect();
    }
    let needed = graph.needed_for(&targets);
    let heads = context.store.heads(&context.loaded.name);
    let plan = context.around().plan(graph, &needed, &|_| false, &heads);
    let plan = plan.map_err(Failure::from)?;
    context.store.finish()?;
    if common.json {
        for (instance, state) in graph.instances().iter().zip(&plan) {
            let line = match state {
                None => continue,
                Some(Status::Fresh(known)) => json!({ "stage": instance.name, "state": "fresh", "key": known.key }),
                Some(Status::Stale { key, reason }) => {
                    json!({ "stage": instance.name, "state": "stale", "key": key, "reason": reason, "because": reason.cause() })
                }
                Some(Status::Pending) => json!({ "stage": instance.name, "state": "pending" }),
            };
            render::out(&line.to_string());
        }
        return Ok(());
    }
    // Stages that share a cause share a line.
    let mut groups: Vec<(String, Vec<&str>)> = Vec::new();
    let (mut fresh, mut pending) = (0, Vec::new());
    let mut known_seconds = 0.0;
    for (instance, state) in graph.instances().iter().zip(&plan) {
        match state {
            None => {}
            Some(Status::Fresh(_)) => fresh += 1,
            Some(Status::Pending) => pending.push(instance.name.as_str()),
            Some(Status::Stale { reason, .. }) => {
                let cause = reason.cause();
                match groups.iter_mut().find(|(known, _)| *known == cause) {
                    Some((_, names)) => names.push(&instance.name),
                    None => groups.push((cause, vec![&instance.name])),
                }
            }
        }
        if !matches!(state, None | Some(Status::Fresh(_)))
            && let Some(key) = heads.get(&instance.name)
            && let Some(known) = context.store.look_up(key)?
        {
            known_seconds += known.milliseconds as f64 / 1000.0;
        }
    }
    let stale: BTreeSet<&str> = groups.iter().flat_map(|(_, names)| names.iter().copied()).collect();
    for (cause, names) in &groups {
        render::out(&format!("run  {}  ({cause})", shorten(names)));
    }
    if !pending.is_empty() {
        render::out(&format!("up to {} more, if what they read changes: {}", pending.len(), shorten(&pending)));
    }
    let time =
        if known_seconds > 0.5 { format!("; they took {} last time", duration(known_seconds)) } else { String::new() };
    let more = if pending.is_empty() { String::new() } else { format!(", up to {} more", pending.len()) };
    let summary = match stale.len() {
        0 if pending.is_empty() => format!("nothing to run, {fresh} fresh"),
        count => format!("{count} to run{more}, {fresh} fresh{time}"),
    };
    render::out(&summary);
    Ok(())
}

fn shorten(names: &[&str]) -> String {
    const MOST: usize = 12;
    let shown = names.iter().take(MOST).copied().collect::<Vec<_>>().join(", ");
    if names.len() > MOST { format!("{shown} and {} more", names.len() - MOST) } else { shown }
}

//! `nnf plan`.

use nnf::graph::Graph;
use nnf::plan::Status;
use nnf::reporter::duration;
use serde_json::json;

use crate::cli::common::{Common, StagesCommand, split};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::render;

pub(crate) fn run(command: &StagesCommand, common: &Common) -> Result<(), Failure> {
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
        print_json(graph, &plan);
        return Ok(());
    }
    let mut seconds = 0.0;
    for (instance, state) in graph.instances().iter().zip(&plan) {
        if !matches!(state, None | Some(Status::Fresh(_)))
            && let Some(key) = heads.get(&instance.name)
            && let Some(known) = context.store.look_up(key)?
        {
            seconds += known.milliseconds as f64 / 1000.0;
        }
    }
    print_words(&Groups::of(graph, &plan), seconds);
    Ok(())
}

fn print_json(graph: &Graph, plan: &[Option<Status>]) {
    for (instance, state) in graph.instances().iter().zip(plan) {
        let line = match state {
            None => continue,
            Some(Status::Fresh(known)) => json!({ "stage": instance.name, "state": "fresh", "key": known.key }),
            Some(Status::Stale { key, reason, .. }) => {
                json!({ "stage": instance.name, "state": "stale", "key": key, "reason": reason, "because": reason.cause() })
            }
            Some(Status::Pending) => json!({ "stage": instance.name, "state": "pending" }),
        };
        render::json(&line);
    }
}

/// A plan as a person reads it: stages that share a cause share a line.
#[derive(Default)]
struct Groups<'a> {
    stale: Vec<(String, Vec<&'a str>)>,
    pending: Vec<&'a str>,
    fresh: usize,
}

impl<'a> Groups<'a> {
    fn of(graph: &'a Graph, plan: &[Option<Status>]) -> Self {
        let mut groups = Groups::default();
        for (instance, state) in graph.instances().iter().zip(plan) {
            match state {
                None => {}
                Some(Status::Fresh(_)) => groups.fresh += 1,
                Some(Status::Pending) => groups.pending.push(&instance.name),
                Some(Status::Stale { reason, .. }) => groups.add_stale(reason.cause(), &instance.name),
            }
        }
        groups
    }

    fn add_stale(&mut self, cause: String, name: &'a str) {
        match self.stale.iter_mut().find(|(known, _)| *known == cause) {
            Some((_, names)) => names.push(name),
            None => self.stale.push((cause, vec![name])),
        }
    }
}

/// The plan, and how many seconds what is in it took last time.
fn print_words(groups: &Groups<'_>, seconds: f64) {
    let Groups { stale, pending, fresh } = groups;
    for (cause, names) in stale {
        render::out(&format!("run  {}  ({cause})", shorten(names)));
    }
    if !pending.is_empty() {
        render::out(&format!("up to {} more, if what they read changes: {}", pending.len(), shorten(pending)));
    }
    let time = if seconds > 0.5 { format!("; they took {} last time", duration(seconds)) } else { String::new() };
    let more = if pending.is_empty() { String::new() } else { format!(", up to {} more", pending.len()) };
    let summary = match stale.iter().map(|(_, names)| names.len()).sum::<usize>() {
        0 if pending.is_empty() => format!("nothing to run, {fresh} fresh"),
        count => format!("{count} to run{more}, {fresh} fresh{time}"),
    };
    render::out(&summary);
}

fn shorten(names: &[&str]) -> String {
    const MOST: usize = 12;
    let shown = names.iter().take(MOST).copied().collect::<Vec<_>>().join(", ");
    if names.len() > MOST { format!("{shown} and {} more", names.len() - MOST) } else { shown }
}

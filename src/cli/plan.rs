//! `nnf plan`.

use std::collections::HashMap;

use clap::Args;
use nnf::graph::Graph;
use nnf::plan::Status;
use nnf::reporter::duration;
use serde_json::json;

use crate::cli::common::{Common, Place, StagesCommand, split};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::programs::refuse_plan;
use crate::cli::render;

/// Why a stage that measures is neither fresh nor stale.
const UNASKED: &str = "it is not known yet which node is to be measured, a run asks for it";

#[derive(Debug, Args)]
pub(crate) struct PlanCommand {
    #[command(flatten)]
    stages: StagesCommand,
    #[command(flatten)]
    place: Place,
}

pub(crate) fn run(command: &PlanCommand, common: &Common) -> Result<(), Failure> {
    let (pipeline, stages) = split(&command.stages.words);
    let context = Context::open(&pipeline, common)?.at(command.place);
    let graph = &context.loaded.graph;
    let needed = context.needed_for(&context.instances(stages)?);
    let heads = context.store.pipelines().heads(&context.loaded.name);
    let plan = context.key_context().plan(graph, &needed, &|_| false, &heads);
    let plan = plan.map_err(Failure::from)?;
    context.store.finish()?;
    if common.json {
        print_json(graph, &plan);
        return refuse_plan(&context, &needed, &plan);
    }
    let mut times = Times::default();
    for (instance, state) in graph.instances().iter().zip(&plan) {
        if !matches!(state, None | Some(Status::Fresh(_))) {
            let last = heads.get(&instance.name).map(|key| context.store.records().look_up(key)).transpose()?.flatten();
            times.add(matches!(state, Some(Status::Pending | Status::Unasked)), last.map(|known| known.milliseconds));
        }
    }
    print_words(&Groups::of(graph, &plan), &times);
    refuse_plan(&context, &needed, &plan)
}

/// How long what is in a plan took last time, in seconds of work.
#[derive(Default)]
struct Times {
    stale: f64,
    pending: f64,
    /// Stages that have not run yet.
    unknown: usize,
}

impl Times {
    fn add(&mut self, pending: bool, milliseconds: Option<u64>) {
        let seconds = milliseconds.unwrap_or_default() as f64 / 1000.0;
        self.unknown += usize::from(milliseconds.is_none());
        if pending {
            self.pending += seconds;
        } else {
            self.stale += seconds;
        }
    }

    /// What is to be expected; nothing where it is no time at all.
    fn in_words(&self) -> String {
        let all = self.stale + self.pending;
        if all <= 0.5 {
            return String::new();
        }
        let mut words = match (self.stale > 0.05, self.pending > 0.0) {
            (_, false) => format!("; about {} of work", duration(all)),
            (true, true) => {
                format!("; about {} of work, at most {} with what is pending", duration(self.stale), duration(all))
            }
            (false, true) => format!("; at most {} of work with what is pending", duration(all)),
        };
        if self.unknown > 0 {
            words += &format!(", not counting {} that never ran", self.unknown);
        }
        words
    }
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
            Some(Status::Unasked) => json!({ "stage": instance.name, "state": "pending", "because": UNASKED }),
        };
        render::json(&line);
    }
}

/// A plan as a person reads it: stages that share a cause share a line.
#[derive(Default)]
struct Groups<'a> {
    stale: Vec<(String, Vec<&'a str>)>,
    /// Where the group of each cause stands.
    known: HashMap<String, usize>,
    pending: Vec<&'a str>,
    /// Those that measure a machine which is not known yet.
    unasked: Vec<&'a str>,
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
                Some(Status::Unasked) => groups.unasked.push(&instance.name),
                Some(Status::Stale { reason, .. }) => groups.add_stale(reason.cause(), &instance.name),
            }
        }
        groups
    }

    fn add_stale(&mut self, cause: String, name: &'a str) {
        let group = *self.known.entry(cause).or_insert_with_key(|cause| {
            self.stale.push((cause.clone(), Vec::new()));
            self.stale.len() - 1
        });
        self.stale[group].1.push(name);
    }
}

/// The plan, and how long what is in it took last time.
fn print_words(groups: &Groups<'_>, times: &Times) {
    let Groups { stale, pending, unasked, fresh, .. } = groups;
    for (cause, names) in stale {
        render::out(&format!("run  {}  ({cause})", shorten(names)));
    }
    if !pending.is_empty() {
        render::out(&format!("up to {} more, if what they read changes: {}", pending.len(), shorten(pending)));
    }
    if !unasked.is_empty() {
        render::out(&format!("up to {} more: {UNASKED}: {}", unasked.len(), shorten(unasked)));
    }
    let open = pending.len() + unasked.len();
    let more = if open == 0 { String::new() } else { format!(", up to {open} more") };
    let summary = match stale.iter().map(|(_, names)| names.len()).sum::<usize>() {
        0 if open == 0 => format!("nothing to run, {fresh} fresh"),
        count => format!("{count} to run{more}, {fresh} fresh{}", times.in_words()),
    };
    render::out(&summary);
}

fn shorten(names: &[&str]) -> String {
    const MOST: usize = 12;
    let shown = names.iter().take(MOST).copied().collect::<Vec<_>>().join(", ");
    if names.len() > MOST { format!("{shown} and {} more", names.len() - MOST) } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_what_runs_and_of_what_may_run_are_told_apart() {
        let words = |times: &[(bool, Option<u64>)]| {
            let mut sum = Times::default();
            times.iter().for_each(|(pending, milliseconds)| sum.add(*pending, *milliseconds));
            sum.in_words()
        };
        assert_eq!(words(&[]), "");
        assert_eq!(words(&[(false, Some(100)), (true, Some(100)), (false, None)]), "", "no time at all");
        assert_eq!(words(&[(false, Some(100_000)), (false, Some(80_000))]), "; about 3 min 0 s of work");
        assert_eq!(
            words(&[(false, Some(180_000)), (true, Some(540_000))]),
            "; about 3 min 0 s of work, at most 12 min 0 s with what is pending"
        );
        assert_eq!(
            words(&[(false, Some(12_000)), (false, None), (true, None)]),
            "; about 12 s of work, not counting 2 that never ran"
        );
        assert_eq!(
            words(&[(false, None), (true, Some(2000))]),
            "; at most 2.0 s of work with what is pending, not counting 1 that never ran"
        );
    }
}

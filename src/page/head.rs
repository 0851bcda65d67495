//! The head of a page: which run, how it ended, what it took, and on what machine.

use std::collections::{BTreeMap, BTreeSet};

use crate::page::html::Html;
use crate::page::stage::{Stages, State};
use crate::page::words::{count, moment};
use crate::record::Record;
use crate::reporter::duration;
use crate::store::PastRun;

/// Where the results of a run were made.
#[derive(Debug, Default)]
pub(super) struct Surroundings {
    /// Machines, in words, and how many results each made.
    machines: BTreeMap<String, usize>,
    /// Facts of the environment, and their values.
    environment: BTreeMap<String, BTreeSet<String>>,
}

impl Surroundings {
    /// Takes note of a record.
    pub(super) fn note(&mut self, record: &Record) {
        let machine = &record.machine;
        let gpus = match machine.gpus.as_slice() {
            [] => "no GPU".to_owned(),
            gpus => gpus.join(", "),
        };
        let words = format!(
            "{}, {}, {} GiB memory, {gpus}, {}",
            machine.cpu,
            count(machine.cores as usize, "core"),
            machine.memory_gib,
            machine.platform
        );
        *self.machines.entry(words).or_default() += 1;
        for (name, value) in &record.environment {
            // Programs are many and different; their stages name them.
            if name != "program" && name.len() <= 40 && value.len() <= 80 {
                self.environment.entry(name.clone()).or_default().insert(value.clone());
            }
        }
    }
}

/// How a run stands, in a word and for its mark.
pub(super) fn state(run: &PastRun) -> (&'static str, State) {
    match run.summary.state.as_str() {
        _ if run.goes_on => ("going on", State::Running),
        "done" => ("done", State::Ran),
        "failed" => ("failed", State::Failed),
        "interrupted" => ("interrupted", State::Stopped),
        _ => ("killed before its end", State::Stopped),
    }
}

/// The facts of a run.
pub(super) fn facts(run: &PastRun, stages: &Stages, around: &Surroundings) -> Html {
    let mut html = Html::default();
    let summary = &run.summary;
    html.raw("<dl class=\"facts\">\n");
    html.fact("Run", &summary.id);
    html.fact("Began", &moment(summary.started));
    html.fact("Took", &summary.seconds.map(duration).unwrap_or_default());
    let counts: Vec<String> = State::ALL
        .into_iter()
        .map(|state| (stages.count(state), state))
        .filter(|(number, _)| *number > 0)
        .map(|(number, state)| format!("{number} {}", state.words()))
        .collect();
    html.fact("Stages", &counts.join(", "));
    for (machine, results) in around.machines.iter().take(6) {
        let share =
            if around.machines.len() == 1 { String::new() } else { format!(" ({})", count(*results, "result")) };
        html.fact("Machine", &format!("{machine}{share}"));
    }
    if around.machines.len() > 6 {
        html.fact("Machines", &format!("{} more", around.machines.len() - 6));
    }
    let environment: Vec<String> = around
        .environment
        .iter()
        .filter(|(_, values)| values.len() <= 3)
        .map(|(name, values)| format!("{name} {}", values.iter().map(String::as_str).collect::<Vec<_>>().join(" / ")))
        .collect();
    html.fact("Environment", &environment.join(", "));
    html.raw("</dl>\n");
    html
}

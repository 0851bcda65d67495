//! Scenarios of NN-Factory, each with what the other methods made for the same task, device and budgets.

use crate::baseline::{Budgets, Made, OURS};
use crate::error::ReportError;
use crate::format::{megabytes, milliseconds};

/// One scenario, with what each method made for it.
pub(crate) struct Scenario<'a> {
    pub(crate) device: &'a str,
    pub(crate) task: &'a str,
    pub(crate) budgets: Budgets,
    pub(crate) made: Vec<Option<&'a Made>>,
}

impl Scenario<'_> {
    /// How much slower than its budget a network is, in µs.
    pub(crate) fn slower(&self, made: &Made) -> Option<f64> {
        self.budgets.latency.map(|budget| made.measured - budget)
    }

    /// How much larger than its budget a network is, in bytes.
    pub(crate) fn larger(&self, made: &Made) -> Option<f64> {
        self.budgets.memory.zip(made.memory).map(|(budget, memory)| memory - budget)
    }

    /// Whether a network keeps all budgets; `None` where the table does not tell what a budget is of.
    pub(crate) fn kept(&self, made: &Made) -> Option<bool> {
        let latency = self.budgets.latency.map(|_| self.slower(made));
        let memory = self.budgets.memory.map(|_| self.larger(made));
        let more: Option<Vec<f64>> = [latency, memory].into_iter().flatten().collect();
        more.map(|more| more.iter().all(|more| *more <= 0.0))
    }

    fn told(&self) -> String {
        let latency = self.budgets.latency.map(|most| format!(" within {}", milliseconds(Some(most))));
        let memory = self.budgets.memory.map(|most| format!(" in {}", megabytes(Some(most))));
        let parts = [latency, memory].map(Option::unwrap_or_default).concat();
        format!("task `{}` on `{}`{parts}", self.task, self.device)
    }
}

/// Our networks that have a budget, in order, each with the other methods' for the same task, device and budgets.
///
/// # Errors
/// When a method has several networks for a scenario.
pub(crate) fn scenarios<'a>(all: &'a [Made], methods: &[String]) -> Result<Vec<Scenario<'a>>, ReportError> {
    let mut found: Vec<Scenario> = Vec::new();
    for ours in all.iter().filter(|made| made.method == OURS) {
        let Some(budgets) = ours.budgets.filter(|asked| asked.latency.is_some() || asked.memory.is_some()) else {
            continue;
        };
        let mut scenario = Scenario { device: &ours.device, task: &ours.task, budgets, made: Vec::new() };
        let again = |one: &Scenario| (one.device, one.task, one.budgets) == (scenario.device, scenario.task, budgets);
        if found.iter().any(again) {
            return Err(twice(OURS, &scenario));
        }
        for method in methods {
            let made = if method == OURS { Some(ours) } else { of(all, method, &scenario)? };
            scenario.made.push(made);
        }
        found.push(scenario);
    }
    Ok(found)
}

fn twice(method: &str, scenario: &Scenario) -> ReportError {
    ReportError::Misfit(format!("{method} has two networks for {}; give each table once", scenario.told()))
}

/// The network of a method for a scenario: that with the nearest budgets.
fn of<'a>(all: &'a [Made], method: &str, scenario: &Scenario) -> Result<Option<&'a Made>, ReportError> {
    let own =
        all.iter().filter(|made| made.method == method && made.device == scenario.device && made.task == scenario.task);
    let mut near: Vec<(f64, &Made)> =
        own.filter_map(|made| Some((distance(made.budgets, scenario.budgets)?, made))).collect();
    near.sort_by(|a, b| a.0.total_cmp(&b.0));
    match near.as_slice() {
        [first, second, ..] if second.0 - first.0 < 1e-12 => Err(twice(method, scenario)),
        other => Ok(other.first().map(|(_, made)| *made)),
    }
}

/// How far budgets are apart; `None` if they are not the same. A network for all budgets is for any. Budgets within half a
/// per cent are one, since they are shares of predicted latencies.
fn distance(one: Option<Budgets>, other: Budgets) -> Option<f64> {
    let apart = |one: Option<f64>, other: Option<f64>| match (one, other) {
        (None, None) => Some(0.0),
        (Some(one), Some(other)) => Some((one / other - 1.0).abs()).filter(|apart| *apart < 0.005),
        _ => None,
    };
    let Some(one) = one else { return Some(0.0) };
    Some(apart(one.latency, other.latency)? + apart(one.memory, other.memory)?)
}

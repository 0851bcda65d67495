//! How numbers and summaries read.

use std::collections::BTreeMap;

use crate::run::Summary;

/// Most characters of a line about a stage, most of which the stage may have said.
pub(crate) const MOST_LETTERS: usize = 2_000;

/// A duration for people: `0.4 s`, `12 s`, `3 min 5 s`, `2 h 10 min`.
#[must_use]
pub fn duration(seconds: f64) -> String {
    let whole = seconds.max(0.0).round() as u64;
    match seconds {
        s if s < 9.95 => format!("{:.1} s", s.max(0.0)),
        s if s < 59.5 => format!("{whole} s"),
        s if s < 3599.5 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

/// A metric with the digits that matter.
pub(crate) fn number(value: f64) -> String {
    if !value.is_finite() {
        return value.to_string();
    }
    if value != 0.0 && (value.abs() >= 1e6 || value.abs() < 1e-3) {
        return format!("{value:.2e}");
    }
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The first of a stage's metrics with their values.
pub(crate) fn metrics(values: &BTreeMap<String, f64>, most: usize) -> String {
    let shown = values.iter().take(most).map(|(name, value)| format!("{name} {}", number(*value)));
    shown.collect::<Vec<_>>().join("  ")
}

/// Most stages that the summary names one by one.
const NAMED: usize = 20;

/// What ran and why, what was fresh, how long it took, and where the results are.
#[must_use]
pub fn summary_lines(summary: &Summary) -> Vec<String> {
    let mut lines = Vec::new();
    // Thousands of stages share few causes, so they are told by cause.
    if summary.ran.len() > NAMED {
        let mut causes: Vec<(&str, usize, f64)> = Vec::new();
        for ran in &summary.ran {
            match causes.iter_mut().find(|(cause, ..)| *cause == ran.because) {
                Some((_, count, seconds)) => {
                    *count += 1;
                    *seconds += ran.seconds;
                }
                None => causes.push((&ran.because, 1, ran.seconds)),
            }
        }
        causes.sort_by_key(|(_, count, _)| std::cmp::Reverse(*count));
        for (cause, count, seconds) in causes.iter().take(NAMED) {
            lines.push(format!("  ran {count} stages in {} of work: {cause}", duration(*seconds)));
        }
    } else {
        let width = summary.ran.iter().map(|ran| ran.stage.chars().count()).max().unwrap_or(0);
        for ran in &summary.ran {
            lines.push(format!("  ran {:<width$}  {:>10}  {}", ran.stage, duration(ran.seconds), ran.because));
        }
    }
    if !summary.not_started.is_empty() {
        let shown: Vec<&str> = summary.not_started.iter().take(NAMED).map(String::as_str).collect();
        let more = summary.not_started.len() - shown.len();
        let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
        lines.push(format!("  not started: {}{rest}", shown.join(", ")));
    }
    let state = match summary {
        s if s.interrupted => "interrupted",
        s if !s.failed.is_empty() || s.store_failed => "failed",
        _ => "done",
    };
    let failed = if summary.failed.is_empty() { String::new() } else { format!(", {} failed", summary.failed.len()) };
    lines.push(format!(
        "{state} in {}: {} ran, {} fresh{failed}",
        duration(summary.seconds),
        summary.ran.len(),
        summary.fresh
    ));
    if !summary.results.is_empty() {
        lines.push(format!("results: {}", summary.results));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_numbers() {
        let shown: Vec<String> = [0.04, 9.94, 12.4, 185.0, 3599.9, 7800.0].map(duration).into();
        assert_eq!(shown, ["0.0 s", "9.9 s", "12 s", "3 min 5 s", "1 h 0 min", "2 h 10 min"]);
        let shown: Vec<String> = [0.0, 0.9731, 128.0, 1.5e7, 2.0e-5].map(number).into();
        assert_eq!(shown, ["0", "0.9731", "128", "1.50e7", "2.00e-5"]);
    }
}

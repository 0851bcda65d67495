//! What the methods are called, and the columns that all of them have in their tables.
//!
//! It does not know how a method works.

use polars::prelude::*;

use crate::error::ReportError;
use crate::read;

/// Name of our method.
pub(crate) const OURS: &str = "NN-Factory";

/// Columns of a baseline's table that a comparison needs.
pub(crate) const COLUMNS: [&str; 12] = [
    "method",
    "device",
    "threads",
    "task",
    "latency_budget_us",
    "measured_us",
    "accuracy",
    "low",
    "high",
    "samples",
    "seconds",
    "seconds_to_best",
];

/// Columns of Retrain's table that a comparison needs.
pub(crate) const RETRAIN: [&str; 4] = ["task", "accuracy", "low", "high"];

/// One network that a method made for a scenario.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    pub(crate) method: String,
    pub(crate) device: String,
    pub(crate) task: String,
    /// `None` for a method that does not ask for one.
    pub(crate) budget: Option<f64>,
    pub(crate) measured: f64,
    pub(crate) accuracy: f64,
    pub(crate) interval: (f64, f64),
}

/// The method's name for people: `prune-and-tune-unrestricted` becomes `Prune&Tune (unrestricted)`.
pub(crate) fn title(method: &str) -> String {
    for (plain, title) in [("retrain", "Retrain"), ("prune-and-tune", "Prune&Tune"), ("nn-factory", OURS)] {
        if let Some(rest) = method.strip_prefix(plain) {
            return match rest.strip_prefix('-') {
                Some(variant) => format!("{title} ({variant})"),
                None => format!("{title}{rest}"),
            };
        }
    }
    method.to_owned()
}

/// Rows of a sweep or of a baseline's table.
pub(crate) fn made(table: &DataFrame, method: Option<&str>) -> Result<Vec<Made>, ReportError> {
    let methods = match method {
        Some(method) => vec![method.to_owned(); table.height()],
        None => read::words(table, "method")?.iter().map(|method| title(method)).collect(),
    };
    let (devices, tasks) = (read::words(table, "device")?, read::words(table, "task")?);
    let number = |name: &str| read::all_numbers(table, name);
    let (budgets, measured) = (read::numbers(table, "latency_budget_us")?, number("measured_us")?);
    let (accuracy, low, high) = (number("accuracy")?, number("low")?, number("high")?);
    let row = |at: usize| Made {
        method: methods[at].clone(),
        device: devices[at].clone(),
        task: tasks[at].clone(),
        budget: budgets[at].filter(|budget| budget.is_finite()),
        measured: measured[at],
        accuracy: accuracy[at],
        interval: (low[at], high[at]),
    };
    Ok((0..table.height()).map(row).collect())
}

/// Retrain's networks on each device of the sweeps: the whole network, as fast as the sweep has measured it.
pub(crate) fn retrained(table: &DataFrame, sweeps: &DataFrame) -> Result<Vec<Made>, ReportError> {
    let (devices, whole) = (read::words(sweeps, "device")?, read::all_numbers(sweeps, "whole_us")?);
    let tasks = read::words(table, "task")?;
    let number = |name: &str| read::all_numbers(table, name);
    let (accuracy, low, high) = (number("accuracy")?, number("low")?, number("high")?);
    let on = |device: String| {
        let measured = devices.iter().position(|own| *own == device).map_or(f64::NAN, |at| whole[at]);
        let one = |at: usize| Made {
            method: title("retrain"),
            device: device.clone(),
            task: tasks[at].clone(),
            budget: None,
            measured,
            accuracy: accuracy[at],
            interval: (low[at], high[at]),
        };
        (0..tasks.len()).map(one).collect::<Vec<Made>>()
    };
    Ok(read::distinct(&devices).into_iter().flat_map(on).collect())
}

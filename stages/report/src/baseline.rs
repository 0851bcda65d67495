//! What the methods are called, and the columns that all of them have in their tables.

use polars::prelude::*;

use crate::error::ReportError;
use crate::read;

/// Name of our method.
pub(crate) const OURS: &str = "NN-Factory";

/// Columns of a baseline's table that a comparison needs.
pub(crate) const COLUMNS: [&str; 8] =
    ["method", "device", "task", "latency_budget_us", "measured_us", "accuracy", "low", "high"];

/// Columns of Retrain's table that a comparison needs.
pub(crate) const RETRAIN: [&str; 4] = ["task", "accuracy", "low", "high"];

/// Columns of any of the tables that say more where they are.
pub(crate) const OPTIONAL: [(&str, DataType); 3] =
    [("memory_budget_bytes", DataType::Float64), ("memory_bytes", DataType::Float64), ("samples", DataType::Float64)];

/// What a network was asked to keep: µs and bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Budgets {
    pub(crate) latency: Option<f64>,
    pub(crate) memory: Option<f64>,
}

/// One network that a method made for a scenario.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    pub(crate) method: String,
    pub(crate) device: String,
    pub(crate) task: String,
    /// `None` for a method that makes one network for all budgets.
    pub(crate) budgets: Option<Budgets>,
    pub(crate) measured: f64,
    /// Parameters and the largest live values, counted.
    pub(crate) memory: Option<f64>,
    pub(crate) accuracy: f64,
    pub(crate) interval: (f64, f64),
    /// On how many samples it was judged.
    pub(crate) samples: Option<f64>,
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
    let finite = |name: &str| -> Result<Vec<Option<f64>>, ReportError> {
        Ok(read::optional_numbers(table, name)?.into_iter().map(|value| value.filter(|v| v.is_finite())).collect())
    };
    let (latency, memory) = (finite("latency_budget_us")?, finite("memory_budget_bytes")?);
    let (used, samples, measured) = (finite("memory_bytes")?, finite("samples")?, number("measured_us")?);
    let (accuracy, low, high) = (number("accuracy")?, number("low")?, number("high")?);
    let row = |at: usize| Made {
        method: methods[at].clone(),
        device: devices[at].clone(),
        task: tasks[at].clone(),
        budgets: Some(Budgets { latency: latency[at], memory: memory[at] }),
        measured: measured[at],
        memory: used[at],
        accuracy: accuracy[at],
        interval: (low[at], high[at]),
        samples: samples[at],
    };
    Ok((0..table.height()).map(row).collect())
}

/// Retrain's networks on each device of the sweeps: the whole network, as fast as the sweep has measured it.
pub(crate) fn retrained(table: &DataFrame, sweeps: &DataFrame) -> Result<Vec<Made>, ReportError> {
    let (devices, whole) = (read::words(sweeps, "device")?, read::all_numbers(sweeps, "whole_us")?);
    let tasks = read::words(table, "task")?;
    let number = |name: &str| read::all_numbers(table, name);
    let (accuracy, low, high) = (number("accuracy")?, number("low")?, number("high")?);
    let (used, samples) = (read::optional_numbers(table, "memory_bytes")?, read::optional_numbers(table, "samples")?);
    let on = |device: String| {
        let mut all = (0..devices.len()).filter(|row| devices[*row] == device).map(|row| whole[row]);
        let measured = all.next().unwrap_or(f64::NAN);
        if all.any(|other| other != measured) {
            let why = format!("the sweeps of `{device}` have whole networks of several latencies");
            return Err(ReportError::Misfit(format!("{why}; compare sweeps of one supernet, one on each device")));
        }
        let one = |at: usize| Made {
            method: title("retrain"),
            device: device.clone(),
            task: tasks[at].clone(),
            budgets: None,
            measured,
            memory: used[at],
            accuracy: accuracy[at],
            interval: (low[at], high[at]),
            samples: samples[at],
        };
        Ok((0..tasks.len()).map(one).collect::<Vec<Made>>())
    };
    let all: Vec<Vec<Made>> = read::distinct(&devices).into_iter().map(on).collect::<Result<_, ReportError>>()?;
    Ok(all.concat())
}

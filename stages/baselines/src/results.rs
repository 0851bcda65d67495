//! What pruning and tuning found, as a table: a row for each scenario and method, its budget columns those of a sweep.

use nnf_device::{Conditions, Latency};
use nnf_net::Counts;
use nnf_problem::TaskTable;
use polars::prelude::*;

use crate::pruned::Pruned;
use crate::tuner::Tuned;

/// One scenario.
pub(crate) struct Row<'a> {
    pub(crate) task: usize,
    pub(crate) pruned: &'a Pruned,
    pub(crate) tuned: &'a Tuned,
    pub(crate) measured: Latency,
    pub(crate) counts: Counts,
}

/// The table; latencies in µs, times in seconds.
pub(crate) fn frame(rows: &[Row], task_table: &TaskTable, device: &Conditions) -> PolarsResult<DataFrame> {
    let floats = |f: &dyn Fn(&Row) -> f64| rows.iter().map(f).collect::<Vec<f64>>();
    let options = |f: &dyn Fn(&Row) -> Option<f64>| rows.iter().map(f).collect::<Vec<Option<f64>>>();
    let whole = |f: &dyn Fn(&Row) -> u64| rows.iter().map(f).collect::<Vec<u64>>();
    df!(
        "method" => rows.iter().map(|row| row.pruned.method).collect::<Vec<&str>>(),
        "device" => vec![device.device.clone(); rows.len()],
        "threads" => vec![device.threads as u64; rows.len()],
        "task" => rows.iter().map(|row| task_table.names[row.task].clone()).collect::<Vec<String>>(),
        "seen" => rows.iter().map(|row| task_table.seen[row.task]).collect::<Vec<bool>>(),
        "latency_budget_us" => options(&|row| row.pruned.budget.device.latency.map(|most| most.0)),
        "memory_budget_bytes" => options(&|row| row.pruned.budget.device.memory.map(|most| most.0 as f64)),
        "macs_budget" => options(&|row| row.pruned.budget.macs.map(|most| most.0 as f64)),
        "fits" => rows.iter().map(|row| row.pruned.document.fits).collect::<Vec<bool>>(),
        "removed" => whole(&|row| row.pruned.document.removed as u64),
        "predicted_us" => options(&|row| row.pruned.predicted.map(|latency| latency.0)),
        "measured_us" => floats(&|row| row.measured.median.0),
        "measured_lower_us" => floats(&|row| row.measured.lower.0),
        "measured_upper_us" => floats(&|row| row.measured.upper.0),
        "memory_bytes" => whole(&|row| row.counts.memory().0),
        "macs" => whole(&|row| row.counts.macs.0),
        "parameters" => whole(&|row| row.counts.parameters),
        "weight_bytes" => whole(&|row| row.counts.weight_bytes.0),
        "accuracy" => floats(&|row| row.tuned.quality.value),
        "low" => floats(&|row| row.tuned.quality.low),
        "high" => floats(&|row| row.tuned.quality.high),
        "samples" => whole(&|row| row.tuned.quality.samples),
        "best_validation_accuracy" => floats(&|row| row.tuned.best_validation()),
        "steps" => whole(&|row| row.tuned.steps),
        "converged" => rows.iter().map(|row| row.tuned.converged).collect::<Vec<bool>>(),
        "pruning_seconds" => floats(&|row| row.pruned.document.seconds),
        "seconds" => floats(&|row| row.pruned.document.seconds + row.tuned.seconds),
        "seconds_to_best" => floats(&|row| row.pruned.document.seconds + row.tuned.seconds_to_best()),
        "model" => rows.iter().map(|row| row.pruned.folder(&task_table.names[row.task])).collect::<Vec<String>>(),
    )
}

//! What a sweep found, as a table: a row for each scenario.

use std::path::Path;

use nnf_device::{Budget, Conditions, Latency};
use nnf_net::Counts;
use nnf_problem::{Quality, TaskTable};
use nnf_results::table;
use polars::prelude::*;

use crate::choose::Candidate;

/// A subnet that was chosen for one or more budgets.
pub(crate) struct Chosen {
    pub(crate) task: usize,
    pub(crate) candidate: Candidate,
    pub(crate) found: Quality,
    /// Whether it was made to fit.
    pub(crate) fitted: bool,
    /// Modules that the supernet has.
    pub(crate) modules: usize,
    pub(crate) counts: Counts,
    /// Its folder within the output.
    pub(crate) folder: String,
    /// What it took to slice the subnet out, and to write it.
    pub(crate) extract_ms: f64,
    pub(crate) save_ms: f64,
}

/// One scenario.
pub(crate) struct Row {
    /// Position of the chosen subnet.
    pub(crate) chosen: usize,
    pub(crate) budget: Budget,
    /// How many times as long as predicted subnets are taken to take, as far as was measured beforehand.
    pub(crate) slowness: f64,
    pub(crate) fits: bool,
    /// What it took to look at all limits, and where a subnet was made to fit, to do so and to judge it.
    pub(crate) search_ms: f64,
}

/// All that was found.
pub(crate) struct Found<'a> {
    pub(crate) rows: &'a [Row],
    pub(crate) chosen: &'a [Chosen],
    /// Latency of each chosen subnet.
    pub(crate) measured: &'a [Latency],
    /// Latency of the network with all modules.
    pub(crate) whole: Latency,
}

impl Found<'_> {
    /// Writes the Parquet table.
    pub(crate) fn write(&self, task_table: &TaskTable, device: &Conditions, path: &Path) -> PolarsResult<()> {
        let options = |f: &dyn Fn(&Row) -> Option<f64>| self.rows.iter().map(f).collect::<Vec<Option<f64>>>();
        let texts = |f: &dyn Fn(&Chosen) -> String| self.of_subnets(f);
        let floats = |f: &dyn Fn(&Chosen) -> f64| self.of_subnets(f);
        let counts = |f: &dyn Fn(&Chosen) -> u64| self.of_subnets(f);
        let latencies = |f: &dyn Fn(&Latency) -> f64| {
            self.rows.iter().map(|row| f(&self.measured[row.chosen])).collect::<Vec<f64>>()
        };
        let height = self.rows.len();
        let frame = df!(
            "device" => vec![device.device.clone(); height],
            "threads" => vec![device.threads as u64; height],
            "task" => texts(&|one| task_table.names[one.task].clone()),
            "seen" => self.of_subnets(&|one| task_table.seen[one.task]),
            "latency_budget_us" => options(&|row| row.budget.latency.map(|latency| latency.0)),
            "memory_budget_bytes" => options(&|row| row.budget.memory.map(|memory| memory.0 as f64)),
            "fits" => self.rows.iter().map(|row| row.fits).collect::<Vec<bool>>(),
            "fitted" => self.of_subnets(&|one| one.fitted),
            "limit" => floats(&|one| one.candidate.limit),
            "kept" => counts(&|one| one.candidate.kept as u64),
            "modules" => counts(&|one| one.modules as u64),
            "slowness" => self.rows.iter().map(|row| row.slowness).collect::<Vec<f64>>(),
            "predicted_us" => self.predicted(),
            "measured_us" => latencies(&|latency| latency.median.0),
            "measured_lower_us" => latencies(&|latency| latency.lower.0),
            "measured_upper_us" => latencies(&|latency| latency.upper.0),
            "whole_us" => vec![self.whole.median.0; height],
            "memory_bytes" => counts(&|one| one.candidate.memory.0),
            "macs" => counts(&|one| one.counts.macs.0),
            "parameters" => counts(&|one| one.counts.parameters),
            "weight_bytes" => counts(&|one| one.counts.weight_bytes.0),
            "accuracy" => floats(&|one| one.found.value),
            "low" => floats(&|one| one.found.low),
            "high" => floats(&|one| one.found.high),
            "samples" => counts(&|one| one.found.samples),
            "search_ms" => self.rows.iter().map(|row| row.search_ms).collect::<Vec<f64>>(),
            "extract_ms" => floats(&|one| one.extract_ms),
            "save_ms" => floats(&|one| one.save_ms),
            "subnet" => texts(&|one| one.folder.clone()),
        )?;
        table::write(frame, path)
    }

    /// What each row's subnet is taken to take.
    fn predicted(&self) -> Vec<f64> {
        self.rows.iter().map(|row| self.chosen[row.chosen].candidate.latency.0 * row.slowness).collect()
    }

    /// Something of each row's subnet.
    fn of_subnets<T>(&self, f: &dyn Fn(&Chosen) -> T) -> Vec<T> {
        self.rows.iter().map(|row| f(&self.chosen[row.chosen])).collect()
    }
}

//! Accuracy and cost of subnets of tasks at limits, as rows of a table.

use nnf_contract::{Stage, StageError};
use nnf_net::{Counts, Random};
use nnf_problem::{Problem, Quality, Samples, TaskTable};
use nnf_supernet::{Assembled, Requirement, Supernet};
use polars::prelude::*;

use crate::error::EvaluationError;
use crate::quality::quality;
use crate::subnet::Subnet;

/// What subnets are asked.
pub(crate) struct Asked<P: Problem> {
    pub(crate) problem: P,
    pub(crate) samples: P::Samples,
    pub(crate) task_table: TaskTable,
}

/// One row of the result.
pub(crate) struct Row {
    pub(crate) task: usize,
    pub(crate) limit: f64,
    pub(crate) found: Quality,
    /// Ratio before importance pruning.
    pub(crate) generated: f64,
    pub(crate) kept: Vec<usize>,
    pub(crate) counts: Counts,
}

impl<P: Problem> Asked<P> {
    /// Reads the problem's data, and the inputs `samples` and `tasks`.
    pub(crate) fn read(stage: &Stage) -> Result<Self, StageError> {
        let samples = P::Samples::load(stage.input("samples")?)?;
        let task_table = TaskTable::load(stage.input("tasks")?)?;
        let problem = P::read(stage)?;
        task_table.check(&samples)?;
        problem.check(&samples)?;
        Ok(Asked { problem, samples, task_table })
    }

    pub(crate) fn has_samples(&self, task: usize) -> bool {
        self.samples.tasks().iter().any(|own| usize::from(*own) == task)
    }

    /// Tasks with samples, all or some of them drawn at random, in the order of the tasks' table.
    pub(crate) fn tasks(&self, of: Which, draw: usize, seed: u64) -> Result<Vec<usize>, EvaluationError> {
        let fits = |task: &usize| match of {
            Which::All => true,
            Which::Seen => self.task_table.seen[*task],
            Which::Unseen => !self.task_table.seen[*task],
        };
        let mut tasks: Vec<usize> =
            (0..self.task_table.names.len()).filter(|task| self.has_samples(*task)).filter(fits).collect();
        if draw > tasks.len() {
            let found = tasks.len();
            return Err(EvaluationError::Misfit(format!("`draw` asks for {draw} tasks, {found} have samples")));
        }
        if draw > 0 {
            Random::of(seed, &[]).shuffle(&mut tasks);
            tasks.truncate(draw);
            tasks.sort_unstable();
        }
        if tasks.is_empty() {
            let which = match of {
                Which::All => "no task",
                Which::Seen => "no seen task",
                Which::Unseen => "no unseen task",
            };
            return Err(EvaluationError::Misfit(format!("{which} has samples")));
        }
        Ok(tasks)
    }

    /// Makes the subnet of a task at a limit, and asks it the task's samples.
    pub(crate) fn evaluate(
        &self,
        supernet: &Supernet,
        (task, limit): (usize, f64),
        most: usize,
    ) -> Result<Row, EvaluationError> {
        let requirement = Requirement { bits: self.task_table.bits[task].clone(), limit };
        let Assembled { gates, generated, .. } = supernet.assembled_for(requirement)?;
        let subnet = Subnet::of(supernet, &gates)?;
        let mut rows = self.samples.of_task(task);
        rows.truncate(most);
        let found = quality(&subnet.model, &self.problem, &self.samples, &rows)?;
        let kept = gates.kept_positions().iter().map(Vec::len).collect();
        Ok(Row { task, limit, found, generated, kept, counts: subnet.counts })
    }
}

/// Which tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Which {
    All,
    Seen,
    Unseen,
}

/// The table of some rows.
pub(crate) fn frame(rows: &[Row], task_table: &TaskTable, supernet: &Supernet) -> PolarsResult<DataFrame> {
    let network = &supernet.model.network;
    let (modules, whole) = (network.modules(), Counts::of(network));
    let kept = |row: &Row| row.kept.iter().sum::<usize>();
    let floats = |f: &dyn Fn(&Row) -> f64| rows.iter().map(f).collect::<Vec<f64>>();
    let whole_numbers = |f: &dyn Fn(&Row) -> u64| rows.iter().map(f).collect::<Vec<u64>>();
    let layers = |row: &Row| row.kept.iter().map(usize::to_string).collect::<Vec<String>>().join(" ");
    df!(
        "network" => vec![network.name().to_owned(); rows.len()],
        "task" => rows.iter().map(|row| task_table.names[row.task].clone()).collect::<Vec<String>>(),
        "seen" => rows.iter().map(|row| task_table.seen[row.task]).collect::<Vec<bool>>(),
        "limit" => floats(&|row| row.limit),
        "accuracy" => floats(&|row| row.found.value),
        "low" => floats(&|row| row.found.low),
        "high" => floats(&|row| row.found.high),
        "samples" => whole_numbers(&|row| row.found.samples),
        "generated_ratio" => floats(&|row| row.generated),
        "ratio" => floats(&|row| kept(row) as f64 / modules.max(1) as f64),
        "kept" => whole_numbers(&|row| kept(row) as u64),
        "modules" => vec![modules as u64; rows.len()],
        "kept_by_layer" => rows.iter().map(layers).collect::<Vec<String>>(),
        "macs" => whole_numbers(&|row| row.counts.macs.0),
        "macs_ratio" => floats(&|row| row.counts.macs.0 as f64 / whole.macs.0 as f64),
        "parameters" => whole_numbers(&|row| row.counts.parameters),
        "weight_bytes" => whole_numbers(&|row| row.counts.weight_bytes.0),
        "peak_activation_bytes" => whole_numbers(&|row| row.counts.peak_activation_bytes.0),
    )
}

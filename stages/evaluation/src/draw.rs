//! Random gate vectors and random requirements.

use nnf_net::{GateLayer, GateVector, Random};
use nnf_problem::TaskTable;
use nnf_supernet::Requirement;

use crate::error::EvaluationError;

/// How levels are spread between their bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Spread {
    /// As many between 1 and 10 % as between 10 and 100 %: assemblers keep few modules, whatever the limit.
    Log,
    /// Evenly.
    Even,
}

/// How random gate vectors are drawn (paper §3.5).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Draw {
    /// Least and greatest level, the share of modules that a vector keeps.
    pub(crate) levels: (f64, f64),
    /// How levels are spread between them.
    pub(crate) spread: Spread,
    /// From 0, where all layers of a vector keep about the same share, to 1, where they keep about as many modules:
    /// assemblers come near the latter when a task needs few. Each vector has its own, up to this.
    pub(crate) balance: f64,
    /// Standard deviation of the logarithm of a layer's own factor.
    pub(crate) jitter: f64,
    /// Each layer keeps nothing with a chance that is the vector's own, up to this: under low limits assemblers leave
    /// whole layers out, which a small level hardly ever does with a wide layer.
    pub(crate) empty: f64,
}

impl Draw {
    /// One vector.
    pub(crate) fn gates(&self, layers: &[GateLayer], random: &mut Random) -> GateVector {
        let between = |low: f64, high: f64, random: &mut Random| low + (high - low) * random.unit();
        let level = match self.spread {
            Spread::Log => between(self.levels.0.ln(), self.levels.1.ln(), random).exp(),
            Spread::Even => between(self.levels.0, self.levels.1, random),
        };
        let (empty, balance) = (self.empty * random.unit(), self.balance * random.unit());
        let logarithms = layers.iter().map(|layer| (layer.width as f64).ln());
        let width = (logarithms.sum::<f64>() / layers.len().max(1) as f64).exp();
        let layer = |layer: &GateLayer, random: &mut Random| {
            let evened = level * (width / layer.width as f64).powf(balance);
            let share = (evened * (self.jitter * random.normal()).exp()).clamp(0.0, 1.0);
            let share = if random.unit() < empty { 0.0 } else { share };
            let kept = (share * layer.width as f64).round() as usize;
            let mut gates: Vec<bool> = (0..layer.width).map(|at| at < kept).collect();
            random.shuffle(&mut gates);
            gates
        };
        GateVector(layers.iter().map(|one| layer(one, random)).collect())
    }
}

/// Requirements of random tasks that are asked, with limits drawn log-uniformly, and their tasks.
///
/// # Errors
/// When no task is asked.
pub(crate) fn requirements(
    task_table: &TaskTable,
    count: usize,
    limits: (f64, f64),
    random: &mut Random,
) -> Result<(Vec<Requirement>, Vec<i64>), EvaluationError> {
    let (low, high) = (limits.0.ln(), limits.1.ln());
    let asked = task_table.asked();
    if asked.is_empty() {
        return Err(EvaluationError::Misfit("none of the tasks is asked: all are further ones".into()));
    }
    Ok((0..count)
        .map(|_| {
            let task = asked[random.below(asked.len())];
            let limit = (low + (high - low) * random.unit()).exp().clamp(1e-9, 1.0);
            (Requirement { bits: task_table.bits[task].clone(), limit }, i64::try_from(task).unwrap_or(0))
        })
        .unzip())
}

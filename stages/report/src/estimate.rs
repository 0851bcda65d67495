//! Means over tasks with their 95 % intervals (Student's t), and how people read them.

use std::collections::BTreeMap;

use nnf_results::statistics::{half_interval, mean};

use crate::chart::Point;
use crate::format::{NONE, percent};

/// A mean, with half of its 95 % interval where there are several values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Estimate {
    pub(crate) mean: f64,
    pub(crate) half: Option<f64>,
    /// How many values there are.
    pub(crate) count: usize,
}

impl Estimate {
    /// `None` without values.
    pub(crate) fn of(values: &[f64]) -> Option<Self> {
        let (count, half) = (values.len(), half_interval(values));
        (count > 0).then(|| Estimate { mean: mean(values), half, count })
    }

    /// The interval of a mean share: none is below 0 or above 1.
    pub(crate) fn interval(self) -> Option<(f64, f64)> {
        self.half.map(|half| ((self.mean - half).max(0.0), (self.mean + half).min(1.0)))
    }

    /// A mean share as a point of a chart, in per cent.
    pub(crate) fn point(self, x: f64) -> Point {
        let y = self.mean * 100.0;
        self.interval().map_or_else(|| Point::new(x, y), |(low, high)| Point::within(x, y, low * 100.0, high * 100.0))
    }

    /// The mean of tasks' means: what one task got in several scenarios is not independent.
    pub(crate) fn over_tasks<'a>(values: impl IntoIterator<Item = (&'a str, f64)>) -> Option<Self> {
        let mut by_task: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        for (task, value) in values {
            by_task.entry(task).or_default().push(value);
        }
        Self::of(&by_task.values().map(|values| mean(values)).collect::<Vec<f64>>())
    }

    /// Half of the interval of shares, in percentage points.
    fn around(self) -> String {
        self.half.map_or_else(String::new, |half| format!(" ± {:.2}", half * 100.0))
    }
}

/// A mean share as per cent.
pub(crate) fn share(estimate: Option<Estimate>) -> String {
    estimate.map_or_else(|| NONE.into(), |one| format!("{}{}", percent(Some(one.mean), 2), one.around()))
}

/// A mean difference of shares in percentage points.
pub(crate) fn points(estimate: Option<Estimate>) -> String {
    estimate.map_or_else(|| NONE.into(), |one| format!("{:+.2}{}", one.mean * 100.0, one.around()))
}

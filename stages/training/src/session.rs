//! The loop around a training: steps, smoothed numbers, history, checkpoints, stopping on request.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use nnf_results::table;
use polars::prelude::{Column, DataFrame};
use tch::Tensor;

use crate::checkpoint;
use crate::error::TrainingError;
use crate::progress::Watch;

/// Weight of the past in smoothed numbers.
const SMOOTHING: f64 = 0.97;

/// Something that is trained step by step. All of its state must be in `state`.
pub trait Work {
    /// Names of the numbers that a step measures.
    fn names(&self) -> &'static [&'static str];
    /// One step.
    ///
    /// # Errors
    /// When the step cannot be made, or the loss is not finite.
    fn step(&mut self, step: u64) -> Result<Vec<f64>, TrainingError>;
    /// All that changes in training.
    fn state(&self) -> Vec<(String, Tensor)>;
    /// Goes back to a state.
    ///
    /// # Errors
    /// When the state is of another training.
    fn restore(&mut self, state: &BTreeMap<String, Tensor>) -> Result<(), TrainingError>;
    /// Writes what there is now into a folder.
    ///
    /// # Errors
    /// When the disk fails.
    fn snapshot(&self, folder: &Path) -> Result<(), TrainingError>;
    /// Whether nothing is to be gained by more steps; a training of a fixed length never says so.
    fn done(&self) -> bool {
        false
    }
}

/// How long, and what to keep.
pub struct Session<'a> {
    /// Steps at most.
    pub steps: u64,
    /// Steps between rows of the history.
    pub log_every: u64,
    /// Folder of checkpoints, if any.
    pub checkpoint: Option<&'a Path>,
    /// Time between checkpoints.
    pub checkpoint_every: Duration,
    /// Number of snapshots, evenly spaced, the last at the end.
    pub snapshots: u64,
    /// Folder of snapshots.
    pub snapshot_folder: Option<&'a Path>,
}

/// What a training measured: rows of `step` and smoothed numbers.
pub struct History {
    names: &'static [&'static str],
    rows: Vec<Vec<f64>>,
    /// Wall-clock seconds of all steps, over all attempts.
    pub seconds: f64,
}

impl History {
    /// Writes the rows as Parquet.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn save(&self, path: &Path) -> Result<(), TrainingError> {
        let names = std::iter::once("step").chain(self.names.iter().copied());
        let columns = names.enumerate().map(|(at, name)| {
            let values: Vec<f64> = self.rows.iter().map(|row| row.get(at).copied().unwrap_or(f64::NAN)).collect();
            Column::new(name.into(), values)
        });
        Ok(table::write(DataFrame::new(self.rows.len(), columns.collect())?, path)?)
    }

    /// The last smoothed number of a name.
    #[cfg(test)]
    pub(crate) fn last(&self, name: &str) -> Option<f64> {
        let at = self.names.iter().position(|known| *known == name)? + 1;
        self.rows.last().and_then(|row| row.get(at)).copied()
    }
}

/// How far a training is.
#[derive(Default)]
struct Progress {
    step: u64,
    smooth: Vec<f64>,
    rows: Vec<Vec<f64>>,
    seconds: f64,
}

impl Progress {
    /// Adds what a step measured.
    fn add(&mut self, measured: &[f64]) {
        let fresh = self.smooth.is_empty();
        self.smooth.resize(measured.len(), 0.0);
        for (smooth, new) in self.smooth.iter_mut().zip(measured) {
            *smooth = if fresh { *new } else { SMOOTHING * *smooth + (1.0 - SMOOTHING) * new };
        }
        self.step += 1;
    }
}

impl Session<'_> {
    /// Runs the steps that are not done yet, until the work is done.
    ///
    /// # Errors
    /// When a step or the disk fails, or with [`TrainingError::Cancelled`] when the watch asks to stop.
    pub fn run(&self, work: &mut dyn Work, watch: &dyn Watch) -> Result<History, TrainingError> {
        let names = work.names();
        let mut at = self.resume(work, watch)?;
        let (began, before) = (Instant::now(), at.seconds);
        let mut saved = began;
        while at.step < self.steps && !work.done() {
            at.seconds = before + began.elapsed().as_secs_f64();
            if watch.cancelled() {
                self.save(work, &at)?;
                return Err(TrainingError::Cancelled);
            }
            if saved.elapsed() >= self.checkpoint_every {
                self.save(work, &at)?;
                saved = Instant::now();
            }
            let measured = work.step(at.step)?;
            at.add(&measured);
            watch.progress(at.step, self.steps);
            if at.step.is_multiple_of(self.log_every) || at.step == self.steps {
                at.rows.push(std::iter::once(at.step as f64).chain(at.smooth.iter().copied()).collect());
                watch.metrics(at.step, &names.iter().copied().zip(at.smooth.iter().copied()).collect::<Vec<_>>());
            }
            self.snapshot(work, at.step)?;
        }
        Ok(History { names, rows: at.rows, seconds: before + began.elapsed().as_secs_f64() })
    }

    fn snapshot(&self, work: &dyn Work, step: u64) -> Result<(), TrainingError> {
        let Some(folder) = self.snapshot_folder else { return Ok(()) };
        let due = (1..=self.snapshots).any(|number| number * self.steps / self.snapshots.max(1) == step);
        if due { work.snapshot(&folder.join(format!("step-{step:07}"))) } else { Ok(()) }
    }

    fn save(&self, work: &dyn Work, at: &Progress) -> Result<(), TrainingError> {
        let Some(folder) = self.checkpoint else { return Ok(()) };
        let mut state = work.state();
        let width = i64::try_from(at.rows.first().map_or(0, Vec::len)).unwrap_or(0);
        state.push(("session.step".into(), Tensor::from_slice(&[i64::try_from(at.step).unwrap_or(0)])));
        state.push(("session.seconds".into(), Tensor::from_slice(&[at.seconds])));
        state.push(("session.smooth".into(), Tensor::from_slice(&at.smooth)));
        state.push((
            "session.rows".into(),
            Tensor::from_slice(&at.rows.concat()).view([i64::try_from(at.rows.len()).unwrap_or(0), width]),
        ));
        checkpoint::save(folder, &state)
    }

    /// What a former attempt left, or the beginning.
    fn resume(&self, work: &mut dyn Work, watch: &dyn Watch) -> Result<Progress, TrainingError> {
        let Some(state) = self.checkpoint.and_then(checkpoint::load) else { return Ok(Progress::default()) };
        let [Some(step), Some(seconds), Some(smooth), Some(rows)] =
            ["step", "seconds", "smooth", "rows"].map(|part| state.get(&format!("session.{part}")))
        else {
            return Ok(Progress::default());
        };
        let step = u64::try_from(step.int64_value(&[0])).unwrap_or(0);
        let (smooth, rows) = (Vec::<f64>::try_from(smooth)?, Vec::<Vec<f64>>::try_from(rows)?);
        work.restore(&state)?;
        watch.note(format!("goes on after step {step} of {}", self.steps));
        Ok(Progress { step, smooth, rows, seconds: seconds.double_value(&[0]) })
    }
}

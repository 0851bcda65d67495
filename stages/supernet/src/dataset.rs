//! NumVQA as batches: digits, an index of samples, and the tasks, read from the files that data preparation writes.
//!
//! A picture is put together from four digits when a batch is made (paper §5.1).

use std::path::Path;

use nnf_net::Random;
use polars::prelude::*;
use tch::{Device, Kind as TensorKind, Tensor};

use crate::augment::Augmentation;
use crate::error::SupernetError;

/// MNIST's mean and standard deviation of pixels in `[0, 1]`.
const MEAN: f64 = 0.1307;
const DEVIATION: f64 = 0.3081;

/// Which digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SampleSplit {
    /// Training and validation digits.
    Train,
    /// Test digits.
    Test,
}

/// Digits with labels.
#[derive(Debug)]
pub struct Digits {
    train: (Tensor, Vec<u8>),
    test: (Tensor, Vec<u8>),
}

impl Digits {
    /// Reads `train.images` u8 `[N, 28, 28]`, `train.labels` u8 `[N]`, and `test.*` alike.
    ///
    /// # Errors
    /// When it is no such file, or a label is no digit.
    pub fn load(path: &Path) -> Result<Self, SupernetError> {
        let mut tensors = Tensor::read_safetensors(path).map_err(|e| SupernetError::unfit(path, e))?;
        let mut take = |name: &str, shape: &[i64]| -> Result<Tensor, SupernetError> {
            let at = tensors.iter().position(|(found, _)| found == name);
            let (_, tensor) = tensors
                .swap_remove(at.ok_or_else(|| SupernetError::unfit(path, format!("it has no tensor `{name}`")))?);
            let size = tensor.size();
            if tensor.kind() != TensorKind::Uint8 || size.get(1..) != Some(shape) {
                return Err(SupernetError::unfit(
                    path,
                    format!("`{name}` is {:?} {size:?}, not u8 [N, {shape:?}]", tensor.kind()),
                ));
            }
            Ok(tensor)
        };
        let mut split = |name: &str| -> Result<(Tensor, Vec<u8>), SupernetError> {
            let images = take(&format!("{name}.images"), &[28, 28])?;
            let labels = take(&format!("{name}.labels"), &[])?;
            if images.size()[0] != labels.size()[0] {
                return Err(SupernetError::unfit(
                    path,
                    format!("`{name}` has {:?} images, {:?} labels", images.size()[0], labels.size()[0]),
                ));
            }
            let labels = Vec::<u8>::try_from(&labels).map_err(|e| SupernetError::unfit(path, e))?;
            if let Some(label) = labels.iter().find(|label| **label > 9) {
                return Err(SupernetError::unfit(path, format!("`{name}` has the label {label}, which is no digit")));
            }
            Ok((images, labels))
        };
        Ok(Digits { train: split("train")?, test: split("test")? })
    }

    /// Labels of a split.
    #[must_use]
    pub fn labels(&self, split: SampleSplit) -> &[u8] {
        match split {
            SampleSplit::Train => &self.train.1,
            SampleSplit::Test => &self.test.1,
        }
    }

    /// Checks that there are the digits that samples name.
    fn check(&self, split: SampleSplit, rows: &[[u32; 4]]) -> Result<(), SupernetError> {
        let count = self.labels(split).len();
        match rows.iter().flatten().find(|row| usize::try_from(**row).is_ok_and(|row| row >= count)) {
            None => Ok(()),
            Some(row) => Err(SupernetError::Misfit(format!(
                "a sample names digit {row}, but there are {count}: samples and digits do not belong together"
            ))),
        }
    }

    /// Pictures float32 `[B, 1, 56, 56]` of four digits each (top left, top right, bottom left, bottom right), normalised.
    ///
    /// # Errors
    /// When a row does not exist.
    pub fn pictures(&self, split: SampleSplit, rows: &[[u32; 4]], device: Device) -> Result<Tensor, SupernetError> {
        Ok(pictures(self.tiles(split, rows, device)?))
    }

    /// The same with digits that are changed at random, each in its own way.
    ///
    /// # Errors
    /// When a row does not exist.
    pub fn augmented(
        &self,
        split: SampleSplit,
        rows: &[[u32; 4]],
        (augmentation, random): (&Augmentation, &mut Random),
        device: Device,
    ) -> Result<Tensor, SupernetError> {
        let tiles = self.tiles(split, rows, device)?;
        Ok(pictures(augmentation.apply(&tiles.to_kind(TensorKind::Float), random)))
    }

    /// The digits of rows `[B · 4, 28, 28]`.
    fn tiles(&self, split: SampleSplit, rows: &[[u32; 4]], device: Device) -> Result<Tensor, SupernetError> {
        self.check(split, rows)?;
        let images = if split == SampleSplit::Train { &self.train.0 } else { &self.test.0 };
        let flat: Vec<i64> = rows.iter().flatten().map(|row| i64::from(*row)).collect();
        Ok(images.index_select(0, &Tensor::from_slice(&flat)).to_device(device))
    }
}

/// Pictures of four digits each, normalised, from digits `[B · 4, 28, 28]`.
fn pictures(tiles: Tensor) -> Tensor {
    let pictures = tiles.view([-1, 2, 2, 28, 28]).permute([0, 1, 3, 2, 4]).reshape([-1, 1, 56, 56]);
    (pictures.to_kind(TensorKind::Float) / 255.0 - MEAN) / DEVIATION
}

/// Samples: a task, four digits, the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    /// Task of each sample.
    pub task: Vec<u16>,
    /// Rows of its digits.
    pub digits: Vec<[u32; 4]>,
    /// Its answer, 0 or 1.
    pub label: Vec<u8>,
    /// Which digits the rows are of.
    pub split: SampleSplit,
}

impl Index {
    /// Reads the Parquet table of `numvqa.synthesize`.
    ///
    /// # Errors
    /// When it is no such table, is empty, or mixes splits.
    pub fn load(path: &Path) -> Result<Self, SupernetError> {
        let frame = read(path)?;
        let unfit = |e: PolarsError| SupernetError::unfit(path, e);
        let whole = |name: &str| -> Result<Vec<u32>, SupernetError> {
            let column = frame.column(name).map_err(unfit)?;
            let values = column.strict_cast(&DataType::UInt32).map_err(unfit)?;
            let values: Option<Vec<u32>> = values.u32().map_err(unfit)?.iter().collect();
            values.ok_or_else(|| SupernetError::unfit(path, format!("a row has no `{name}`")))
        };
        let columns = [whole("d0")?, whole("d1")?, whole("d2")?, whole("d3")?];
        let digits =
            (0..frame.height()).map(|row| [0, 1, 2, 3].map(|position: usize| columns[position][row])).collect();
        let narrow =
            |values: Vec<u32>| values.into_iter().map(|v| u16::try_from(v).unwrap_or(u16::MAX)).collect::<Vec<u16>>();
        let label = whole("label")?.into_iter().map(|answer| u8::try_from(answer).ok().filter(|answer| *answer < 2));
        let label: Option<Vec<u8>> = label.collect();
        let label = label.ok_or_else(|| SupernetError::unfit(path, "a `label` is neither 0 nor 1"))?;
        let split = frame.column("split").map_err(unfit)?.str().map_err(unfit)?.unique().map_err(unfit)?;
        let splits: Vec<Option<&str>> = split.iter().collect();
        let split = match splits.as_slice() {
            [Some("train")] => SampleSplit::Train,
            [Some("test")] => SampleSplit::Test,
            [] => return Err(SupernetError::unfit(path, "it has no samples")),
            _ => return Err(SupernetError::unfit(path, "`split` is neither all `train` nor all `test`")),
        };
        Ok(Index { task: narrow(whole("task")?), digits, label, split })
    }

    /// Number of samples.
    #[must_use]
    pub fn len(&self) -> usize {
        self.task.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.task.is_empty()
    }

    /// Checks that they are of these digits and tasks.
    ///
    /// # Errors
    /// When a sample names a digit or a task that there is not.
    pub fn check(&self, digits: &Digits, questions: &Questions) -> Result<(), SupernetError> {
        questions.check(self)?;
        digits.check(self.split, &self.digits)
    }

    /// Checks that a stage's input of this name holds samples that may be learnt from, or by which it may be chosen.
    ///
    /// # Errors
    /// When they are of test digits.
    pub fn check_to_learn(&self, input: &str) -> Result<(), SupernetError> {
        match self.split {
            SampleSplit::Train => Ok(()),
            SampleSplit::Test => Err(SupernetError::Misfit(format!(
                "the samples of `{input}` are of test digits, which only tables may be made with: give `{input}` a table of \
                 {input} samples"
            ))),
        }
    }

    /// Positions of the samples of a task.
    #[must_use]
    pub fn of_task(&self, task: usize) -> Vec<usize> {
        (0..self.len()).filter(|at| usize::from(self.task[*at]) == task).collect()
    }
}

/// The tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Questions {
    /// Names, such as `only two odd`.
    pub names: Vec<String>,
    /// Property bits.
    pub bits: Vec<Vec<bool>>,
    /// Whether a task is trained on.
    pub seen: Vec<bool>,
    /// Whether a task is only there to be trained on, and never asked.
    pub further: Vec<bool>,
}

impl Questions {
    /// Reads the Parquet table of tasks.
    ///
    /// # Errors
    /// When it is no such table.
    pub fn load(path: &Path) -> Result<Self, SupernetError> {
        let frame = read(path)?;
        let unfit = |e: PolarsError| SupernetError::unfit(path, e);
        let missing = |name: &str| SupernetError::unfit(path, format!("a row has no `{name}`"));
        let text = |name: &str| -> Result<Vec<String>, SupernetError> {
            let column = frame.column(name).map_err(unfit)?.str().map_err(unfit)?;
            let values: Option<Vec<String>> = column.iter().map(|value| value.map(str::to_owned)).collect();
            values.ok_or_else(|| missing(name))
        };
        let flags = |name: &str| -> Result<Vec<bool>, SupernetError> {
            let values: Option<Vec<bool>> = frame.column(name).map_err(unfit)?.bool().map_err(unfit)?.iter().collect();
            values.ok_or_else(|| missing(name))
        };
        let texts = text("bits")?;
        let all = |bits: &String| {
            !bits.is_empty() && bits.len() == texts[0].len() && bits.bytes().all(|b| b"01".contains(&b))
        };
        if texts.is_empty() || !texts.iter().all(all) {
            let why = "there are no tasks, or their `bits` are not 0 and 1, as many for each";
            return Err(SupernetError::unfit(path, why));
        }
        let bits = texts.iter().map(|bits| bits.bytes().map(|bit| bit == b'1').collect()).collect::<Vec<Vec<bool>>>();
        // Samples name a task by its row.
        let numbers = frame.column("task").map_err(unfit)?.strict_cast(&DataType::UInt32).map_err(unfit)?;
        if !numbers.u32().map_err(unfit)?.iter().eq((0..).map(Some).take(bits.len())) {
            return Err(SupernetError::unfit(path, "`task` does not count its rows from 0: it was sorted or filtered"));
        }
        // A table that was not made here may have none.
        let further = if frame.column("further").is_ok() { flags("further")? } else { vec![false; bits.len()] };
        Ok(Questions { names: text("name")?, bits, seen: flags("seen")?, further })
    }

    /// Checks that there are the tasks that samples name.
    fn check(&self, samples: &Index) -> Result<(), SupernetError> {
        match samples.task.iter().find(|task| usize::from(**task) >= self.names.len()) {
            None => Ok(()),
            Some(task) => {
                let count = self.names.len();
                Err(SupernetError::Misfit(format!(
                    "a sample names task {task}, but there are {count}: samples and tasks do not belong together"
                )))
            }
        }
    }

    /// Positions of the tasks that are asked.
    #[must_use]
    pub fn asked(&self) -> Vec<usize> {
        (0..self.names.len()).filter(|task| !self.further[*task]).collect()
    }

    /// Position of a task by name.
    ///
    /// # Errors
    /// When there is none; the message names some that there are.
    pub fn position(&self, name: &str) -> Result<usize, SupernetError> {
        self.names.iter().position(|known| known == name).ok_or_else(|| {
            let some: Vec<&str> = self.names.iter().step_by(7).take(6).map(String::as_str).collect();
            SupernetError::Misfit(format!("there is no task `{name}`; tasks are for instance {}", some.join(", ")))
        })
    }
}

fn read(path: &Path) -> Result<DataFrame, SupernetError> {
    nnf_results::table::read(path).map_err(|e| SupernetError::unfit(path, e))
}

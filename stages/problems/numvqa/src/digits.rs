//! Digits, and pictures of four of them, which are put together when a batch is made (paper §5.1).

use std::path::Path;

use nnf_net::Random;
use nnf_problem::ProblemError;
use tch::{Device, Kind as TensorKind, Tensor};

use crate::augment::Augmentation;

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
    pub fn load(path: &Path) -> Result<Self, ProblemError> {
        let mut tensors = Tensor::read_safetensors(path).map_err(|e| ProblemError::unfit(path, e))?;
        let mut take = |name: &str, shape: &[i64]| -> Result<Tensor, ProblemError> {
            let at = tensors.iter().position(|(found, _)| found == name);
            let (_, tensor) =
                tensors.swap_remove(at.ok_or_else(|| ProblemError::unfit(path, format!("it has no tensor `{name}`")))?);
            let size = tensor.size();
            if tensor.kind() != TensorKind::Uint8 || size.get(1..) != Some(shape) {
                return Err(ProblemError::unfit(
                    path,
                    format!("`{name}` is {:?} {size:?}, not u8 [N, {shape:?}]", tensor.kind()),
                ));
            }
            Ok(tensor)
        };
        let mut split = |name: &str| -> Result<(Tensor, Vec<u8>), ProblemError> {
            let images = take(&format!("{name}.images"), &[28, 28])?;
            let labels = take(&format!("{name}.labels"), &[])?;
            if images.size()[0] != labels.size()[0] {
                return Err(ProblemError::unfit(
                    path,
                    format!("`{name}` has {:?} images, {:?} labels", images.size()[0], labels.size()[0]),
                ));
            }
            let labels = Vec::<u8>::try_from(&labels).map_err(|e| ProblemError::unfit(path, e))?;
            if let Some(label) = labels.iter().find(|label| **label > 9) {
                return Err(ProblemError::unfit(path, format!("`{name}` has the label {label}, which is no digit")));
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
    ///
    /// # Errors
    /// When there are not.
    pub(crate) fn check(&self, split: SampleSplit, rows: &[[u32; 4]]) -> Result<(), ProblemError> {
        let count = self.labels(split).len();
        match rows.iter().flatten().find(|row| usize::try_from(**row).is_ok_and(|row| row >= count)) {
            None => Ok(()),
            Some(row) => Err(ProblemError::Misfit(format!(
                "a sample names digit {row}, but there are {count}: samples and digits do not belong together"
            ))),
        }
    }

    /// Pictures float32 `[B, 1, 56, 56]` of four digits each (top left, top right, bottom left, bottom right), normalised.
    ///
    /// # Errors
    /// When a row does not exist.
    pub fn pictures(&self, split: SampleSplit, rows: &[[u32; 4]], device: Device) -> Result<Tensor, ProblemError> {
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
    ) -> Result<Tensor, ProblemError> {
        let tiles = self.tiles(split, rows, device)?;
        Ok(pictures(augmentation.apply(&tiles.to_kind(TensorKind::Float), random)))
    }

    /// The digits of rows `[B · 4, 28, 28]`.
    fn tiles(&self, split: SampleSplit, rows: &[[u32; 4]], device: Device) -> Result<Tensor, ProblemError> {
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

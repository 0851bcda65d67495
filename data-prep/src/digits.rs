//! Images of digits with labels, in one safetensors file.
//!
//! Tensors: `train.images` u8 `[N, 28, 28]`, `train.labels` u8 `[N]`, and `test.images`, `test.labels` alike.

use std::path::Path;

use nnf_contract::unusable;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView, serialize};

/// Pixels on one side of an image.
pub const SIDE: usize = 28;
const PIXELS: usize = SIDE * SIDE;

/// Images and labels of one split.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// Grey values, image after image, row after row: `[N, 28, 28]`.
    pub images: Vec<u8>,
    /// Digits: `[N]`.
    pub labels: Vec<u8>,
}

/// Training and test digits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Digits {
    /// For training and validation.
    pub train: Split,
    /// For the tables.
    pub test: Split,
}

/// Why digits cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum DigitsError {
    /// The disk failed; the message names the file.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// The file is not what it should be.
    #[error("{path}: {why}")]
    Unfit {
        /// The file.
        path: String,
        /// What is wrong.
        why: String,
    },
}

impl Split {
    /// Number of digits.
    #[must_use]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The pixels of one digit, `[28, 28]`.
    #[must_use]
    pub fn image(&self, row: usize) -> &[u8] {
        &self.images[row * PIXELS..(row + 1) * PIXELS]
    }
}

impl Digits {
    /// Writes the file. Equal digits give equal bytes.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn save(&self, path: &Path) -> Result<(), DigitsError> {
        let unfit = |why: String| DigitsError::Unfit { path: path.display().to_string(), why };
        let mut tensors = Vec::new();
        for (name, split) in [("test", &self.test), ("train", &self.train)] {
            let count = split.len();
            let images = TensorView::new(Dtype::U8, vec![count, SIDE, SIDE], &split.images);
            let labels = TensorView::new(Dtype::U8, vec![count], &split.labels);
            tensors.push((format!("{name}.images"), images.map_err(|e| unfit(e.to_string()))?));
            tensors.push((format!("{name}.labels"), labels.map_err(|e| unfit(e.to_string()))?));
        }
        let bytes = serialize(tensors, None).map_err(|e| unfit(e.to_string()))?;
        Ok(fs_err::write(path, bytes)?)
    }

    /// Reads the file.
    ///
    /// # Errors
    /// When it is no such file, lacks a tensor, or a label is no digit.
    pub fn load(path: &Path) -> Result<Self, DigitsError> {
        let unfit = |why: String| DigitsError::Unfit { path: path.display().to_string(), why };
        let bytes = fs_err::read(path)?;
        if let Some(why) = unusable(&bytes) {
            return Err(unfit(why.into()));
        }
        let file = SafeTensors::deserialize(&bytes).map_err(|e| unfit(format!("it is no safetensors file: {e}")))?;
        let read = |name: &str| -> Result<Split, DigitsError> {
            let tensor = |part: &str, rank: usize| {
                let full = format!("{name}.{part}");
                let view = file.tensor(&full).map_err(|_| unfit(format!("it has no tensor `{full}`")))?;
                let shape = view.shape();
                let fits =
                    view.dtype() == Dtype::U8 && shape.len() == rank && (rank == 1 || shape[1..] == [SIDE, SIDE]);
                if fits {
                    Ok(view.data().to_vec())
                } else {
                    Err(unfit(format!("tensor `{full}` has the wrong shape or type")))
                }
            };
            let split = Split { images: tensor("images", 3)?, labels: tensor("labels", 1)? };
            if split.images.len() != split.len() * PIXELS {
                return Err(unfit(format!(
                    "`{name}` has {} labels for {} images",
                    split.len(),
                    split.images.len() / PIXELS
                )));
            }
            match split.labels.iter().position(|label| *label > 9) {
                Some(row) => Err(unfit(format!("label {} of `{name}` is {}, no digit", row, split.labels[row]))),
                None => Ok(split),
            }
        };
        Ok(Digits { train: read("train")?, test: read("test")? })
    }
}

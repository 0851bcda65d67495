//! A tensor as a view of a storage, and whether it lies within.

use std::rc::Rc;

use safetensors::Dtype;

use crate::pytorch::classes::bytes_of;

/// Most dimensions of a tensor.
const MOST_DIMENSIONS: usize = 64;

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TensorError {
    #[error("its shape has {0} sizes and {1} strides")]
    Rank(usize, usize),
    #[error("it has {0} dimensions; {MOST_DIMENSIONS} are the most")]
    Dimensions(usize),
    #[error("its shape {0:?}, strides {1:?} or offset {2} are negative")]
    Negative(Vec<i64>, Vec<i64>, i64),
    #[error("its shape {0:?} has more numbers than can be counted")]
    Huge(Vec<u64>),
    #[error("it lies beyond its storage: it reaches up to number {reach} of storage `{key}`, which has {count}")]
    Beyond { key: Rc<str>, reach: u64, count: u64 },
}

/// A run of numbers that tensors are views of.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Storage {
    pub(crate) key: Rc<str>,
    /// Without one, of bytes.
    pub(crate) dtype: Option<Dtype>,
    /// How many numbers, or bytes.
    pub(crate) count: u64,
    /// Where it begins in what is stored under the key, in numbers: old files have storages that are parts of others.
    pub(crate) begin: u64,
}

impl Storage {
    /// Its length in bytes.
    pub(crate) fn bytes(&self) -> Option<u64> {
        self.count.checked_mul(self.dtype.map_or(1, bytes_of))
    }
}

/// A view of a storage.
#[derive(Debug)]
pub(crate) struct Tensor {
    pub(crate) storage: Rc<Storage>,
    pub(crate) dtype: Dtype,
    /// In numbers, as `strides` are.
    pub(crate) offset: u64,
    pub(crate) shape: Vec<u64>,
    pub(crate) strides: Vec<u64>,
}

impl Tensor {
    /// # Errors
    /// When it is no view of its storage.
    pub(crate) fn new(
        storage: Rc<Storage>,
        dtype: Dtype,
        offset: i64,
        shape: &[i64],
        strides: &[i64],
    ) -> Result<Self, TensorError> {
        if shape.len() != strides.len() {
            return Err(TensorError::Rank(shape.len(), strides.len()));
        }
        if shape.len() > MOST_DIMENSIONS {
            return Err(TensorError::Dimensions(shape.len()));
        }
        let whole = |numbers: &[i64]| numbers.iter().map(|n| u64::try_from(*n)).collect::<Result<Vec<u64>, _>>();
        let (Ok(sizes), Ok(steps), Ok(start)) = (whole(shape), whole(strides), u64::try_from(offset)) else {
            return Err(TensorError::Negative(shape.to_vec(), strides.to_vec(), offset));
        };
        let tensor = Tensor { storage, dtype, offset: start, shape: sizes, strides: steps };
        tensor.check()?;
        Ok(tensor)
    }

    fn check(&self) -> Result<(), TensorError> {
        let huge = || TensorError::Huge(self.shape.clone());
        let reach = self.reach().ok_or_else(huge)?;
        self.bytes().ok_or_else(huge)?;
        let count = self.storage.bytes().ok_or_else(huge)? / bytes_of(self.dtype);
        if reach > count && self.numbers() != Some(0) {
            return Err(TensorError::Beyond { key: Rc::clone(&self.storage.key), reach, count });
        }
        Ok(())
    }

    /// How many numbers it has.
    pub(crate) fn numbers(&self) -> Option<u64> {
        if self.shape.contains(&0) {
            return Some(0);
        }
        self.shape.iter().try_fold(1_u64, |all, size| all.checked_mul(*size))
    }

    pub(crate) fn bytes(&self) -> Option<u64> {
        self.numbers()?.checked_mul(bytes_of(self.dtype)).filter(|bytes| i64::try_from(*bytes).is_ok())
    }

    /// How many numbers of the storage, from its begin, it needs at least.
    fn reach(&self) -> Option<u64> {
        self.span()?.checked_add(self.offset)
    }

    /// How many numbers of the storage lie between its first and its last, both counted.
    pub(crate) fn span(&self) -> Option<u64> {
        if self.shape.contains(&0) {
            return Some(0);
        }
        let steps = self.shape.iter().zip(&self.strides).map(|(size, stride)| (size - 1).checked_mul(*stride));
        steps.into_iter().try_fold(1_u64, |all, step| all.checked_add(step?))
    }

    /// Whether its numbers follow each other in the storage as they do in safetensors.
    pub(crate) fn is_contiguous(&self) -> bool {
        let mut expected = 1_u64;
        for (size, stride) in self.shape.iter().zip(&self.strides).rev() {
            if *size != 1 && *stride != expected {
                return false;
            }
            expected = expected.saturating_mul((*size).max(1));
        }
        true
    }
}

//! Where the bytes of a storage lie, and how those of a tensor are read from there in the order of safetensors.

use std::io::{Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::Arc;

use crate::pytorch::classes::bytes_of;
use crate::pytorch::tensor::Tensor;

/// A tensor with gaps is read into memory with what lies between; more is refused.
const WIDEST: u64 = 1 << 30;

#[derive(Debug, thiserror::Error)]
pub(crate) enum CopyError {
    #[error("its numbers lie scattered over {0} bytes; save it after `tensor.contiguous()`")]
    Wide(u64),
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

/// A range of a file.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) path: Arc<PathBuf>,
    pub(crate) at: u64,
    pub(crate) length: u64,
}

/// Writes the numbers of a tensor, the last dimension fastest. That it lies within the place was checked before.
pub(crate) fn copy(tensor: &Tensor, place: &Place, to: &mut impl Write) -> Result<(), CopyError> {
    let size = bytes_of(tensor.dtype);
    let numbers = tensor.numbers().unwrap_or(0);
    if numbers == 0 {
        return Ok(()); // Its offset may be anything.
    }
    let before = tensor.storage.begin * tensor.storage.dtype.map_or(1, bytes_of) + tensor.offset * size;
    let mut file = fs_err::File::open(place.path.as_path())?;
    file.seek(SeekFrom::Start(place.at + before))?;
    if tensor.is_contiguous() {
        let copied = std::io::copy(&mut file.take(numbers * size), to)?;
        return if copied == numbers * size { Ok(()) } else { Err(short()) };
    }
    let span = tensor.span().unwrap_or(u64::MAX).saturating_mul(size);
    if span > WIDEST {
        return Err(CopyError::Wide(span));
    }
    let mut bytes = Vec::new();
    file.take(span).read_to_end(&mut bytes)?;
    if bytes.len() as u64 != span {
        return Err(short());
    }
    gather(tensor, &bytes, to)
}

fn short() -> CopyError {
    std::io::Error::new(std::io::ErrorKind::UnexpectedEof, "the file has become shorter while it was read").into()
}

/// Number after number, by an odometer over all dimensions.
fn gather(tensor: &Tensor, bytes: &[u8], to: &mut impl Write) -> Result<(), CopyError> {
    let size = bytes_of(tensor.dtype) as usize;
    let mut index = vec![0_u64; tensor.shape.len()];
    let mut at = 0_u64;
    'numbers: loop {
        let from = at as usize * size;
        to.write_all(&bytes[from..from + size])?;
        for dimension in (0..index.len()).rev() {
            index[dimension] += 1;
            at += tensor.strides[dimension];
            if index[dimension] < tensor.shape[dimension] {
                continue 'numbers;
            }
            at -= tensor.strides[dimension] * tensor.shape[dimension];
            index[dimension] = 0;
        }
        return Ok(());
    }
}

//! Writes tensors as a safetensors file, one after the other, so that memory does not grow with the file.

use std::collections::BTreeMap;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::rc::Rc;

use safetensors::tensor::{Metadata, TensorInfo};

use crate::pytorch::classes::bytes_of;
use crate::pytorch::stored::{CopyError, Place, copy};
use crate::pytorch::tensor::Tensor;

#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteError {
    #[error(
        "its tensors take {needed} bytes, more than the {limit} of `most_gib`: raise that if they are meant, for tensors that \
         share or repeat a storage take space each"
    )]
    Large { needed: u64, limit: u64 },
    #[error("its names take more than the 100,000,000 bytes that the header of safetensors may have")]
    Header,
    #[error("tensor `{name}`: {error}")]
    Copy { name: String, error: CopyError },
    #[error("tensor `{0}`: its storage `{1}` was not found")]
    Storage(String, Rc<str>),
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    #[error("{0}")]
    Format(#[from] safetensors::SafeTensorError),
}

/// Tensors in the order of the file: wider numbers first, so that each begins at a multiple of its width.
pub(crate) type Plan<'a> = Vec<(&'a str, &'a Tensor)>;

pub(crate) fn plan<'a>(tensors: &'a BTreeMap<String, &'a Tensor>, limit: u64) -> Result<Plan<'a>, WriteError> {
    let needed = tensors.values().fold(0_u64, |all, tensor| all.saturating_add(tensor.bytes().unwrap_or(u64::MAX)));
    if needed > limit {
        return Err(WriteError::Large { needed, limit });
    }
    let mut plan: Plan<'_> = tensors.iter().map(|(name, tensor)| (name.as_str(), *tensor)).collect();
    plan.sort_by_key(|(name, tensor)| (std::cmp::Reverse(bytes_of(tensor.dtype)), *name));
    Ok(plan)
}

pub(crate) fn write(
    plan: &Plan<'_>,
    places: &BTreeMap<Rc<str>, Place>,
    path: &Path,
    progress: impl Fn(usize),
) -> Result<(), WriteError> {
    let mut header = header(plan)?;
    header.resize(header.len().next_multiple_of(8), b' ');
    if header.len() > 100_000_000 {
        return Err(WriteError::Header);
    }
    let mut file = BufWriter::with_capacity(1 << 20, fs_err::File::create(path)?);
    file.write_all(&(header.len() as u64).to_le_bytes())?;
    file.write_all(&header)?;
    for (done, (name, tensor)) in plan.iter().enumerate() {
        let key = &tensor.storage.key;
        let place = places.get(key).ok_or_else(|| WriteError::Storage((*name).to_owned(), Rc::clone(key)))?;
        copy(tensor, place, &mut file).map_err(|error| WriteError::Copy { name: (*name).to_owned(), error })?;
        progress(done + 1);
    }
    file.flush()?;
    Ok(())
}

fn header(plan: &Plan<'_>) -> Result<Vec<u8>, WriteError> {
    let mut at = 0;
    let whole = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let entry = |(name, tensor): &(&str, &Tensor)| {
        let begin = at;
        at += whole(tensor.bytes().unwrap_or(0));
        let shape = tensor.shape.iter().map(|size| whole(*size)).collect();
        ((*name).to_owned(), TensorInfo { dtype: tensor.dtype, shape, data_offsets: (begin, at) })
    };
    let entries: Vec<(String, TensorInfo)> = plan.iter().map(entry).collect();
    // Checked by the library, written by ourselves: its own order of entries is that of a hash map.
    Metadata::new(None, entries.clone())?;
    let mut text = vec![b'{'];
    for (position, (name, info)) in entries.iter().enumerate() {
        if position > 0 {
            text.push(b',');
        }
        serde_json::to_writer(&mut text, name)?;
        text.push(b':');
        serde_json::to_writer(&mut text, info)?;
    }
    text.push(b'}');
    Ok(text)
}

//! A checkpoint file of either form: what its pickle made, and where its numbers lie.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use nnf_contract::unusable;

use crate::pytorch::archive::{Archive, ArchiveError};
use crate::pytorch::legacy::{Legacy, LegacyError};
use crate::pytorch::pickle::Unknown;
use crate::pytorch::safetensors_file::Plan;
use crate::pytorch::stored::Place;
use crate::pytorch::value::{Id, Values};

#[derive(Debug, thiserror::Error)]
pub(crate) enum CheckpointError {
    #[error("it is a folder; a checkpoint is a file")]
    Folder,
    #[error("{0}")]
    Unfit(&'static str),
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error(transparent)]
    Legacy(#[from] LegacyError),
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

enum Form {
    Archive(Archive),
    Legacy(Legacy),
}

/// An open checkpoint.
pub(crate) struct Checkpoint(Form);

/// What its pickle made.
pub(crate) struct Contents {
    pub(crate) values: Values,
    pub(crate) root: Id,
}

impl Checkpoint {
    pub(crate) fn open(path: &Path, unknown: Unknown) -> Result<(Self, Contents), CheckpointError> {
        if path.is_dir() {
            return Err(CheckpointError::Folder);
        }
        let mut begin = Vec::new();
        fs_err::File::open(path)?.take(512).read_to_end(&mut begin)?;
        let path = Arc::new(path.to_path_buf());
        let mut values = Values::new();
        if begin.starts_with(b"PK") {
            let (archive, root) = Archive::open(path, &mut values, unknown)?;
            return Ok((Checkpoint(Form::Archive(archive)), Contents { values, root }));
        }
        if let Some(why) = unusable(&begin).or_else(|| other_format(&begin)) {
            return Err(CheckpointError::Unfit(why));
        }
        let (legacy, root) = Legacy::open(path, &mut values, unknown)?;
        Ok((Checkpoint(Form::Legacy(legacy)), Contents { values, root }))
    }

    /// Where the storages of the tensors lie; each is looked at once, so that damage is told before anything is written.
    pub(crate) fn locate(
        &mut self,
        plan: &Plan<'_>,
        scratch: &Path,
        limit: u64,
    ) -> Result<BTreeMap<Rc<str>, Place>, CheckpointError> {
        Ok(match &mut self.0 {
            Form::Archive(archive) => archive.locate(plan, scratch, limit)?,
            Form::Legacy(legacy) => legacy.locate(plan)?,
        })
    }
}

/// What a file is that cannot be a checkpoint.
fn other_format(begin: &[u8]) -> Option<&'static str> {
    let header = begin.get(..8).and_then(|length| length.try_into().ok()).map(u64::from_le_bytes);
    match () {
        () if header.is_some_and(|length| length < 1 << 27) && begin.get(8) == Some(&b'{') => {
            Some("it is a safetensors file already: use it as it is")
        }
        () if begin.get(257..262) == Some(b"ustar") => Some(
            "it is a tar archive, as torch wrote checkpoints before 0.1.10, or another one: unpack it, or load it with a torch \
             of that time and save it anew",
        ),
        () if begin.starts_with(&[0x1f, 0x8b]) => Some("it is compressed by gzip: unpack it first"),
        () if begin.starts_with(b"\x89HDF") => {
            Some("it is an HDF5 file, such as Keras writes, and no checkpoint of PyTorch")
        }
        () if begin.starts_with(b"\x93NUMPY") => Some("it is an array of NumPy, and no checkpoint of PyTorch"),
        () if begin.starts_with(b"<") => {
            Some("it is a page of HTML or XML, such as a server answers in place of a file")
        }
        () => None,
    }
}

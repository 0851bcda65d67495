//! The note of what a stage reads in place, in the folder of its attempt, and the folders that are kept because they may
//! hold what is nowhere else.
//!
//! The note outlives the engine, so that whoever clears up after one that was killed knows what to look for.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::store::local::files::FileInput;
use crate::store::working::layout::GUARD;

/// What a stage reads in place.
#[derive(Debug, Deserialize)]
pub(crate) struct Guard {
    pub(crate) stage: String,
    pub(crate) files: Vec<FileInput>,
    /// A folder besides its own that it writes to.
    pub(crate) checkpoint: Option<PathBuf>,
}

#[derive(Serialize)]
struct Written<'a> {
    stage: &'a str,
    files: &'a [FileInput],
    checkpoint: Option<&'a Path>,
}

/// Writes the note: its length, and what it says. A file system takes its time over making, removing and cutting files, so
/// the note of the folder's last attempt is overwritten in place.
pub(crate) fn write(attempt: &Path, stage: &str, files: &[FileInput], checkpoint: Option<&Path>) -> io::Result<()> {
    let path = attempt.join(GUARD);
    let mut note = vec![0; 8];
    if !files.is_empty() {
        rmp_serde::encode::write(&mut note, &Written { stage, files, checkpoint }).map_err(io::Error::other)?;
    }
    let length = note.len() as u64 - 8;
    note[..8].copy_from_slice(&length.to_le_bytes());
    let file = fs_err::File::options().create(length > 0).truncate(false).write(true).open(path);
    match file {
        // Nothing is read in place, and no earlier note says otherwise.
        Err(error) if length == 0 && error.kind() == io::ErrorKind::NotFound => Ok(()),
        file => file?.write_all(&note),
    }
}

pub(crate) fn read(attempt: &Path) -> Option<Guard> {
    let note = fs_err::read(attempt.join(GUARD)).ok()?;
    let (length, rest) = note.split_first_chunk::<8>()?;
    rmp_serde::from_slice(rest.get(..usize::try_from(u64::from_le_bytes(*length)).ok()?)?).ok()
}

/// Moves a folder, and that of a checkpoint, to where the person finds it.
pub(crate) fn keep(folder: &Path, kept: &Path, stage: &str, checkpoint: Option<&Path>) -> io::Result<PathBuf> {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
    let name: String = stage.chars().take(100).map(plain).collect();
    let moved = |kept: &Path| -> io::Result<PathBuf> {
        fs_err::create_dir_all(kept)?;
        let place = tempfile::Builder::new().prefix(&format!("{name}-")).tempdir_in(kept)?.keep();
        let to = place.join("attempt");
        if let Err(error) = fs_err::rename(folder, &to) {
            let _ = fs_err::remove_dir(&place);
            return Err(error);
        }
        Ok(place)
    };
    let place = match moved(kept) {
        // It lies on another disk than the folder: then beside that, under a name that nobody clears.
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
            let beside = folder.ancestors().nth(2).unwrap_or(folder).join("kept");
            moved(&beside)?
        }
        place => place?,
    };
    if let Some(checkpoint) = checkpoint {
        fs_err::rename(checkpoint, place.join("checkpoint"))?;
        fs_err::create_dir_all(checkpoint)?;
    }
    Ok(place)
}

/// Tells what became of the files of a stage that nobody waits for any more.
pub(crate) fn tell(stage: &str, put_back: &[PathBuf], kept: Option<&Path>) {
    for path in put_back {
        tracing::warn!("{} was put back: `{stage}`, which was stopped, had moved it", path.display());
    }
    if let Some(kept) = kept {
        tracing::warn!(
            "what `{stage}` left may be the only copy of a file, and is kept in {}; look through it, and remove it yourself",
            kept.display()
        );
    }
}

//! Answers of programs, remembered while the files that they are made of look the same.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nnf_contract::{CONTRACT_VERSION, Program};
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::programs::listed::Listed;
use crate::programs::resolver::ProgramError;

/// A remembered answer, valid while the program's files look the same.
#[derive(Serialize, Deserialize)]
struct Remembered {
    version: u32,
    stamps: Vec<Stamp>,
    /// Digest of the files under `code`.
    code: Option<Digest>,
    program: Program,
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Stamp {
    path: PathBuf,
    size: u64,
    modified: Option<jiff::Timestamp>,
    /// Who puts a program in another's place may give it that one's length and time, but not these.
    inode: u64,
    changed: (i64, i64),
}

/// What the program's files look like: the program, and words that are files. Of its code there is a digest.
pub(super) fn stamps(program: &Path, listed: &Listed) -> Result<Vec<Stamp>, ProgramError> {
    let words = listed.words.iter().skip(1).map(|word| listed.root.join(word)).filter(|path| path.is_file());
    std::iter::once(program.to_owned())
        .chain(words)
        .map(|path| {
            let meta = fs_err::metadata(&path).map_err(|e| ProgramError { message: e.to_string(), hint: None })?;
            let modified = meta.modified().ok().and_then(|time| jiff::Timestamp::try_from(time).ok());
            let changed = (meta.ctime(), meta.ctime_nsec());
            Ok(Stamp { path, size: meta.len(), modified, inode: meta.ino(), changed })
        })
        .collect()
}

/// A former answer, if what it rested on still looks like this.
pub(super) fn recall(file: &Path, stamps: &[Stamp], code: Option<Digest>) -> Option<Program> {
    let known: Remembered = serde_json::from_slice(&fs_err::read(file).ok()?).ok()?;
    let holds = known.version == CONTRACT_VERSION && known.stamps == stamps && known.code == code;
    holds.then_some(known.program)
}

/// Remembers an answer. That it cannot is no error: the program is asked again.
pub(super) fn remember(file: &Path, stamps: &[Stamp], code: Option<Digest>, program: &Program) {
    // A file that was changed just now may be changed again within the same tick of its clock.
    let settled = jiff::Timestamp::now() - jiff::SignedDuration::from_secs(2);
    let young =
        |stamp: &Stamp| stamp.modified.is_none_or(|time| time > settled) || stamp.changed.0 >= settled.as_second();
    if stamps.iter().any(young) {
        return;
    }
    let document = Remembered { version: CONTRACT_VERSION, stamps: stamps.to_vec(), code, program: program.clone() };
    let written = serde_json::to_vec(&document).map_err(std::io::Error::other).and_then(|text| {
        let folder = file.parent().unwrap_or(Path::new("."));
        fs_err::create_dir_all(folder)?;
        let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
        std::io::Write::write_all(&mut temporary, &text)?;
        temporary.persist(file).map_err(|e| e.error).map(|_| ())
    });
    if let Err(error) = written {
        tracing::debug!("the description was not remembered: {error}");
    }
}

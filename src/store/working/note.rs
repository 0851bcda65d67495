//! The note of what carries out an attempt, in its folder: it outlives the engine, so that another one can find out what
//! became of it.

use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::digest::Key;
use crate::store::working::layout::PROCESS;

/// The executor of which notes name a process of this machine.
const HERE: &str = "local";

/// Who carries out an attempt, and for which key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptNote {
    /// The key of the work; none in a note of an earlier version, which named processes of this machine alone.
    pub key: Option<Key>,
    /// Name of the executor.
    pub executor: String,
    /// What that executor knows it by.
    pub id: String,
    /// Where its log lies, from the store's folder on.
    pub log: String,
}

impl AttemptNote {
    /// Whether it names a process of this machine.
    pub(crate) fn is_here(&self) -> bool {
        self.executor == HERE
    }
}

/// Writes the note. Notes are padded to one length, so that the note of the folder's last attempt is overwritten in place;
/// what may be left of a longer one counts for nothing.
pub(crate) fn write(attempt: &Path, note: &AttemptNote) -> io::Result<()> {
    let text = serde_json::to_string(note).map_err(io::Error::other)?;
    let file = fs_err::File::options().create(true).truncate(false).write(true).open(attempt.join(PROCESS));
    file?.write_all(format!("{text:<511}\n").as_bytes())
}

pub(crate) fn read(attempt: &Path) -> Option<AttemptNote> {
    let text = fs_err::read(attempt.join(PROCESS)).ok()?;
    let line = text.split(|byte| *byte == b'\n').next()?;
    if line.starts_with(b"{") {
        return serde_json::from_slice(line).ok();
    }
    // A version before this one wrote no more than the process and when it began.
    let id = std::str::from_utf8(line).ok()?.trim().to_owned();
    Some(AttemptNote { key: None, executor: HERE.into(), id, log: String::new() })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn the_last_note_counts_whatever_stood_there_before() {
        let folder = tempfile::tempdir().unwrap();
        let note = |id: &str| AttemptNote {
            key: Some(Key::of_document(b"1")),
            executor: "slurm".into(),
            id: id.into(),
            log: "runs/v1/a/logs/größe.1.log".into(),
        };
        for id in [&"long".repeat(300), "short", ""] {
            write(folder.path(), &note(id)).unwrap();
            assert_eq!(read(folder.path()), Some(note(id)));
        }
    }

    #[test]
    fn notes_of_earlier_versions_name_a_process() {
        let folder = tempfile::tempdir().unwrap();
        fs_err::write(folder.path().join(PROCESS), format!("{:<79}\n", "4711 12345")).unwrap();
        let note = read(folder.path()).unwrap();
        assert!(note.is_here() && note.key.is_none() && note.id == "4711 12345", "{note:?}");
        for damaged in [&b"{\"key\":"[..], b"\xff\xfe", b"{}\n"] {
            fs_err::write(folder.path().join(PROCESS), damaged).unwrap();
            assert_eq!(read(folder.path()), None);
        }
    }
}

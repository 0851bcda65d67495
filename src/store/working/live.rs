//! Which runs go on now, and what each run uses.
//!
//! A run holds a lock on the file `live` of its folder for as long as it goes on, and appends each key that it uses to
//! the file `keys`, one a line, with the name of the stage that uses it.

use std::fs::{File, TryLockError};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Mutex;
use std::time::SystemTime;

use crate::digest::Key;
use crate::lock_file;
use crate::mutex::lock;

/// The name of the file that lists what a run uses.
pub(crate) const KEYS: &str = "keys";
const LIVE: &str = "live";

/// A run's own hold on its folder.
#[derive(Debug)]
pub(crate) struct Live {
    keys: Mutex<Option<File>>,
    _lock: File,
}

impl Live {
    /// Marks the run of a folder as one that goes on.
    pub(crate) fn begin(folder: &Path) -> io::Result<Self> {
        let lock = lock_file::open(&folder.join(LIVE))?;
        lock.lock()?;
        Ok(Live { keys: Mutex::default(), _lock: lock })
    }

    /// Appends a key to the list of those that the run uses, as the result of a stage.
    pub(crate) fn note(&self, folder: &Path, key: &Key, stage: &str) -> io::Result<()> {
        let mut keys = lock(&self.keys);
        if keys.is_none() {
            let file = fs_err::File::options().create(true).append(true).open(folder.join(KEYS))?;
            *keys = Some(file.into_file());
        }
        // One write for each line, so that whoever reads it meanwhile sees whole lines.
        keys.as_mut().map_or(Ok(()), |file| file.write_all(format!("{key} {stage}\n").as_bytes()))
    }
}

/// When a run began, by the clock of the file system, if it goes on still. A run that is over never goes on again.
pub(crate) fn since(folder: &Path) -> Option<SystemTime> {
    let file = fs_err::File::open(folder.join(LIVE)).ok()?;
    let began = file.metadata().and_then(|meta| meta.modified());
    match file.file().try_lock_shared() {
        Ok(()) => None,
        // In doubt it goes on.
        Err(TryLockError::WouldBlock | TryLockError::Error(_)) => Some(began.unwrap_or(SystemTime::UNIX_EPOCH)),
    }
}

/// The keys that a run uses or used.
pub(crate) fn keys(folder: &Path) -> Vec<Key> {
    uses(folder).into_iter().map(|(key, _)| key).collect()
}

/// The same, with the name of the stage whose result each is. Lists of older programs have no names.
pub(crate) fn uses(folder: &Path) -> Vec<(Key, String)> {
    let text = fs_err::read(folder.join(KEYS)).unwrap_or_default();
    let read = |line: &[u8]| {
        let line = std::str::from_utf8(line).ok()?;
        let (key, stage) = line.split_once(' ').unwrap_or((line, ""));
        Some((key.parse().ok()?, stage.to_owned()))
    };
    text.split(|byte| *byte == b'\n').filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_run_is_live_while_it_is_held_and_lists_its_keys() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        assert_eq!((since(path), keys(path)), (None, vec![]), "a run of an older program");
        let live = Live::begin(path).unwrap();
        assert!(since(path).is_some() && !path.join(KEYS).exists());
        let (one, two) = (Key::of_document(b"1"), Key::of_document(b"2"));
        live.note(path, &one, "make").unwrap();
        live.note(path, &two, "use[n=a]").unwrap();
        assert_eq!(fs_err::read_to_string(path.join(KEYS)).unwrap(), format!("{one} make\n{two} use[n=a]\n"));
        drop(live);
        assert_eq!(since(path), None);
        let torn = format!("{one} make\n{two}\nnonsense\n{}", &two.to_string()[..20]);
        fs_err::write(path.join(KEYS), torn).unwrap();
        assert_eq!(keys(path), [one, two], "what is cut short names nothing");
        assert_eq!(
            uses(path),
            [(one, "make".to_owned()), (two, String::new())],
            "lines of older programs have no names"
        );
    }
}

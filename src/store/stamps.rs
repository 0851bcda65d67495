//! What files looked like when their content was last read, and what it was: saves hashing unchanged files again.
//!
//! It does not read contents. A stamp is remembered only once the file has rested for two seconds, because a change
//! within the same tick of the file system's clock would be invisible.

use std::collections::HashMap;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// How long a file has to rest before its stamp is trusted.
const REST: Duration = Duration::from_secs(2);

/// What a file looks like from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stamp {
    pub(crate) device: u64,
    pub(crate) inode: u64,
    pub(crate) size: u64,
    /// Time of change of content, in nanoseconds.
    pub(crate) modified: i128,
    /// Time of change of anything, in nanoseconds. Zero for blobs, whose links come and go.
    pub(crate) changed: i128,
}

impl Stamp {
    pub(crate) fn of(meta: &Metadata) -> Self {
        let nanoseconds = |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
        Stamp {
            device: meta.dev(),
            inode: meta.ino(),
            size: meta.len(),
            modified: nanoseconds(meta.mtime(), meta.mtime_nsec()),
            changed: nanoseconds(meta.ctime(), meta.ctime_nsec()),
        }
    }

    /// Without what changes when a hard link is made or removed.
    pub(crate) fn of_content(meta: &Metadata) -> Self {
        Stamp { changed: 0, ..Stamp::of(meta) }
    }

    fn has_rested(&self) -> bool {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let last = self.modified.max(self.changed);
        // A time in the future is a clock that went backwards: not to be trusted either.
        i128::try_from(now.saturating_sub(REST).as_nanos()).is_ok_and(|settled| last < settled)
    }
}

#[derive(Serialize, Deserialize)]
struct Line {
    path: PathBuf,
    stamp: Stamp,
    digest: Digest,
}

/// Remembered stamps.
#[derive(Debug)]
pub(crate) struct Stamps {
    file: PathBuf,
    known: HashMap<PathBuf, (Stamp, Digest)>,
    new: Vec<PathBuf>,
    lines: usize,
}

impl Stamps {
    /// Reads what was remembered. Lines that are damaged are forgotten.
    pub(crate) fn open(file: &Path) -> Self {
        let text = fs_err::read(file).unwrap_or_default();
        let mut stamps = Stamps { file: file.to_owned(), known: HashMap::new(), new: Vec::new(), lines: 0 };
        for line in super::index::checked_lines(&text) {
            stamps.lines += 1;
            if let Ok(Line { path, stamp, digest }) = serde_json::from_slice(line) {
                stamps.known.insert(path, (stamp, digest));
            }
        }
        stamps
    }

    /// The digest of a file that still looks the same.
    pub(crate) fn get(&self, path: &Path, stamp: &Stamp) -> Option<Digest> {
        self.known.get(path).filter(|(known, _)| known == stamp).map(|(_, digest)| *digest)
    }

    /// Remembers what a file looks like, if it has rested.
    pub(crate) fn set(&mut self, path: &Path, stamp: Stamp, digest: Digest) {
        if stamp.has_rested() {
            self.set_trusted(path, stamp, digest);
        }
    }

    /// Remembers what a file looks like that nobody else can have changed meanwhile.
    pub(crate) fn set_trusted(&mut self, path: &Path, stamp: Stamp, digest: Digest) {
        if self.known.insert(path.to_owned(), (stamp, digest)) != Some((stamp, digest)) {
            self.new.push(path.to_owned());
        }
    }

    pub(crate) fn forget(&mut self, path: &Path) {
        self.known.remove(path);
    }

    /// Appends what is new; writes the file anew when most of it is outdated. Losing it costs time, not results.
    pub(crate) fn save(&mut self) {
        if self.new.is_empty() {
            return;
        }
        let write = |paths: &mut dyn Iterator<Item = &PathBuf>| {
            let mut text = Vec::new();
            for path in paths {
                if let Some((stamp, digest)) = self.known.get(path) {
                    let line = Line { path: path.clone(), stamp: *stamp, digest: *digest };
                    super::index::push_line(&mut text, &line);
                }
            }
            text
        };
        let outdated = self.lines + self.new.len() > 2 * self.known.len() + 1000;
        let result = if outdated {
            super::blob::write_atomically(&self.file, &write(&mut self.known.keys()))
        } else {
            super::index::append(&self.file, &write(&mut self.new.iter()))
        };
        if let Err(error) = result {
            tracing::debug!("stamps were not saved: {error}");
        }
        self.lines += self.new.len();
        self.new.clear();
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn only_files_that_have_rested_are_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let mut stamps = Stamps::open(&folder.path().join("stamps"));
        let now = i128::try_from(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos()).unwrap();
        let second = 1_000_000_000;
        let stamp = |modified: i128, changed: i128| Stamp {
            device: 1,
            inode: 2,
            size: 3,
            modified: now - modified,
            changed: now - changed,
        };
        let digest = Digest::of(b"content");
        for (modified, changed, rested) in [
            (9 * second, 9 * second, true),
            (0, 9 * second, false),
            (9 * second, 0, false),
            (-second, 9 * second, false),
        ] {
            let path = folder.path().join(format!("{modified}{changed}"));
            stamps.set(&path, stamp(modified, changed), digest);
            assert_eq!(stamps.get(&path, &stamp(modified, changed)).is_some(), rested, "{modified} {changed}");
        }
        let path = folder.path().join("file");
        stamps.set(&path, stamp(9 * second, 9 * second), digest);
        assert_eq!(stamps.get(&path, &stamp(9 * second, 8 * second)), None, "another look, another file");
        stamps.save();
        let again = Stamps::open(&folder.path().join("stamps"));
        assert_eq!(again.get(&path, &stamp(9 * second, 9 * second)), Some(digest));
    }
}

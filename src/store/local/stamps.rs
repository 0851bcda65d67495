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
use crate::store::local::lines;
use crate::store::local::writing::write_atomically;

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
        Stamp {
            device: meta.dev(),
            inode: meta.ino(),
            size: meta.len(),
            modified: nanoseconds(meta.mtime(), meta.mtime_nsec()),
            changed: nanoseconds(meta.ctime(), meta.ctime_nsec()),
        }
    }

    /// The same of what was looked at from an open folder.
    pub(crate) fn of_stat(stat: &rustix::fs::Stat) -> Self {
        Stamp {
            device: stat.st_dev,
            inode: stat.st_ino,
            size: stat.st_size.cast_unsigned(),
            modified: nanoseconds(stat.st_mtime, stat.st_mtime_nsec),
            changed: nanoseconds(stat.st_ctime, stat.st_ctime_nsec),
        }
    }

    /// What a path looks like, if it can be looked at.
    pub(crate) fn of_path(path: &Path) -> Option<Self> {
        std::fs::metadata(path).ok().map(|meta| Stamp::of(&meta))
    }

    /// What a folder looks like that is no link to one.
    pub(crate) fn of_folder(path: &Path) -> Option<Self> {
        std::fs::symlink_metadata(path).ok().filter(Metadata::is_dir).map(|meta| Stamp::of(&meta))
    }

    /// Without what changes when a hard link is made or removed.
    pub(crate) fn of_content(meta: &Metadata) -> Self {
        Stamp::of(meta).content_only()
    }

    /// The same of what was looked at already.
    pub(crate) fn content_only(self) -> Self {
        Stamp { changed: 0, ..self }
    }

    /// Whether the file had rested when it was looked at.
    pub(crate) fn had_rested(&self, looked: SystemTime) -> bool {
        let looked = looked.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let last = self.modified.max(self.changed);
        // A time in the future is a clock that went backwards: not to be trusted either.
        i128::try_from(looked.saturating_sub(REST).as_nanos()).is_ok_and(|settled| last < settled)
    }
}

fn nanoseconds(seconds: i64, rest: impl Into<i128>) -> i128 {
    i128::from(seconds) * 1_000_000_000 + rest.into()
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
    /// Read when it is asked for first.
    known: Option<HashMap<PathBuf, (Stamp, Digest)>>,
    new: Vec<PathBuf>,
    lines: usize,
    /// Whether the file has lines of files that are gone.
    pruned: bool,
}

impl Stamps {
    /// Stamps remembered in a file. Lines of it that are damaged are forgotten.
    pub(crate) fn new(file: PathBuf) -> Self {
        Stamps { file, known: None, new: Vec::new(), lines: 0, pruned: false }
    }

    fn known(&mut self) -> &mut HashMap<PathBuf, (Stamp, Digest)> {
        self.known.get_or_insert_with(|| {
            let text = fs_err::read(&self.file).unwrap_or_default();
            let found = lines::checked_lines(&text).inspect(|_| self.lines += 1);
            let stamps = found.filter_map(|line| serde_json::from_slice::<Line>(line).ok());
            stamps.map(|Line { path, stamp, digest }| (path, (stamp, digest))).collect()
        })
    }

    /// The digest of a file that still looks the same.
    pub(crate) fn get(&mut self, path: &Path, stamp: &Stamp) -> Option<Digest> {
        self.known().get(path).filter(|(known, _)| known == stamp).map(|(_, digest)| *digest)
    }

    /// Remembers what a file looks like, if it had rested when it was looked at; false if it had not. That is the
    /// moment before it was hashed: hashing may take longer than the rest, and the file may change in its first tick.
    pub(crate) fn set(&mut self, path: &Path, stamp: Stamp, digest: Digest, looked: SystemTime) -> bool {
        let rested = stamp.had_rested(looked);
        if rested {
            self.set_trusted(path, stamp, digest);
        }
        rested
    }

    /// Remembers what a file looks like that nobody else can have changed meanwhile.
    pub(crate) fn set_trusted(&mut self, path: &Path, stamp: Stamp, digest: Digest) {
        if self.known().insert(path.to_owned(), (stamp, digest)) != Some((stamp, digest)) {
            self.new.push(path.to_owned());
        }
    }

    pub(crate) fn forget(&mut self, path: &Path) {
        self.known().remove(path);
    }

    /// Forgets the files of a folder that are gone; whether there were any.
    pub(crate) fn prune(&mut self, folder: &Path) -> bool {
        let before = self.known().len();
        self.known().retain(|path, _| !path.starts_with(folder) || path.exists());
        self.pruned |= self.known().len() < before;
        self.pruned
    }

    /// Appends what is new; writes the file anew when most of it is outdated. Losing it costs time, not results.
    pub(crate) fn save(&mut self) {
        if self.new.is_empty() && !self.pruned {
            return;
        }
        let new = std::mem::take(&mut self.new);
        let outdated = std::mem::take(&mut self.pruned) || self.lines + new.len() > 2 * self.known().len() + 1000;
        let file = self.file.clone();
        let known = self.known();
        let write = |paths: &mut dyn Iterator<Item = &PathBuf>| {
            let mut text = Vec::new();
            for path in paths {
                if let Some((stamp, digest)) = known.get(path) {
                    let line = Line { path: path.clone(), stamp: *stamp, digest: *digest };
                    lines::push_line(&mut text, &line);
                }
            }
            text
        };
        let result = if outdated {
            write_atomically(&file, &write(&mut known.keys()))
        } else {
            lines::append(&file, &write(&mut new.iter()))
        };
        if let Err(error) = result {
            tracing::debug!("stamps were not saved: {error}");
        }
        self.lines += new.len();
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn only_files_that_have_rested_are_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let mut stamps = Stamps::new(folder.path().join("stamps"));
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
            stamps.set(&path, stamp(modified, changed), digest, SystemTime::now());
            assert_eq!(stamps.get(&path, &stamp(modified, changed)).is_some(), rested, "{modified} {changed}");
        }
        let path = folder.path().join("file");
        let long_hashing = SystemTime::now() - Duration::from_secs(8);
        assert!(!stamps.set(&path, stamp(9 * second, 9 * second), digest, long_hashing), "it rested only meanwhile");
        assert!(stamps.set(&path, stamp(9 * second, 9 * second), digest, SystemTime::now()));
        assert_eq!(stamps.get(&path, &stamp(9 * second, 8 * second)), None, "another look, another file");
        stamps.save();
        let mut again = Stamps::new(folder.path().join("stamps"));
        assert_eq!(again.get(&path, &stamp(9 * second, 9 * second)), Some(digest));
    }
}

//! Looks at many files below one folder: the way to the folder is walked once, not for each of them.

use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat, open, statat};

use crate::store::local::attributes::is_of_blob;
use crate::store::local::stamps::Stamp;

/// A folder that stays the one it was when it was opened, wherever it is moved meanwhile.
#[derive(Debug)]
pub(crate) struct Folder(OwnedFd);

impl Folder {
    /// Opens a folder. None if it cannot be looked into.
    pub(crate) fn open(path: &Path) -> Option<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        open(path, flags, Mode::empty()).ok().map(Folder)
    }

    /// What a path below looks like, links followed.
    pub(crate) fn path(&self, below: &str) -> Option<Stamp> {
        statat(&self.0, below, AtFlags::empty()).ok().map(|stat| Stamp::of_stat(&stat))
    }

    /// What a folder below looks like that is no link to one.
    pub(crate) fn folder(&self, below: &Path) -> Option<Stamp> {
        let stat = self.own(below)?;
        FileType::from_raw_mode(stat.st_mode).is_dir().then(|| Stamp::of_stat(&stat))
    }

    /// What a blob below looks like, if it is a file with the mode of one.
    pub(crate) fn blob(&self, below: &str) -> Option<Stamp> {
        let stat = self.own(Path::new(below))?;
        is_of_blob(stat.st_mode).then(|| Stamp::of_stat(&stat).content_only())
    }

    fn own(&self, below: &Path) -> Option<Stat> {
        statat(&self.0, below, AtFlags::SYMLINK_NOFOLLOW).ok()
    }
}

//! What a file is besides its content: mode, owner, time, extended attributes. All names of a blob share them, so a stage
//! that was given one can change them for everybody.

use std::collections::BTreeMap;
use std::fs::{Metadata, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, FileType, Gid, Timespec, Timestamps, UTIME_OMIT, Uid, XattrFlags};

/// The mode of every blob.
pub(crate) const BLOB_MODE: u32 = 0o444;

/// Bits of a mode, without the kind of the file.
pub(crate) fn mode(meta: &Metadata) -> u32 {
    meta.mode() & 0o7777
}

/// Whether a mode, with the kind of the file, is that of a blob.
pub(crate) fn is_of_blob(mode: u32) -> bool {
    FileType::from_raw_mode(mode).is_file() && mode & 0o7777 == BLOB_MODE
}

/// What a file is besides its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attributes {
    mode: u32,
    owner: (u32, u32),
    modified: (i64, i64),
    /// Access lists among them. Where a file system has none, there are none.
    extended: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Attributes {
    pub(crate) fn of(path: &Path, meta: &Metadata) -> Self {
        let modified = (meta.mtime(), meta.mtime_nsec());
        Attributes { mode: mode(meta), owner: (meta.uid(), meta.gid()), modified, extended: extended(path) }
    }

    /// Gives a file these attributes.
    pub(crate) fn put_back(&self, path: &Path) -> io::Result<()> {
        let now = Attributes::of(path, &fs_err::symlink_metadata(path)?);
        if now.owner != self.owner {
            let (user, group) = (Uid::from_raw(self.owner.0), Gid::from_raw(self.owner.1));
            rustix::fs::chownat(CWD, path, Some(user), Some(group), AtFlags::SYMLINK_NOFOLLOW)?;
        }
        for name in now.extended.keys().filter(|name| !self.extended.contains_key(*name)) {
            rustix::fs::removexattr(path, name.as_slice())?;
        }
        for (name, value) in self.extended.iter().filter(|(name, value)| now.extended.get(*name) != Some(*value)) {
            rustix::fs::setxattr(path, name.as_slice(), value, XattrFlags::empty())?;
        }
        // After the access list, of which the mode is a part.
        fs_err::set_permissions(path, Permissions::from_mode(self.mode))?;
        let last_access = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
        let last_modification = Timespec { tv_sec: self.modified.0, tv_nsec: self.modified.1 };
        let times = Timestamps { last_access, last_modification };
        Ok(rustix::fs::utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW)?)
    }
}

fn extended(path: &Path) -> BTreeMap<Vec<u8>, Vec<u8>> {
    // Most files have none, and that is told at once.
    let mut names = Vec::with_capacity(rustix::fs::llistxattr_query(path).unwrap_or(0));
    if names.capacity() == 0 || rustix::fs::llistxattr(path, rustix::buffer::spare_capacity(&mut names)).is_err() {
        return BTreeMap::new();
    }
    let mut found = BTreeMap::new();
    for name in names.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let mut value = Vec::with_capacity(rustix::fs::lgetxattr_query(path, name).unwrap_or(0) + 1);
        if rustix::fs::lgetxattr(path, name, rustix::buffer::spare_capacity(&mut value)).is_ok() {
            found.insert(name.to_vec(), value);
        }
    }
    found
}

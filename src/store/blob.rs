//! Blobs: content named by its digest.
//!
//! It does not know trees or records. A blob appears under its name in one step, whole, and is never written again.

use std::fs::Permissions;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use crate::digest::Digest;
use crate::store::StoreError;
use crate::store::lock;
use crate::store::stamps::{Stamp, Stamps};

/// From this size on a file is mapped and hashed on all cores.
const LARGE: u64 = 1 << 20;

/// The blobs of one local store.
#[derive(Clone, Debug)]
pub(crate) struct Blobs {
    root: PathBuf,
    stamps: Arc<Mutex<Stamps>>,
    /// Whether the file system refused to share content by a reflink; a refusal costs as much as a copy of a small file.
    refuses_reflinks: Arc<AtomicBool>,
}

impl Blobs {
    pub(crate) fn new(root: PathBuf, stamps: Arc<Mutex<Stamps>>) -> Self {
        Blobs { root, stamps, refuses_reflinks: Arc::default() }
    }

    /// The folder of the store.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Shares content of a blob with a new file; false where the file system cannot.
    pub(crate) fn reflink(&self, from: &Path, to: &Path) -> bool {
        if self.refuses_reflinks.load(Ordering::Relaxed) {
            return false;
        }
        let shared = reflink_copy::reflink(from, to).is_ok();
        self.refuses_reflinks.store(!shared, Ordering::Relaxed);
        shared
    }

    /// Where a blob lies, or would lie.
    pub(crate) fn path(&self, digest: &Digest) -> PathBuf {
        let hex = digest.to_string();
        self.root.join("blobs/v1").join(&hex[..2]).join(&hex[2..])
    }

    /// The path of a blob whose content was checked, now or before.
    pub(crate) fn checked(&self, digest: &Digest) -> Result<PathBuf, StoreError> {
        let path = self.path(digest);
        let meta = match fs_err::symlink_metadata(&path) {
            Ok(meta) if meta.is_file() => meta,
            Ok(_) => return Err(self.quarantine(digest)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(StoreError::Missing(*digest)),
            Err(error) => return Err(StoreError::io("look into the store")(error)),
        };
        let stamp = Stamp::of_content(&meta);
        if lock(&self.stamps).get(&path, &stamp) == Some(*digest) {
            return Ok(path);
        }
        if hash_file(&path).map_err(StoreError::io("read the store"))? != *digest {
            return Err(self.quarantine(digest));
        }
        lock(&self.stamps).set(&path, stamp, *digest);
        Ok(path)
    }

    /// Puts a damaged blob aside, so that it can be made again and still be looked at.
    pub(crate) fn quarantine(&self, digest: &Digest) -> StoreError {
        let path = self.path(digest);
        let folder = self.root.join("quarantine");
        let aside = folder.join(digest.to_string());
        lock(&self.stamps).forget(&path);
        let moved = fs_err::create_dir_all(&folder).and_then(|()| fs_err::rename(&path, &aside));
        match moved {
            Ok(()) => StoreError::Damaged { digest: *digest, quarantine: aside },
            Err(error) => StoreError::io("put damaged content aside")(error),
        }
    }

    /// Takes a file into the store; it is moved where that is possible.
    pub(crate) fn put_file(&self, from: &Path) -> Result<(Digest, u64), StoreError> {
        let doing = StoreError::io("store a file");
        let meta = fs_err::symlink_metadata(from).map_err(&doing)?;
        let digest = hash_file(from).map_err(&doing)?;
        if self.has(&digest) {
            fs_err::remove_file(from).map_err(&doing)?;
            return Ok((digest, meta.len()));
        }
        // A file with other names could be changed through them; only a copy is the store's own.
        let own = if has_other_names(&meta) { self.copy(from).map_err(&doing)? } else { from.to_owned() };
        self.seal(&own, &digest)?;
        if own != from {
            fs_err::remove_file(from).map_err(&doing)?;
        }
        Ok((digest, meta.len()))
    }

    /// Takes bytes into the store.
    pub(crate) fn put_bytes(&self, bytes: &[u8]) -> Result<Digest, StoreError> {
        let digest = Digest::of(bytes);
        if !self.has(&digest) {
            let doing = StoreError::io("store content");
            let mut file = self.temporary().map_err(&doing)?;
            file.write_all(bytes).map_err(&doing)?;
            let (_, path) = file.keep().map_err(|e| doing(e.error))?;
            self.seal(&path, &digest)?;
        }
        Ok(digest)
    }

    /// A temporary file on the store's own file system.
    pub(crate) fn temporary(&self) -> io::Result<tempfile::NamedTempFile> {
        tempfile::Builder::new().prefix("blob-").tempfile_in(self.root.join("attempts"))
    }

    fn copy(&self, from: &Path) -> io::Result<PathBuf> {
        let mut copy = self.temporary()?;
        io::copy(&mut fs_err::File::open(from)?, &mut copy)?;
        copy.keep().map(|(_, path)| path).map_err(|e| e.error)
    }

    /// Whether the content is there and whole: a damaged blob must not stand in the way of a good one.
    fn has(&self, digest: &Digest) -> bool {
        self.checked(digest).is_ok()
    }

    /// Makes a finished file read-only and moves it to its name.
    pub(crate) fn seal(&self, from: &Path, digest: &Digest) -> Result<(), StoreError> {
        let doing = StoreError::io("store content");
        let to = self.path(digest);
        fs_err::set_permissions(from, Permissions::from_mode(0o444)).map_err(&doing)?;
        if let Some(folder) = to.parent() {
            fs_err::create_dir_all(folder).map_err(&doing)?;
        }
        match fs_err::rename(from, &to) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
                let copy = self.copy(from).map_err(&doing)?;
                fs_err::set_permissions(&copy, Permissions::from_mode(0o444)).map_err(&doing)?;
                fs_err::rename(&copy, &to).map_err(&doing)?;
                fs_err::remove_file(from).map_err(&doing)?;
            }
            Err(error) => return Err(doing(error)),
        }
        // It was hashed a moment ago by this very program, under a name that nobody else knows.
        if let Ok(meta) = fs_err::symlink_metadata(&to) {
            lock(&self.stamps).set_trusted(&to, Stamp::of_content(&meta), *digest);
        }
        Ok(())
    }
}

fn has_other_names(meta: &std::fs::Metadata) -> bool {
    std::os::unix::fs::MetadataExt::nlink(meta) > 1
}

/// Digest of a file's content, in bounded memory; large files on all cores.
pub(crate) fn hash_file(path: &Path) -> io::Result<Digest> {
    let mut hasher = blake3::Hasher::new();
    if fs_err::metadata(path)?.len() >= LARGE {
        hasher.update_mmap_rayon(path)?;
    } else {
        hasher.update_reader(fs_err::File::open(path)?)?;
    }
    Ok(hasher.finalize().into())
}

/// Replaces a small file in one step.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    fs_err::set_permissions(file.path(), Permissions::from_mode(0o644))?;
    file.persist(path).map(|_| ()).map_err(|e| e.error)
}

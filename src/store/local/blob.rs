//! Blobs: content named by its digest.
//!
//! A blob appears under its name in one step, whole, and is never written again.

use std::fs::{Metadata, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use crate::digest::Digest;
use crate::mutex::lock;
use crate::store::StoreError;
use crate::store::local::attributes::{BLOB_MODE, is_of_blob, mode};
use crate::store::local::gc_barrier::GcBarrier;
use crate::store::local::hashing::hash_file;
use crate::store::local::stamps::{Stamp, Stamps};
use crate::store::local::writing::{in_folder, make_folder, move_file, temporary_in};

/// The folder of blobs, below the store's.
pub(crate) const FOLDER: &str = "blobs/v1";

/// Where a blob lies below that folder.
pub(crate) fn below(digest: &Digest) -> String {
    let hex = digest.to_string();
    format!("{}/{}", &hex[..2], &hex[2..])
}

/// The blobs of one local store.
#[derive(Clone, Debug)]
pub(crate) struct Blobs {
    root: PathBuf,
    stamps: Arc<Mutex<Stamps>>,
    /// Whether the file system refused to share content by a reflink; a refusal costs as much as a copy of a small file.
    refuses_reflinks: Arc<AtomicBool>,
    pub(crate) gc_barrier: Arc<GcBarrier>,
    /// Bytes that this program has added.
    added: Arc<AtomicU64>,
}

impl Blobs {
    pub(crate) fn new(root: PathBuf, stamps: Arc<Mutex<Stamps>>) -> Self {
        let gc_barrier = Arc::new(GcBarrier::new(&root));
        Blobs { root, stamps, refuses_reflinks: Arc::default(), gc_barrier, added: Arc::default() }
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
        self.root.join(FOLDER).join(below(digest))
    }

    /// The path of a blob whose content was checked, now or before.
    pub(crate) fn checked(&self, digest: &Digest) -> Result<PathBuf, StoreError> {
        self.checked_and_seen(digest).map(|(path, _)| path)
    }

    /// The same, and what the blob looked like when its content was as it should be.
    pub(crate) fn checked_and_seen(&self, digest: &Digest) -> Result<(PathBuf, Metadata), StoreError> {
        let path = self.path(digest);
        loop {
            let looked = SystemTime::now();
            let meta = match fs_err::symlink_metadata(&path) {
                // Whoever reads it sees the mode as well. It may be another user's, who alone can put it back.
                Ok(meta) if meta.is_file() && mode(&meta) != BLOB_MODE => {
                    let _ = fs_err::set_permissions(&path, Permissions::from_mode(BLOB_MODE));
                    fs_err::symlink_metadata(&path).unwrap_or(meta)
                }
                Ok(meta) if meta.is_file() => meta,
                Ok(_) => return Err(self.quarantine(digest)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(StoreError::Missing(*digest)),
                Err(error) => return Err(StoreError::io("look into the store")(error)),
            };
            let stamp = Stamp::of_content(&meta);
            if lock(&self.stamps).get(&path, &stamp) == Some(*digest) {
                return Ok((path, meta));
            }
            match hash_file(&path) {
                Ok(found) if found == *digest => {
                    lock(&self.stamps).set(&path, stamp, *digest, looked);
                    return Ok((path, meta));
                }
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(StoreError::io("read the store")(error));
                }
                // Another reader may have put the damaged file aside meanwhile, and a stage may have put a good one.
                _ if fs_err::symlink_metadata(&path).is_ok_and(|meta| Stamp::of_content(&meta) == stamp) => {
                    return Err(self.quarantine(digest));
                }
                _ => {}
            }
        }
    }

    /// What a blob looks like, if it is a file with the mode of one. Nothing is read.
    pub(crate) fn look(&self, digest: &Digest) -> Option<Stamp> {
        let meta = std::fs::symlink_metadata(self.path(digest)).ok()?;
        is_of_blob(meta.mode()).then(|| Stamp::of_content(&meta))
    }

    /// The same, if it looks as it did when its content was checked.
    pub(crate) fn vouched(&self, digest: &Digest) -> Option<Stamp> {
        let stamp = self.look(digest)?;
        (lock(&self.stamps).get(&self.path(digest), &stamp) == Some(*digest)).then_some(stamp)
    }

    /// Puts a damaged blob aside, so that it can be made again and still be looked at.
    pub(crate) fn quarantine(&self, digest: &Digest) -> StoreError {
        let path = self.path(digest);
        lock(&self.stamps).forget(&path);
        match self.put_aside(&path, &digest.to_string()) {
            // A good file came into its place just before it was moved.
            Ok(aside) if hash_file(&aside).is_ok_and(|found| found == *digest) && move_file(&aside, &path).is_ok() => {
                StoreError::Missing(*digest)
            }
            Ok(aside) => StoreError::Damaged { digest: *digest, quarantine: aside },
            // Another reader was quicker.
            Err(error) if error.kind() == io::ErrorKind::NotFound => StoreError::Missing(*digest),
            Err(error) => StoreError::io("put damaged content aside")(error),
        }
    }

    /// Puts a copy in the place of a blob whose content is whole: what else is wrong with the file is gone with it.
    pub(crate) fn copy_anew(&self, digest: &Digest) -> Result<(), StoreError> {
        let copy = self.copy(&self.path(digest), digest)?;
        self.seal(&copy, digest).map(drop)
    }

    /// Moves what is in the way of a good file or folder into `quarantine/`, and says where it is now. Older damage of
    /// that name makes room for it where both are files.
    pub(crate) fn put_aside(&self, path: &Path, name: &str) -> io::Result<PathBuf> {
        let folder = self.root.join("quarantine");
        make_folder(&folder)?;
        let aside = folder.join(name);
        match move_file(path, &aside) {
            Err(error) if aside.symlink_metadata().is_ok() && error.kind() != io::ErrorKind::NotFound => {}
            moved => return moved.map(|()| aside),
        }
        let aside = tempfile::Builder::new().prefix(&format!("{name}-")).tempdir_in(&folder)?.keep().join(name);
        move_file(path, &aside).map(|()| aside)
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
        if has_other_names(&meta) {
            let own = self.copy(from, &digest)?;
            let size = fs_err::symlink_metadata(&own).map_err(&doing)?.len();
            self.seal(&own, &digest)?;
            fs_err::remove_file(from).map_err(&doing)?;
            return Ok((digest, size));
        }
        let sealed = self.seal(from, &digest)?;
        if !sealed.is_some_and(|now| is_same(&meta, &now))
            // Another stage may have put the same content at the same moment.
            && !hash_file(&self.path(&digest)).is_ok_and(|now| now == digest)
        {
            self.quarantine(&digest);
            return Err(still_written(from));
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
        temporary_in(&self.root.join("attempts"), "blob-")
    }

    /// A copy of a file that was hashed, in the folder where content of its name lies, on whatever disk.
    fn copy(&self, from: &Path, digest: &Digest) -> Result<PathBuf, StoreError> {
        let doing = StoreError::io("store a file");
        let blob = self.path(digest);
        let folder = blob.parent().unwrap_or(&self.root);
        let mut copy = in_folder(folder, || temporary_in(folder, ".new-")).map_err(&doing)?;
        io::copy(&mut fs_err::File::open(from).map_err(&doing)?, &mut copy).map_err(&doing)?;
        // The file may have been changed since it was hashed.
        if hash_file(copy.path()).map_err(&doing)? != *digest {
            return Err(still_written(from));
        }
        copy.keep().map(|(_, path)| path).map_err(|e| doing(e.error))
    }

    /// Whether the content is there and whole: a damaged blob must not stand in the way of a good one. One that is
    /// there counts as new from now on, so that it is not removed before its record is written.
    fn has(&self, digest: &Digest) -> bool {
        // Most content is new, and what is not there needs no lock to stay there.
        self.path(digest).symlink_metadata().is_ok() && self.renew(digest).is_ok() && self.checked(digest).is_ok()
    }

    /// Sets the time of change of a blob, but not that of its content, by setting the mode that it has already.
    fn renew(&self, digest: &Digest) -> io::Result<()> {
        let _hold = self.gc_barrier.hold()?;
        fs_err::set_permissions(self.path(digest), Permissions::from_mode(BLOB_MODE))
    }

    /// Bytes that were added since this was asked last.
    pub(crate) fn take_added(&self) -> u64 {
        self.added.swap(0, Ordering::Relaxed)
    }

    /// Makes a finished file read-only and moves it to its name. Gives back what is there then.
    pub(crate) fn seal(&self, from: &Path, digest: &Digest) -> Result<Option<Metadata>, StoreError> {
        let doing = StoreError::io("store content");
        let to = self.path(digest);
        fs_err::set_permissions(from, Permissions::from_mode(BLOB_MODE)).map_err(&doing)?;
        let hold = self.gc_barrier.hold().map_err(&doing)?;
        match in_folder(to.parent().unwrap_or(&self.root), || fs_err::rename(from, &to)) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
                let copy = self.copy(from, digest)?;
                fs_err::set_permissions(&copy, Permissions::from_mode(BLOB_MODE)).map_err(&doing)?;
                fs_err::rename(&copy, &to).map_err(&doing)?;
                fs_err::remove_file(from).map_err(&doing)?;
            }
            Err(error) => return Err(doing(error)),
        }
        drop(hold);
        // It was hashed a moment ago by this very program, under a name that nobody else knows.
        let sealed = fs_err::symlink_metadata(&to).ok();
        if let Some(meta) = &sealed {
            self.added.fetch_add(meta.len(), Ordering::Relaxed);
            lock(&self.stamps).set_trusted(&to, Stamp::of_content(meta), *digest);
        }
        Ok(sealed)
    }
}

/// Whether a file was left alone. A move to another file system makes a new one, of which nobody else knows.
fn is_same(before: &Metadata, now: &Metadata) -> bool {
    let (before, now) = (Stamp::of_content(before), Stamp::of_content(now));
    before == now || before.device != now.device
}

fn still_written(file: &Path) -> StoreError {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    StoreError::unfit(name, "something still wrote to it after the stage had ended")
}

fn has_other_names(meta: &std::fs::Metadata) -> bool {
    std::os::unix::fs::MetadataExt::nlink(meta) > 1
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn equal_content_may_be_put_at_the_same_moment() {
        let folder = tempfile::tempdir().unwrap();
        fs_err::create_dir(folder.path().join("attempts")).unwrap();
        let blobs = Blobs::new(folder.path().to_owned(), Arc::new(Mutex::new(Stamps::new("none".into()))));
        for round in 0..300 {
            let files: Vec<PathBuf> = (0..4).map(|i| folder.path().join(format!("{round}-{i}"))).collect();
            files.iter().for_each(|file| fs_err::write(file, format!("content {round}")).unwrap());
            let start = std::sync::Barrier::new(files.len());
            std::thread::scope(|scope| {
                let put = |file: &PathBuf| {
                    let file = file.clone();
                    let (blobs, start) = (&blobs, &start);
                    scope.spawn(move || {
                        start.wait();
                        blobs.put_file(&file).unwrap()
                    })
                };
                let putting: Vec<_> = files.iter().map(put).collect();
                putting.into_iter().for_each(|one| assert!(one.join().unwrap().1 > 0));
            });
        }
        assert!(!folder.path().join("quarantine").exists());
    }

    /// Somebody writes to a file through another name of it while it is put.
    #[test]
    fn what_is_copied_is_what_was_hashed() {
        let folder = tempfile::tempdir().unwrap();
        fs_err::create_dir(folder.path().join("attempts")).unwrap();
        let blobs = Blobs::new(folder.path().to_owned(), Arc::new(Mutex::new(Stamps::new("none".into()))));
        let (file, other) = (folder.path().join("file"), folder.path().join("other"));
        fs_err::write(&other, vec![0; 300_000]).unwrap();
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut open = fs_err::File::options().write(true).open(&other).unwrap();
                for byte in (0..=u8::MAX).cycle().take_while(|_| !over.load(Ordering::Relaxed)) {
                    io::Seek::rewind(&mut open).unwrap();
                    open.write_all(&[byte; 300_000]).unwrap();
                }
            });
            let put = || {
                fs_err::hard_link(&other, &file).unwrap();
                let put = blobs.put_file(&file);
                let _ = fs_err::remove_file(&file);
                match put {
                    Ok((digest, _)) => hash_file(&blobs.path(&digest)).unwrap() == digest,
                    Err(error) => matches!(error, StoreError::Unfit { .. }),
                }
            };
            let wrong = (0..60).filter(|_| !put()).count();
            over.store(true, Ordering::Relaxed);
            assert_eq!(wrong, 0, "content under a wrong name");
        });
    }

    /// Two readers find the same damage, while somebody else puts good content in its place.
    #[test]
    fn damage_is_put_aside_once_and_good_content_never() {
        let folder = tempfile::tempdir().unwrap();
        fs_err::create_dir(folder.path().join("attempts")).unwrap();
        let content = vec![7; 300_000];
        let digest = Digest::of(&content);
        for _ in 0..60 {
            let open = || Blobs::new(folder.path().to_owned(), Arc::new(Mutex::new(Stamps::new("none".into()))));
            let (one, two, other) = (open(), open(), open());
            other.put_bytes(&content).unwrap();
            let path = one.path(&digest);
            fs_err::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
            fs_err::write(&path, vec![8; 300_000]).unwrap();
            let found = std::thread::scope(|scope| {
                let readers = [&one, &two].map(|blobs| scope.spawn(|| blobs.checked(&digest)));
                other.put_bytes(&content).unwrap();
                readers.map(|reader| reader.join().unwrap())
            });
            for result in found {
                let expected = matches!(result, Ok(_) | Err(StoreError::Missing(_) | StoreError::Damaged { .. }));
                assert!(expected, "{result:?}");
            }
            other.put_bytes(&content).unwrap();
            assert_eq!(fs_err::read(&path).unwrap(), content);
            let aside = folder.path().join("quarantine").join(digest.to_string());
            assert_ne!(fs_err::read(aside).unwrap_or_default(), content, "good content was put aside");
        }
    }
}

//! Files that programs lock to keep each other off something, also programs of other users of the machine.
//!
//! The kernel lets go of a lock when its owner dies. Whatever the umask of the user who came first, everybody can take it;
//! who may come near it is the affair of the folder that it lies in.

use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use rustix::fs::OFlags;

/// The mode of such a file: who may not write to it cannot lock it on some file systems.
const MODE: u32 = 0o666;
/// How often a file that cannot be opened is tried again: its maker may be about to let others in.
const PATIENCE: u32 = 20;

/// Opens a file to lock, and makes it if there is none.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    for _ in 0..PATIENCE {
        match open_once(path) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied && path.exists() => {}
            // Another program made it in this very moment.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            opened => return opened,
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    open_once(path).map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => io::Error::new(
            error.kind(),
            format!("{error}; the file was made by a user who lets nobody else open it, and has to remove it"),
        ),
        _ => error,
    })
}

/// Opens a file to lock that is there already.
pub(crate) fn open_existing(path: &Path) -> io::Result<File> {
    // Neither a link that another user laid, nor a pipe that nobody writes to, is followed or waited for.
    let flags = i32::try_from((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits()).unwrap_or(0);
    let open = |write: bool| File::options().read(true).write(write).custom_flags(flags).open(path);
    let file = open(true).or_else(|error| match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => open(false),
        _ => Err(error),
    })?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other(format!("{} is no file that can be locked", path.display())));
    }
    Ok(file)
}

fn open_once(path: &Path) -> io::Result<File> {
    let file = match open_existing(path) {
        // Without the wish to make it where there is one: the kernel refuses that in folders where all may write.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            File::options().create_new(true).read(true).write(true).mode(MODE).open(path)?
        }
        opened => opened?,
    };
    if file.metadata()?.mode() & MODE != MODE {
        // Only its owner can; what another user let others do is enough or not.
        let _ = file.set_permissions(Permissions::from_mode(MODE));
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_lock_is_everybody_s() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let mode = || fs_err::metadata(&path).unwrap().mode() & 0o777;
        let first = open(&path).unwrap();
        assert_eq!(mode(), MODE);
        first.lock().unwrap();
        assert!(open(&path).unwrap().try_lock().is_err());
        drop(first);
        // As an older program left it.
        for before in [0o600, 0o444, 0o644] {
            fs_err::set_permissions(&path, Permissions::from_mode(before)).unwrap();
            open(&path).unwrap().try_lock().unwrap();
            assert_eq!(mode(), MODE, "{before:o}");
        }
        fs_err::write(&path, "text").unwrap();
        drop(open(&path).unwrap());
        assert_eq!(fs_err::read(&path).unwrap(), b"text", "nothing of it is cut");
        for (what, make) in [
            ("a folder", &(|| fs_err::create_dir(&path)) as &dyn Fn() -> io::Result<()>),
            ("a link", &|| fs_err::os::unix::fs::symlink("/dev/zero", &path)),
            ("a pipe", &|| {
                let made = std::process::Command::new("mkfifo").arg(&path).status()?;
                if made.success() { Ok(()) } else { fs_err::create_dir(&path) }
            }),
        ] {
            let _ = fs_err::remove_file(&path).or_else(|_| fs_err::remove_dir(&path));
            make().unwrap();
            assert!(open(&path).is_err(), "{what}");
        }
    }
}

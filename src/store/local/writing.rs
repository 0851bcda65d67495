//! Files that appear under their names in one step, whole, also where that is on another disk than what they are made from:
//! a part of a store may be a link to one.

use std::fs::Permissions;
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

/// Moves a file. On another disk it appears under its new name in one step, whole, before the old one goes.
pub(crate) fn move_file(from: &Path, to: &Path) -> io::Result<()> {
    match fs_err::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {}
        moved => return moved,
    }
    let mode = fs_err::symlink_metadata(from)?.mode() & 0o7777;
    let mut copy = tempfile::Builder::new().prefix(".new-").tempfile_in(to.parent().unwrap_or(Path::new(".")))?;
    io::copy(&mut fs_err::File::open(from)?, &mut copy)?;
    copy.as_file().set_permissions(Permissions::from_mode(mode))?;
    copy.persist(to).map_err(|error| error.error)?;
    fs_err::remove_file(from)
}

/// Makes a folder with those around it that are not there. Where a group shares the folder around it, it shares the new
/// one as well, whatever the umask of the user who happens to come first.
pub(crate) fn make_folder(path: &Path) -> io::Result<()> {
    const OF_A_GROUP: u32 = 0o070;
    if path.is_dir() {
        return Ok(());
    }
    if let Ok(target) = std::fs::read_link(path) {
        let why = format!("{} is a link to {}, where there is no folder", path.display(), target.display());
        return Err(io::Error::new(io::ErrorKind::NotFound, why));
    }
    let around = path.parent().filter(|around| !around.as_os_str().is_empty()).unwrap_or(Path::new("."));
    make_folder(around)?;
    match fs_err::create_dir(path) {
        // Somebody else made it in this very moment. What is there and is no folder is an error still.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => return Ok(()),
        made => made?,
    }
    let shared = fs_err::metadata(around)?;
    let sticky = shared.mode() & 0o1000 != 0;
    let own = fs_err::metadata(path)?;
    if shared.mode() & 0o020 != 0 && !sticky && shared.gid() == own.gid() && own.mode() & OF_A_GROUP != OF_A_GROUP {
        fs_err::set_permissions(path, Permissions::from_mode(own.mode() & 0o7777 | OF_A_GROUP))?;
    }
    Ok(())
}

/// Does what needs a folder, and makes the folder only if it proves to be missing. Somebody else may make it just then:
/// whether it is there after the failure says nothing about before.
pub(crate) fn in_folder<T>(folder: &Path, mut work: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    match work() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make_folder(folder)?;
            work()
        }
        other => other,
    }
}

/// A temporary file that whoever may use the store can read, once it has its name.
pub(crate) fn temporary_in(folder: &Path, prefix: &str) -> io::Result<tempfile::NamedTempFile> {
    tempfile::Builder::new().prefix(prefix).permissions(Permissions::from_mode(0o644)).tempfile_in(folder)
}

/// Replaces a small file in one step.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = temporary_in(path.parent().unwrap_or(Path::new(".")), ".new-")?;
    file.write_all(bytes)?;
    file.persist(path).map(|_| ()).map_err(|e| e.error)
}

/// Has the system write to the disk what was written to the file systems of a store, all of it at once: a wait for each
/// of thousands of files would take as many times longer.
pub(crate) fn sync(root: &Path) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        // Parts of it may be links to other disks.
        let mut synced = std::collections::BTreeSet::new();
        for part in ["", "blobs/v1", "records/v1"] {
            let folder = fs_err::File::open(root.join(part))?;
            if synced.insert(folder.metadata()?.dev()) {
                rustix::fs::syncfs(folder)?;
            }
        }
    }
    #[cfg(not(target_os = "linux"))]
    rustix::fs::sync();
    Ok(())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_folder_is_its_group_s_if_the_one_around_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let mode = |path: &Path| fs_err::metadata(path).unwrap().mode() & 0o777;
        for (around, shared) in [(0o770, true), (0o750, false), (0o700, false), (0o775, true)] {
            let project = folder.path().join(format!("{around:o}"));
            fs_err::create_dir(&project).unwrap();
            fs_err::set_permissions(&project, Permissions::from_mode(around)).unwrap();
            make_folder(&project.join("a/b")).unwrap();
            make_folder(&project.join("a/b")).unwrap();
            assert_eq!(mode(&project.join("a/b")) & 0o020 != 0, shared, "{around:o}");
            assert_eq!(mode(&project), around);
        }
        fs_err::write(folder.path().join("file"), "").unwrap();
        assert!(
            make_folder(&folder.path().join("file")).is_err() && make_folder(&folder.path().join("file/x")).is_err()
        );
    }

    #[test]
    fn a_folder_may_be_made_by_another_just_after_it_was_missed() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("new");
        let mut tries = 0;
        let done = in_folder(&folder, || {
            tries += 1;
            if tries == 1 {
                let missed = fs_err::write(folder.join("file"), "text");
                fs_err::create_dir(&folder).unwrap();
                return missed;
            }
            fs_err::write(folder.join("file"), "text")
        });
        assert!(done.is_ok(), "{done:?}");
        let never = in_folder(&folder, || fs_err::rename(root.path().join("none"), folder.join("file")));
        assert_eq!(never.map_err(|error| error.kind()), Err(io::ErrorKind::NotFound));
    }
}

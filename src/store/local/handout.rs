//! Content put where a stage or a person reads it.
//!
//! A stage gets reflinks, else read-only hard links, and after it ended it is made sure that it changed nothing. A
//! person gets copies. It does not know why content is wanted.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::digest::Digest;
use crate::record::{Artifact, Form};
use crate::store::StoreError;
use crate::store::local::blob::Blobs;
use crate::store::local::hashing::hash_file;
use crate::store::local::stamps::Stamp;
use crate::store::local::tree::{self, Entry};

/// What was handed out as hard links, and what the blobs looked like then.
#[derive(Debug, Default)]
pub struct HandedOut {
    links: Vec<(Digest, Stamp, PathBuf)>,
}

pub(crate) fn hand_out(blobs: &Blobs, artifact: &Artifact, to: &Path) -> Result<HandedOut, StoreError> {
    let mut handed_out = HandedOut::default();
    place(blobs, artifact, to, &mut |digest, executable, to| link(blobs, digest, executable, to, &mut handed_out))?;
    Ok(handed_out)
}

pub(crate) fn copy_out(blobs: &Blobs, artifact: &Artifact, to: &Path) -> Result<(), StoreError> {
    place(blobs, artifact, to, &mut |digest, executable, to| {
        let from = blobs.checked(digest)?;
        copy(&from, to, if executable { 0o755 } else { 0o644 }).map_err(StoreError::io("copy out of the store"))
    })
}

type PlaceFile<'a> = dyn FnMut(&Digest, bool, &Path) -> Result<(), StoreError> + 'a;

/// Puts a file, or a folder with all that is in it.
fn place(blobs: &Blobs, artifact: &Artifact, to: &Path, file: &mut PlaceFile<'_>) -> Result<(), StoreError> {
    let doing = StoreError::io("hand out content");
    match artifact.form {
        Form::File => return file(&artifact.digest, false, to),
        Form::Executable => return file(&artifact.digest, true, to),
        Form::Folder => {}
    }
    let tree = tree::read(blobs, &artifact.digest)?;
    fs_err::create_dir(to).map_err(&doing)?;
    // A folder sorts before what is in it.
    for (path, entry) in &tree.entries {
        let to = to.join(path);
        match entry {
            Entry::Folder => fs_err::create_dir(&to).map_err(&doing)?,
            Entry::Link { target } => fs_err::os::unix::fs::symlink(target, &to).map_err(&doing)?,
            Entry::File { digest, .. } => file(digest, false, &to)?,
            Entry::Executable { digest, .. } => file(digest, true, &to)?,
        }
    }
    Ok(())
}

fn link(blobs: &Blobs, digest: &Digest, executable: bool, to: &Path, out: &mut HandedOut) -> Result<(), StoreError> {
    let doing = StoreError::io("hand out content");
    let from = blobs.checked(digest)?;
    // A hard link shares the blob's mode, so an executable needs a file of its own.
    if executable {
        return copy(&from, to, 0o555).map_err(doing);
    }
    if blobs.reflink(&from, to) {
        return fs_err::set_permissions(to, Permissions::from_mode(0o444)).map_err(doing);
    }
    match fs_err::hard_link(&from, to) {
        Ok(()) => {
            let meta = fs_err::symlink_metadata(&from).map_err(&doing)?;
            out.links.push((*digest, Stamp::of_content(&meta), to.to_owned()));
            Ok(())
        }
        // Another file system, or too many links to one file.
        Err(_) => copy(&from, to, 0o444).map_err(doing),
    }
}

fn copy(from: &Path, to: &Path, mode: u32) -> io::Result<()> {
    reflink_copy::reflink_or_copy(from, to)?;
    fs_err::set_permissions(to, Permissions::from_mode(mode))
}

/// Finds blobs that were changed through a hard link.
pub(crate) fn check(blobs: &Blobs, handed_out: &HandedOut) -> Result<(), StoreError> {
    let mut altered = None;
    for (digest, before, name) in &handed_out.links {
        let blob = blobs.path(digest);
        // The blob's own name may be gone by now, or name content that was made again, while the link still is what the
        // stage was given; unless the stage used that name for something else.
        let (path, now) = match look(name) {
            Some(now) if (now.device, now.inode) == (before.device, before.inode) => (name, Some(now)),
            _ => (&blob, look(&blob)),
        };
        let is_whole = |path: &Path| hash_file(path).is_ok_and(|found| found == *digest);
        if now != Some(*before) && !is_whole(path) {
            if !is_whole(&blob) {
                blobs.quarantine(digest);
            }
            altered.get_or_insert_with(|| name.file_name().unwrap_or_default().to_string_lossy().into_owned());
        }
    }
    altered.map_or(Ok(()), |name| Err(StoreError::Altered(name)))
}

fn look(path: &Path) -> Option<Stamp> {
    fs_err::symlink_metadata(path).ok().map(|meta| Stamp::of_content(&meta))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::store::local::stamps::Stamps;

    #[test]
    fn a_changed_input_is_found_whatever_became_of_the_blob() {
        for (altered, link_gone, blob_gone, made_again, good) in [
            (false, false, false, false, true),
            (true, false, false, false, false),
            (true, false, true, false, false),
            (true, false, true, true, false),
            (false, false, true, false, true),
            (false, false, true, true, true),
            (false, true, false, false, true),
            (false, true, true, true, true),
            (false, true, true, false, false),
        ] {
            let folder = tempfile::tempdir().unwrap();
            fs_err::create_dir(folder.path().join("attempts")).unwrap();
            let blobs = Blobs::new(folder.path().to_owned(), Arc::new(Mutex::new(Stamps::new("none".into()))));
            let digest = blobs.put_bytes(b"content").unwrap();
            let (blob, link) = (blobs.path(&digest), folder.path().join("link"));
            fs_err::hard_link(&blob, &link).unwrap();
            let handed_out = HandedOut { links: vec![(digest, look(&blob).unwrap(), link.clone())] };
            if altered {
                fs_err::set_permissions(&link, Permissions::from_mode(0o644)).unwrap();
                fs_err::write(&link, "other content").unwrap();
            }
            if link_gone {
                fs_err::remove_file(&link).unwrap();
            }
            if blob_gone {
                fs_err::remove_file(&blob).unwrap();
            }
            if made_again {
                blobs.put_bytes(b"content").unwrap();
            }
            let found = check(&blobs, &handed_out);
            let case = format!("{:?}: {found:?}", (altered, link_gone, blob_gone, made_again));
            assert_eq!(found.is_ok(), good, "{case}");
            assert!(good || matches!(found, Err(StoreError::Altered(_))), "{case}");
            assert_eq!(blob.exists(), made_again || !(altered || blob_gone), "{case}");
        }
    }

    /// What a stage does with the names in its own folder is its own affair.
    #[test]
    fn a_link_may_be_replaced() {
        let folder = tempfile::tempdir().unwrap();
        fs_err::create_dir(folder.path().join("attempts")).unwrap();
        let blobs = Blobs::new(folder.path().to_owned(), Arc::new(Mutex::new(Stamps::new("none".into()))));
        let digest = blobs.put_bytes(b"content").unwrap();
        let (blob, link) = (blobs.path(&digest), folder.path().join("link"));
        fs_err::write(&link, "of the stage itself").unwrap();
        let handed_out = HandedOut { links: vec![(digest, look(&blob).unwrap(), link)] };
        check(&blobs, &handed_out).unwrap();
        assert!(blob.exists());
    }
}

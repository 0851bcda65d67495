//! Content put where a stage or a person reads it.
//!
//! A stage gets reflinks, else read-only hard links, and after it ended it is made sure that it changed nothing: neither
//! content, nor mode, owner, time and extended attributes, which a hard link shares with the blob. A copy of its own would
//! be safer still, but where there are no reflinks a new file costs many times what a link does. A person gets copies.

use std::fs::{Metadata, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::digest::Digest;
use crate::record::{Artifact, Form};
use crate::store::StoreError;
use crate::store::local::attributes::{Attributes, BLOB_MODE};
use crate::store::local::blob::Blobs;
use crate::store::local::hashing::hash_file;
use crate::store::local::stamps::Stamp;
use crate::store::local::tree::{self, Entry};

/// What was handed out as hard links, and what the blobs looked like then.
#[derive(Debug, Default)]
pub struct Materialized {
    links: Vec<Link>,
}

#[derive(Debug)]
struct Link {
    digest: Digest,
    before: Stamp,
    attributes: Attributes,
    /// When the file was made, as the number of an inode serves again; none where the file system does not tell.
    made: Option<SystemTime>,
    name: PathBuf,
}

impl Link {
    fn new(digest: &Digest, (blob, seen): (&Path, &Metadata), name: &Path) -> Self {
        let (before, made) = (Stamp::of_content(seen), seen.created().ok());
        Link { digest: *digest, before, attributes: Attributes::of(blob, seen), made, name: name.to_owned() }
    }
}

pub(crate) fn materialize(blobs: &Blobs, artifact: &Artifact, to: &Path) -> Result<Materialized, StoreError> {
    let mut materialized = Materialized::default();
    place(blobs, artifact, to, &mut |digest, executable, to| link(blobs, digest, executable, to, &mut materialized))?;
    Ok(materialized)
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

fn link(blobs: &Blobs, digest: &Digest, executable: bool, to: &Path, out: &mut Materialized) -> Result<(), StoreError> {
    let doing = StoreError::io("hand out content");
    let (from, seen) = blobs.checked_and_seen(digest)?;
    // A hard link shares the blob's mode, so an executable needs a file of its own.
    if executable {
        return copy(&from, to, 0o555).map_err(doing);
    }
    if blobs.reflink(&from, to) {
        return fs_err::set_permissions(to, Permissions::from_mode(BLOB_MODE)).map_err(doing);
    }
    match fs_err::hard_link(&from, to) {
        Ok(()) => {
            out.links.push(Link::new(digest, (&from, &seen), to));
            Ok(())
        }
        // Another file system, or too many links to one file.
        Err(_) => copy(&from, to, BLOB_MODE).map_err(doing),
    }
}

fn copy(from: &Path, to: &Path, mode: u32) -> io::Result<()> {
    reflink_copy::reflink_or_copy(from, to)?;
    fs_err::set_permissions(to, Permissions::from_mode(mode))
}

/// Finds blobs that were changed through a hard link. What is not content is put back as it was.
pub(crate) fn check(blobs: &Blobs, materialized: &Materialized) -> Result<(), StoreError> {
    let mut altered = None;
    for link in &materialized.links {
        let Some(others) = find_change(blobs, link)? else { continue };
        let input = link.name.file_name().unwrap_or_default().to_string_lossy().into_owned();
        altered.get_or_insert(match others {
            false => StoreError::Altered(input),
            true => StoreError::AlteredBySome(input),
        });
    }
    altered.map_or(Ok(()), Err)
}

/// Whether something was changed through a link, and whether others had one as well.
fn find_change(blobs: &Blobs, link: &Link) -> Result<Option<bool>, StoreError> {
    let Link { digest, before, attributes, made, name } = link;
    let blob = blobs.path(digest);
    let is_given = |now: &Metadata| (now.dev(), now.ino(), now.created().ok()) == (before.device, before.inode, *made);
    // The blob's own name may be gone by now, or name content that was made again, while the link still is what the stage
    // was given; unless the stage used that name for something else.
    let at_name = fs_err::symlink_metadata(name).ok().filter(is_given);
    let path = if at_name.is_some() { name } else { &blob };
    let now = at_name.or_else(|| fs_err::symlink_metadata(&blob).ok());
    let same = now.as_ref().is_some_and(|now| {
        Stamp::of_content(now) == *before && (!is_given(now) || Attributes::of(path, now) == *attributes)
    });
    if same {
        return Ok(None);
    }
    // Besides the blob's name and the one that this stage was given, which it may have moved, there are those of others.
    let others = now.as_ref().is_some_and(|now| is_given(now) && now.nlink() > 2);
    // First of all, as it may not even be readable.
    let put_back = now.as_ref().filter(|now| is_given(now)).map(|_| attributes.put_back(path));
    let is_whole = |path: &Path| hash_file(path).is_ok_and(|found| found == *digest);
    if !is_whole(path) {
        if !is_whole(&blob) {
            blobs.quarantine(digest);
        }
        return Ok(Some(others));
    }
    // Content that was made again is another file; what became of this one is nobody's concern.
    if !fs_err::symlink_metadata(&blob).is_ok_and(|meta| is_given(&meta)) {
        return Ok(None);
    }
    if put_back.is_some_and(|done| done.is_err()) {
        blobs.copy_anew(digest)?;
    }
    Ok(Some(others))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::store::local::stamps::Stamps;

    fn materialized(digest: &Digest, blob: &Path, name: &Path) -> Materialized {
        let seen = fs_err::symlink_metadata(blob).unwrap();
        Materialized { links: vec![Link::new(digest, (blob, &seen), name)] }
    }

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
            let materialized = materialized(&digest, &blob, &link);
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
            let found = check(&blobs, &materialized);
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
        let materialized = materialized(&digest, &blob, &link);
        check(&blobs, &materialized).unwrap();
        assert!(blob.exists());
    }

    /// Two stages are given the same blob, and one of them makes it executable.
    #[test]
    fn the_culprit_is_named_only_where_it_is_known() {
        let folder = tempfile::tempdir().unwrap();
        fs_err::create_dir(folder.path().join("attempts")).unwrap();
        let blobs = Blobs::new(folder.path().to_owned(), Arc::new(Mutex::new(Stamps::new("none".into()))));
        let digest = blobs.put_bytes(b"content").unwrap();
        let blob = blobs.path(&digest);
        let [one, two] = ["one", "two"].map(|name| {
            let name = folder.path().join(name);
            fs_err::hard_link(&blob, &name).unwrap();
            materialized(&digest, &blob, &name)
        });
        fs_err::set_permissions(&one.links[0].name, Permissions::from_mode(0o755)).unwrap();
        assert!(matches!(check(&blobs, &two), Err(StoreError::AlteredBySome(name)) if name == "two"));
        assert!(check(&blobs, &one).is_ok(), "it was put back");
        drop(two);
        fs_err::remove_file(folder.path().join("two")).unwrap();
        fs_err::set_permissions(&one.links[0].name, Permissions::from_mode(0o000)).unwrap();
        assert!(matches!(check(&blobs, &one), Err(StoreError::Altered(name)) if name == "one"));
        assert_eq!(fs_err::metadata(&blob).unwrap().mode() & 0o7777, BLOB_MODE);
        assert!(check(&blobs, &one).is_ok());
        // Attributes that others see as well, where the file system has them.
        if rustix::fs::setxattr(&blob, c"user.note", b"x", rustix::fs::XattrFlags::empty()).is_ok() {
            assert!(matches!(check(&blobs, &one), Err(StoreError::Altered(_))));
            assert!(rustix::fs::getxattr(&blob, c"user.note", &mut [0; 8][..]).is_err());
        }
    }
}

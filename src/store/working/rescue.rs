//! Files of a person that a stage took away: they are looked for where the stage worked, and put back.
//!
//! Stages read such files in place, with the person's own rights, so one may move or remove the only copy of something.
//! Whatever cannot be put back for sure makes the stage's folder precious, and then nobody removes it.

use std::collections::HashMap;
use std::fs::{FileTimes, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::digest::Digest;
use crate::store::local::files::FileInput;
use crate::store::local::hashing::hash_file;
use crate::store::local::stamps::Stamp;
use crate::store::working::layout::is_of_every_stage;

/// What became of files that a stage took away.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// What was put back.
    pub(crate) put_back: Vec<PathBuf>,
    /// Whether the stage's folders may hold what is nowhere else.
    pub(crate) precious: bool,
}

/// Something of a person's, as it was when the stage began.
struct Original<'a> {
    path: &'a Path,
    identity: Identity,
    what: What<'a>,
}

/// Device and inode.
type Identity = (u64, u64);

#[derive(Clone, Copy)]
enum What<'a> {
    Folder,
    Link(&'a Path),
    File(&'a Stamp, &'a Digest),
}

/// What stands at a place now.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stands {
    AsItWas,
    /// A file without content, where there was some.
    Emptied,
    Other,
    Nothing,
}

impl Original<'_> {
    fn stands(&self) -> Stands {
        let meta = match fs_err::symlink_metadata(self.path) {
            Ok(meta) => meta,
            Err(error) if is_gone(&error) => return Stands::Nothing,
            Err(_) => return Stands::Other,
        };
        match self.what {
            What::File(stamp, _) if Stamp::of_content(&meta) == (Stamp { changed: 0, ..*stamp }) => Stands::AsItWas,
            What::File(stamp, _) if meta.is_file() && meta.len() == 0 && stamp.size > 0 => Stands::Emptied,
            What::File(_, digest) if hash_file(self.path).is_ok_and(|now| now == *digest) => Stands::AsItWas,
            What::Folder | What::Link(_) if identity(&meta) == self.identity => Stands::AsItWas,
            What::Link(target) if fs_err::read_link(self.path).is_ok_and(|now| now == target) => Stands::AsItWas,
            What::Folder if meta.is_dir() => Stands::AsItWas,
            _ => Stands::Other,
        }
    }
}

fn identity(meta: &Metadata) -> Identity {
    (meta.dev(), meta.ino())
}

fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// All that belongs to an input, what is around something else before it.
fn originals(input: &FileInput) -> Vec<Original<'_>> {
    let names = input.names.iter().map(|name| {
        let what = name.target.as_deref().map_or(What::Folder, What::Link);
        Original { path: &name.path, identity: (name.device, name.inode), what }
    });
    let files = input.seen.iter().map(|file| {
        let identity = (file.stamp.device, file.stamp.inode);
        Original { path: &file.path, identity, what: What::File(&file.stamp, &file.digest) }
    });
    let mut all: Vec<Original<'_>> = names.chain(files).collect();
    all.sort_by(|a, b| a.path.cmp(b.path));
    all
}

/// Looks for what is gone of these inputs where a stage worked, its attempt's folder and that of its checkpoint, and puts
/// it back where nothing stands.
pub(crate) fn put_back(inputs: &[&FileInput], attempt: &Path, checkpoint: Option<&Path>) -> Found {
    let mut found = Found::default();
    let mut left = None;
    for input in inputs {
        let originals = originals(input);
        if originals.iter().all(|original| original.stands() == Stands::AsItWas) {
            continue;
        }
        let left = left.get_or_insert_with(|| Left::of(attempt, checkpoint));
        let mut copied = false;
        for original in originals.iter().filter(|original| original.stands() == Stands::Nothing) {
            match left.put_back(original) {
                Ok(Some(Way::Moved)) => found.put_back.push(original.path.to_owned()),
                Ok(Some(Way::Copied)) => {
                    copied = true;
                    found.put_back.push(original.path.to_owned());
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!("{} could not be put back: {error}", original.path.display());
                    found.precious = true;
                }
            }
        }
        // A folder may hold more than what counts as the input, such as what git keeps.
        let whole_folder = originals.iter().any(|original| matches!(original.what, What::Folder));
        found.precious |= copied && whole_folder && left.has_substance();
        found.precious |= originals.iter().any(|original| match original.stands() {
            Stands::AsItWas => false,
            Stands::Nothing | Stands::Emptied => left.has_substance(),
            Stands::Other => left.find(original).is_some(),
        });
    }
    found
}

/// How something was put back.
enum Way {
    Moved,
    Copied,
}

/// What a stage left where it worked.
struct Left {
    by_identity: HashMap<Identity, PathBuf>,
    by_size: HashMap<u64, Vec<PathBuf>>,
    links: HashMap<PathBuf, PathBuf>,
    /// What is there for every stage.
    common: Vec<PathBuf>,
}

impl Left {
    fn of(attempt: &Path, checkpoint: Option<&Path>) -> Self {
        let names = fs_err::read_dir(attempt).into_iter().flatten().flatten();
        let common = names.filter(|entry| is_of_every_stage(&entry.file_name().to_string_lossy()));
        let common = common.map(|entry| entry.path()).collect();
        let (by_identity, by_size, links) = (HashMap::new(), HashMap::new(), HashMap::new());
        let mut left = Left { by_identity, by_size, links, common };
        std::iter::once(attempt).chain(checkpoint).for_each(|place| left.add_folder(place));
        left
    }

    fn add_folder(&mut self, folder: &Path) {
        let open = |path: &Path| -> io::Result<fs_err::ReadDir> {
            fs_err::read_dir(path).or_else(|_| {
                let mode = fs_err::symlink_metadata(path)?.permissions().mode() & 0o7777;
                fs_err::set_permissions(path, Permissions::from_mode(mode | 0o500))?;
                fs_err::read_dir(path)
            })
        };
        for entry in open(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let Ok(meta) = fs_err::symlink_metadata(&path) else { continue };
            self.by_identity.insert(identity(&meta), path.clone());
            if meta.is_dir() {
                self.add_folder(&path);
            } else if meta.is_file() {
                self.by_size.entry(meta.len()).or_default().push(path);
            } else if let Ok(target) = fs_err::read_link(&path) {
                self.links.insert(target, path);
            }
        }
    }

    /// Whether there is any content that the stage made or brought here.
    fn has_substance(&self) -> bool {
        let counts = |path: &PathBuf| {
            !self.common.iter().any(|common| path.starts_with(common)) && path.symlink_metadata().is_ok()
        };
        self.by_size.iter().any(|(size, paths)| *size > 0 && paths.iter().any(counts))
    }

    /// The very thing under another name.
    fn moved(&self, original: &Original<'_>) -> Option<&PathBuf> {
        let path = self.by_identity.get(&original.identity)?;
        // A folder around it may have been moved away by now; and a number may serve again for another kind of thing.
        let meta = fs_err::symlink_metadata(path).ok().filter(|meta| identity(meta) == original.identity)?;
        let same = match original.what {
            What::Folder => meta.is_dir(),
            What::Link(target) => fs_err::read_link(path).is_ok_and(|now| now == target),
            What::File(_, digest) => meta.is_file() && hash_file(path).is_ok_and(|now| now == *digest),
        };
        same.then_some(path)
    }

    /// Something with the same content.
    fn equal(&self, original: &Original<'_>) -> Option<&PathBuf> {
        match original.what {
            What::Folder => None,
            What::Link(target) => self.links.get(target),
            What::File(stamp, digest) => {
                let of_size = self.by_size.get(&stamp.size)?;
                of_size.iter().find(|path| hash_file(path).is_ok_and(|now| now == *digest))
            }
        }
    }

    fn find(&self, original: &Original<'_>) -> Option<&PathBuf> {
        self.moved(original).or_else(|| self.equal(original))
    }

    fn put_back(&self, original: &Original<'_>) -> io::Result<Option<Way>> {
        let around = original.path.parent().unwrap_or(Path::new("/"));
        if let Some(path) = self.moved(original) {
            fs_err::create_dir_all(around)?;
            return move_to(path, original.path).map(|()| Some(Way::Moved));
        }
        let Some(path) = self.equal(original) else { return Ok(None) };
        fs_err::create_dir_all(around)?;
        match original.what {
            What::Link(target) => fs_err::os::unix::fs::symlink(target, original.path)?,
            What::File(_, digest) => {
                copy_to(path, original.path, digest)?;
                // What stands where it belongs needs no second copy.
                let _ = fs_err::remove_file(path);
            }
            What::Folder => return Ok(None),
        }
        Ok(Some(Way::Copied))
    }
}

/// Moves something to a place where nothing stands.
fn move_to(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_vendor = "apple"))]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        use rustix::io::Errno;
        match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            // Not all file systems know of it.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
            done => return done.map_err(io::Error::from),
        }
    }
    if fs_err::symlink_metadata(to).is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    fs_err::rename(from, to)
}

/// Copies a file, with its mode and time, to a place where nothing stands; in one step, as others may look for it.
fn copy_to(from: &Path, to: &Path, digest: &Digest) -> io::Result<()> {
    let meta = fs_err::metadata(from)?;
    let mut new = tempfile::Builder::new().prefix(".nnf-").tempfile_in(to.parent().unwrap_or(Path::new("/")))?;
    io::copy(&mut fs_err::File::open(from)?, &mut new)?;
    new.as_file().set_times(FileTimes::new().set_modified(meta.modified()?))?;
    new.as_file().set_permissions(Permissions::from_mode(meta.mode() & 0o7777))?;
    if hash_file(new.path())? != *digest {
        return Err(io::Error::other("it changed while it was copied"));
    }
    new.persist_noclobber(to).map(drop).map_err(|error| error.error)
}

//! Files and folders outside the store: their digests, and whether they changed while a stage ran.

use std::cell::RefCell;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::mutex::lock;
use crate::record::Form;
use crate::store::StoreError;
use crate::store::local::hashing::hash_file;
use crate::store::local::stamps::{Stamp, Stamps};
use crate::store::local::tree::{self, Tree, Walk};

/// What a file or folder held when it was looked at.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FileInput {
    /// The path, as it was given.
    pub path: PathBuf,
    /// Digest of the file, or of the tree document of the folder.
    pub digest: Digest,
    /// File or folder.
    pub form: Form,
    /// What each file of it looks like, and what it holds.
    pub(crate) seen: Vec<Seen>,
    /// Its own name, and the folders and links in it.
    pub(crate) names: Vec<Name>,
    /// Whether every file had rested when it was hashed, so that a later change cannot have the same look.
    rested: bool,
}

impl FileInput {
    /// Whether it still is the same: no file of it was changed, replaced, added or removed.
    #[must_use]
    pub fn is_unchanged(&self, now: &FileInput) -> bool {
        (&self.path, self.digest, self.form) == (&now.path, now.digest, now.form)
            && self.seen.len() == now.seen.len()
            && self.seen.iter().zip(&now.seen).all(|(before, now)| before.is_unchanged(now))
    }

    /// What lies in it and does not count, because git keeps it there.
    pub(crate) fn left_out(&self) -> impl Iterator<Item = &Path> {
        let inside = self.names.iter().map(|name| name.path.as_path()).filter(|path| *path != self.path);
        inside.filter(|path| is_of_git(path))
    }

    pub(crate) fn had_rested(&self) -> bool {
        self.rested
    }
}

/// A folder or a link, by which it is known again wherever it was moved.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Name {
    pub(crate) path: PathBuf,
    pub(crate) device: u64,
    pub(crate) inode: u64,
    /// Where it leads, if it is a link.
    pub(crate) target: Option<PathBuf>,
}

impl Name {
    fn new(path: &Path, meta: &Metadata, target: Option<PathBuf>) -> Self {
        Name { path: path.to_owned(), device: meta.dev(), inode: meta.ino(), target }
    }
}

/// A file of an input.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Seen {
    pub(crate) path: PathBuf,
    pub(crate) stamp: Stamp,
    pub(crate) digest: Digest,
    /// Names that it has, its mode, and its owner and group: what can be changed without a look into it.
    links: u64,
    mode: u32,
    owner: (u32, u32),
}

impl Seen {
    fn new(path: &Path, meta: &Metadata, digest: Digest) -> Self {
        let (links, mode, owner) = (meta.nlink(), meta.mode(), (meta.uid(), meta.gid()));
        Seen { path: path.to_owned(), stamp: Stamp::of(meta), digest, links, mode, owner }
    }

    /// Its time of change also changes when somebody links it, as another store does with content of its own, or changes
    /// its mode or owner. Then its content, which was looked at again, decides. Where nothing explains the time, content
    /// may have been other for a while.
    fn is_unchanged(&self, now: &Seen) -> bool {
        let content = |seen: &Seen| Stamp { changed: 0, ..seen.stamp };
        let explained = self.stamp == now.stamp
            || (self.links, self.mode, self.owner) != (now.links, now.mode, now.owner)
            || self.mode & 0o222 == 0;
        self.path == now.path && self.digest == now.digest && content(self) == content(now) && explained
    }
}

/// What takes a file: it gives back what it is, and whether its look can be trusted.
type Take<'a> = dyn FnMut(&Path) -> Result<(Seen, bool), StoreError> + 'a;

/// Looks at a file or folder. A file is hashed only if it does not look as it did when it was hashed last.
pub(crate) fn digest(path: &Path, store: &Path, stamps: &Mutex<Stamps>) -> Result<FileInput, StoreError> {
    // It lies outside the store, so the store is not what failed.
    look(path, store, &mut |path| file(path, stamps)).map_err(|error| match error {
        StoreError::Io { source, .. } => {
            let why = match source.kind() {
                std::io::ErrorKind::NotFound => "it, or something in it, is not there any more".to_owned(),
                _ => source.to_string(),
            };
            StoreError::Input { name: None, path: path.to_owned(), why }
        }
        StoreError::Unfit { path: inner, why } if Path::new(&inner) == path => {
            StoreError::Input { name: None, path: path.to_owned(), why }
        }
        StoreError::Unfit { path: inner, why } => {
            let why = format!("`{inner}` in it cannot be part of an input: {why}; change it, or move it elsewhere");
            StoreError::Input { name: None, path: path.to_owned(), why }
        }
        error => error,
    })
}

/// The digest alone. A file is known by the path as it was given, wherever links on it lead.
pub(crate) fn digest_alone(path: &Path, store: &Path, stamps: &Mutex<Stamps>) -> Result<Digest, StoreError> {
    let looked = SystemTime::now();
    let stamp = Stamp::of_path(path);
    if let Some(known) = stamp.and_then(|stamp| lock(stamps).get(path, &stamp)) {
        return Ok(known);
    }
    let found = digest(path, store, stamps)?;
    if let [seen] = found.seen.as_slice()
        && found.form != Form::Folder
        && stamp == Some(seen.stamp)
    {
        lock(stamps).set(path, seen.stamp, found.digest, looked);
    }
    Ok(found.digest)
}

/// Whether a file or folder looks as it did. Nothing is hashed.
pub(crate) fn looks_the_same(before: &FileInput, store: &Path) -> bool {
    let now = look(&before.path, store, &mut |path| {
        let meta = std::fs::metadata(path);
        let known = before.seen.binary_search_by(|known| known.path.as_path().cmp(path)).map(|at| &before.seen[at]);
        match (known, meta) {
            (Ok(known), Ok(meta)) if known.stamp == Stamp::of(&meta) => Ok((known.clone(), true)),
            _ => Err(StoreError::unfit(path.display().to_string(), "it was changed")),
        }
    });
    now.is_ok_and(|now| before.is_unchanged(&now))
}

fn look(path: &Path, store: &Path, take: &mut Take<'_>) -> Result<FileInput, StoreError> {
    let doing = StoreError::io("read an input");
    let real = fs_err::canonicalize(path).map_err(&doing)?;
    let own = fs_err::symlink_metadata(path).map_err(&doing)?;
    let meta = if own.is_symlink() { fs_err::metadata(&real).map_err(&doing)? } else { own.clone() };
    let target = own.is_symlink().then(|| fs_err::read_link(path)).transpose().map_err(&doing)?;
    if meta.is_file() {
        let (seen, rested) = take(&real)?;
        let digest = seen.digest;
        let form = if tree::is_executable(&meta) { Form::Executable } else { Form::File };
        let names = target.map(|target| Name::new(path, &own, Some(target))).into_iter().collect();
        return Ok(FileInput { path: path.to_owned(), digest, form, seen: vec![seen], names, rested });
    }
    if !meta.is_dir() {
        let what = "it is a device, a pipe or a socket; an input is a file or a folder";
        return Err(StoreError::unfit(path.display().to_string(), what));
    }
    let (mut seen, names, mut all_rested) = (Vec::new(), RefCell::new(vec![Name::new(path, &own, target)]), true);
    let note = |path: &Path, meta: &Metadata, target: Option<&Path>| {
        names.borrow_mut().push(Name::new(path, meta, target.map(Path::to_owned)));
    };
    let mut tree = Tree { version: 1, ..Tree::default() };
    let mut walk = Walk {
        leave_out: &|path, meta| {
            let out = is_left_out(path, meta, store);
            // Its content does not count, but it is the person's as well.
            if out && is_of_git(path) {
                note(path, meta, None);
            }
            out
        },
        take: &mut |path| {
            let (file, rested) = take(path)?;
            let found = (file.digest, file.stamp.size);
            seen.push(file);
            all_rested &= rested;
            Ok(found)
        },
        note: &mut |path, meta, target| note(path, meta, target),
    };
    tree::walk(&real, "", &mut walk, &mut tree)?;
    seen.sort_by(|a, b| a.path.cmp(&b.path));
    let digest = Digest::of(&tree.to_bytes());
    Ok(FileInput {
        path: path.to_owned(),
        digest,
        form: Form::Folder,
        seen,
        names: names.into_inner(),
        rested: all_rested,
    })
}

/// Whether something in a folder is no part of it as an input: the store, and what git keeps, which in a worktree or a
/// submodule is a file.
pub(crate) fn is_left_out(path: &Path, meta: &Metadata, store: &Path) -> bool {
    is_of_git(path) || path == store || meta.is_symlink() && fs_err::canonicalize(path).is_ok_and(|real| real == store)
}

fn is_of_git(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == ".git")
}

/// How often a file that changes while it is read is read again: what changed may be its number of names.
const READINGS: u32 = 3;

fn file(path: &Path, stamps: &Mutex<Stamps>) -> Result<(Seen, bool), StoreError> {
    let doing = StoreError::io("read an input");
    for _ in 0..READINGS {
        let looked = SystemTime::now();
        let meta = fs_err::metadata(path).map_err(&doing)?;
        let stamp = Stamp::of(&meta);
        if let Some(digest) = lock(stamps).get(path, &stamp) {
            return Ok((Seen::new(path, &meta, digest), true));
        }
        let digest = hash_file(path).map_err(&doing)?;
        if Stamp::of(&fs_err::metadata(path).map_err(&doing)?) == stamp {
            let rested = lock(stamps).set(path, stamp, digest, looked);
            return Ok((Seen::new(path, &meta, digest), rested));
        }
    }
    Err(StoreError::unfit(path.display().to_string(), "it was changed while it was read"))
}

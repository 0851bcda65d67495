//! Files and folders outside the store: their digests, and whether they changed while a stage ran.
//!
//! It does not know whether they may be read; the pipeline has checked that.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::record::Form;
use crate::store::local::hashing::hash_file;
use crate::store::local::stamps::{Stamp, Stamps};
use crate::store::local::tree::{self, Tree};
use crate::store::{StoreError, lock};

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
    seen: Vec<(PathBuf, Stamp, Digest)>,
    /// Whether every file had rested when it was hashed, so that a later change cannot have the same look.
    rested: bool,
}

impl FileInput {
    /// Whether it still looks the same: no file of it was changed, replaced, added or removed.
    #[must_use]
    pub fn is_unchanged(&self, now: &FileInput) -> bool {
        (&self.path, self.digest, self.form, &self.seen) == (&now.path, now.digest, now.form, &now.seen)
    }

    pub(crate) fn had_rested(&self) -> bool {
        self.rested
    }
}

/// What takes a file: it gives back its look, its digest, and whether the look can be trusted.
type Take<'a> = dyn FnMut(&Path) -> Result<(Stamp, Digest, bool), StoreError> + 'a;

/// Looks at a file or folder. A file is hashed only if it does not look as it did when it was hashed last.
pub(crate) fn digest(path: &Path, store: &Path, stamps: &Mutex<Stamps>) -> Result<FileInput, StoreError> {
    // It lies outside the store, so the store is not what failed.
    look(path, store, &mut |path| file(path, stamps)).map_err(|error| match error {
        StoreError::Io { source, .. } => {
            let why = match source.kind() {
                std::io::ErrorKind::NotFound => "it, or something in it, is not there any more".to_owned(),
                _ => source.to_string(),
            };
            StoreError::Input { path: path.to_owned(), why }
        }
        error => error,
    })
}

/// Whether a file or folder looks as it did. Nothing is hashed.
pub(crate) fn looks_the_same(before: &FileInput, store: &Path) -> bool {
    let now = look(&before.path, store, &mut |path| {
        let stamp = Stamp::of_path(path);
        let known = before.seen.binary_search_by(|(known, ..)| known.as_path().cmp(path)).map(|at| &before.seen[at]);
        match (known, stamp) {
            (Ok((_, known, digest)), Some(stamp)) if *known == stamp => Ok((stamp, *digest, true)),
            _ => Err(StoreError::unfit(path.display().to_string(), "it was changed")),
        }
    });
    now.is_ok_and(|now| before.is_unchanged(&now))
}

fn look(path: &Path, store: &Path, take: &mut Take<'_>) -> Result<FileInput, StoreError> {
    let doing = StoreError::io("read an input");
    let real = fs_err::canonicalize(path).map_err(&doing)?;
    let meta = fs_err::metadata(&real).map_err(&doing)?;
    if meta.is_file() {
        let (stamp, digest, rested) = take(&real)?;
        let form = if tree::is_executable(&meta) { Form::Executable } else { Form::File };
        return Ok(FileInput { path: path.to_owned(), digest, form, seen: vec![(real, stamp, digest)], rested });
    }
    if !meta.is_dir() {
        return Err(StoreError::unfit(path.display().to_string(), "an input is a file or a folder"));
    }
    let (mut seen, mut all_rested) = (Vec::new(), true);
    let git = real.join(".git");
    let mut tree = Tree { version: 1, ..Tree::default() };
    tree::walk(&real, "", &[store, &git], &mut tree, &mut |path| {
        let (stamp, digest, rested) = take(path)?;
        seen.push((path.to_owned(), stamp, digest));
        all_rested &= rested;
        Ok((digest, stamp.size))
    })?;
    seen.sort_by(|a, b| a.0.cmp(&b.0));
    let digest = Digest::of(&tree.to_bytes());
    Ok(FileInput { path: path.to_owned(), digest, form: Form::Folder, seen, rested: all_rested })
}

fn file(path: &Path, stamps: &Mutex<Stamps>) -> Result<(Stamp, Digest, bool), StoreError> {
    let doing = StoreError::io("read an input");
    let look = || fs_err::metadata(path).map(|meta| Stamp::of(&meta)).map_err(&doing);
    let looked = SystemTime::now();
    let stamp = look()?;
    if let Some(digest) = lock(stamps).get(path, &stamp) {
        return Ok((stamp, digest, true));
    }
    let digest = hash_file(path).map_err(&doing)?;
    if look()? != stamp {
        return Err(StoreError::unfit(path.display().to_string(), "it was changed while it was read"));
    }
    let rested = lock(stamps).set(path, stamp, digest, looked);
    Ok((stamp, digest, rested))
}

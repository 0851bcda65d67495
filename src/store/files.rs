//! Files and folders outside the store: their digests, and whether they changed while a stage ran.
//!
//! It does not know whether they may be read; the pipeline has checked that.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crate::digest::Digest;
use crate::record::Form;
use crate::store::stamps::{Stamp, Stamps};
use crate::store::tree::{self, Tree};
use crate::store::{StoreError, blob, lock};

/// What a file or folder held when it was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileInput {
    /// The path, as it was given.
    pub path: PathBuf,
    /// Digest of the file, or of the tree document of the folder.
    pub digest: Digest,
    /// File or folder.
    pub form: Form,
    /// What each file of it looks like.
    stamps: Vec<(PathBuf, Stamp)>,
}

impl FileInput {
    /// Whether it still looks the same: no file of it was changed, replaced, added or removed.
    #[must_use]
    pub fn is_unchanged(&self, now: &FileInput) -> bool {
        self == now
    }
}

pub(crate) fn digest(path: &Path, store: &Path, stamps: &Mutex<Stamps>) -> Result<FileInput, StoreError> {
    // It lies outside the store, so the store is not what failed.
    look(path, store, stamps).map_err(|error| match error {
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

fn look(path: &Path, store: &Path, stamps: &Mutex<Stamps>) -> Result<FileInput, StoreError> {
    let doing = StoreError::io("read an input");
    let real = fs_err::canonicalize(path).map_err(&doing)?;
    let meta = fs_err::metadata(&real).map_err(&doing)?;
    let mut seen = Vec::new();
    if meta.is_file() {
        let (digest, _) = file(&real, stamps, &mut seen)?;
        let form = if tree::is_executable(&meta) { Form::Executable } else { Form::File };
        return Ok(FileInput { path: path.to_owned(), digest, form, stamps: seen });
    }
    if !meta.is_dir() {
        return Err(StoreError::unfit(path.display().to_string(), "an input is a file or a folder"));
    }
    let git = real.join(".git");
    let mut tree = Tree { version: 1, ..Tree::default() };
    tree::walk(&real, "", &[store, &git], &mut tree, &mut |path| file(path, stamps, &mut seen))?;
    seen.sort_by(|a, b| a.0.cmp(&b.0));
    let digest = Digest::of(&tree.to_bytes());
    Ok(FileInput { path: path.to_owned(), digest, form: Form::Folder, stamps: seen })
}

/// Digest and size of one file. It is hashed only if it does not look as it did when it was hashed last.
fn file(path: &Path, stamps: &Mutex<Stamps>, seen: &mut Vec<(PathBuf, Stamp)>) -> Result<(Digest, u64), StoreError> {
    let doing = StoreError::io("read an input");
    let look = || fs_err::metadata(path).map(|meta| Stamp::of(&meta)).map_err(&doing);
    let stamp = look()?;
    let known = lock(stamps).get(path, &stamp);
    let digest = match known {
        Some(digest) => digest,
        None => {
            let digest = blob::hash_file(path).map_err(&doing)?;
            if look()? != stamp {
                return Err(StoreError::unfit(path.display().to_string(), "it was changed while it was read"));
            }
            lock(stamps).set(path, stamp, digest);
            digest
        }
    };
    seen.push((path.to_owned(), stamp));
    Ok((digest, stamp.size))
}

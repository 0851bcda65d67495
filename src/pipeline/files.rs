//! Paths that a pipeline names: where they lead, and whether they may be read.
//!
//! It looks at names and links only; contents are read when a stage's key is made. What it saw is kept, so that a
//! pipeline that was checked before needs no check while all of it still looks the same.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::diagnostic::{Diagnostic, Place};

/// All that was asked of the file system about names.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Sights {
    /// Where paths lead, links resolved; none if nowhere.
    real: RefCell<BTreeMap<PathBuf, Option<PathBuf>>>,
    /// Whether paths are files.
    file: RefCell<BTreeMap<PathBuf, bool>>,
}

impl Sights {
    /// Where a path leads, links resolved.
    pub(crate) fn real(&self, path: &Path) -> io::Result<PathBuf> {
        if let Some(Some(real)) = self.real.borrow().get(path) {
            return Ok(real.clone());
        }
        let real = fs_err::canonicalize(path);
        self.real.borrow_mut().insert(path.to_owned(), real.as_ref().ok().cloned());
        real
    }

    /// Whether a path is a file.
    pub(crate) fn is_file(&self, path: &Path) -> bool {
        *self.file.borrow_mut().entry(path.to_owned()).or_insert_with(|| path.is_file())
    }

    /// Whether all would be seen again.
    pub(crate) fn hold(&self) -> bool {
        self.real.borrow().iter().all(|(path, real)| std::fs::canonicalize(path).ok() == *real)
            && self.file.borrow().iter().all(|(path, is_file)| path.is_file() == *is_file)
    }
}

/// The folders from which a pipeline may read.
#[derive(Debug)]
pub(crate) struct Reach {
    /// The root, links resolved.
    pub(crate) root: PathBuf,
    /// Further folders, links resolved.
    pub(crate) allow: Vec<PathBuf>,
    /// What was seen on the way.
    pub(crate) sights: Sights,
}

impl Reach {
    /// The absolute path of a written one, once it is sure that it exists and may be read.
    pub(crate) fn resolve(&self, written: &str, place: &Place) -> Result<PathBuf, Box<Diagnostic>> {
        let path = plain(&self.root.join(written));
        let real = self.sights.real(&path).map_err(|error| {
            let why = match error.kind() {
                std::io::ErrorKind::NotFound => format!("there is no file `{written}`"),
                _ => error.to_string(),
            };
            let hint = format!("relative paths begin at the pipeline's root, {}", self.root.display());
            Box::new(Diagnostic::new(why).at(place).hint(hint))
        })?;
        if real.starts_with(&self.root) || self.allow.iter().any(|folder| real.starts_with(folder)) {
            return Ok(path);
        }
        let message = format!("`{written}` lies outside the pipeline's root, {}", self.root.display());
        let folder = real.parent().unwrap_or(&real).display().to_string();
        Err(Box::new(Diagnostic::new(message).at(place).hint(format!("name its folder under `allow: [{folder}]`"))))
    }
}

/// A path without `.` and `..`, links not followed.
pub(crate) fn plain(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            part => out.push(part),
        }
    }
    out
}

//! Paths that a pipeline names: where they lead, and whether they may be read.
//!
//! It looks at names and links only; contents are read when a stage's key is made. What it saw is kept, so that a
//! pipeline that was checked before needs no check while all of it still looks the same.

use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use crate::diagnostic::{Diagnostic, Place};
use crate::mutex::lock;

/// All that was asked of the file system about names.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct FsFacts {
    /// Where paths lead, links resolved; none if nowhere.
    real: Mutex<BTreeMap<PathBuf, Option<PathBuf>>>,
    /// What paths are, links resolved.
    kinds: Mutex<BTreeMap<PathBuf, Option<Kind>>>,
}

/// What there is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    File,
    Folder,
}

impl Kind {
    fn of(path: &Path) -> Option<Self> {
        let meta = std::fs::metadata(path).ok()?;
        match (meta.is_file(), meta.is_dir()) {
            (true, _) => Some(Kind::File),
            (_, true) => Some(Kind::Folder),
            _ => None,
        }
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Kind::File => "file",
            Kind::Folder => "folder",
        }
    }
}

impl FsFacts {
    /// Where a path leads, links resolved.
    pub(crate) fn real(&self, path: &Path) -> io::Result<PathBuf> {
        if let Some(Some(real)) = lock(&self.real).get(path) {
            return Ok(real.clone());
        }
        let real = fs_err::canonicalize(path);
        lock(&self.real).insert(path.to_owned(), real.as_ref().ok().cloned());
        real
    }

    /// What there is at a path, if it is a file or a folder.
    pub(crate) fn kind(&self, path: &Path) -> Option<Kind> {
        *lock(&self.kinds).entry(path.to_owned()).or_insert_with(|| Kind::of(path))
    }

    /// Whether all would be seen again.
    pub(crate) fn hold(&self) -> bool {
        lock(&self.real).iter().all(|(path, real)| std::fs::canonicalize(path).ok() == *real)
            && lock(&self.kinds).iter().all(|(path, kind)| Kind::of(path) == *kind)
    }
}

/// The folders from which a pipeline may read.
#[derive(Debug)]
pub(crate) struct AllowedRoots {
    /// The root, links resolved.
    pub(crate) root: PathBuf,
    /// Further folders, links resolved.
    pub(crate) allow: Vec<PathBuf>,
    /// What was seen on the way.
    pub(crate) facts: FsFacts,
}

impl AllowedRoots {
    /// Whether file names that differ in case alone are one, where the root lies.
    pub(crate) fn folds_case(&self) -> bool {
        use std::os::unix::fs::MetadataExt;
        let swapped = |c: char| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
        let has_case = |folder: &&Path| {
            let name = folder.file_name().map(|name| name.to_string_lossy().into_owned());
            name.is_some_and(|name| name.contains(|c: char| c.is_ascii_alphabetic()))
        };
        let Some(folder) = self.root.ancestors().find(has_case) else { return false };
        let name: String = folder.file_name().unwrap_or_default().to_string_lossy().chars().map(swapped).collect();
        let look = |path: &Path| std::fs::symlink_metadata(path).ok().map(|meta| (meta.dev(), meta.ino()));
        look(folder).is_some_and(|own| look(&folder.with_file_name(name)) == Some(own))
    }

    /// The absolute path of a written one, once it is sure that it exists and may be read.
    pub(crate) fn resolve(&self, written: &str, place: &Place) -> Result<PathBuf, Box<Diagnostic>> {
        let path = plain(&self.root.join(written));
        let real = self.facts.real(&path).map_err(|error| {
            let why = match error.kind() {
                std::io::ErrorKind::NotFound => format!("there is no file `{written}`"),
                _ => error.to_string(),
            };
            let hint = format!("relative paths begin at the pipeline's root, {}", self.root.display());
            Box::new(Diagnostic::new(why).at(place).hint(hint))
        })?;
        if self.holds(&real) { Ok(path) } else { Err(Box::new(self.outside(written, &real, place))) }
    }

    /// Whether a path, links resolved, may be read.
    pub(crate) fn holds(&self, real: &Path) -> bool {
        real.starts_with(&self.root) || self.allow.iter().any(|folder| real.starts_with(folder))
    }

    /// That a path leads elsewhere.
    pub(crate) fn outside(&self, written: &str, real: &Path, place: &Place) -> Diagnostic {
        let message = format!("`{written}` lies outside the pipeline's root, {}", self.root.display());
        let folder = real.parent().unwrap_or(real).display().to_string();
        Diagnostic::new(message).at(place).hint(format!("name its folder under `allow: [{folder}]`"))
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

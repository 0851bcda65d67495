//! Paths that a pipeline names: where they lead, and whether they may be read.
//!
//! It looks at names and links only; contents are read when a stage's key is made.

use std::path::{Component, Path, PathBuf};

use crate::diagnostic::{Diagnostic, Place};

/// The folders from which a pipeline may read.
#[derive(Clone, Debug)]
pub(crate) struct Reach {
    /// The root, links resolved.
    pub(crate) root: PathBuf,
    /// Further folders, links resolved.
    pub(crate) allow: Vec<PathBuf>,
}

impl Reach {
    /// The absolute path of a written one, once it is sure that it exists and may be read.
    pub(crate) fn resolve(&self, written: &str, place: &Place) -> Result<PathBuf, Box<Diagnostic>> {
        let path = plain(&self.root.join(written));
        let real = fs_err::canonicalize(&path).map_err(|error| {
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

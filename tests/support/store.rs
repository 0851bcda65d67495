//! Files of a project's store, and ways to spoil them.
//!
//! It does not know what the engine makes of that.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::support::Project;

/// The content behind a link under `latest`.
pub(crate) fn blob(project: &Project, result: &str) -> PathBuf {
    project.path("artifacts/latest/pipeline").join(result).canonicalize().unwrap()
}

/// Writes other bytes of the same length over a file that is read-only.
pub(crate) fn damage(path: &Path) {
    let length = fs_err::metadata(path).unwrap().len();
    fs_err::set_permissions(path, PermissionsExt::from_mode(0o644)).unwrap();
    fs_err::write(path, vec![b'#'; usize::try_from(length).unwrap()]).unwrap();
}

/// All files below a folder, sorted. Links are not followed.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs_err::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let real = |path: &Path| path.is_dir() && !path.is_symlink();
    paths.into_iter().flat_map(|path| if real(&path) { files(&path) } else { vec![path] }).collect()
}

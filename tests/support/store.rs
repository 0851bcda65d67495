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

//! Files of a project's store.

use std::path::PathBuf;

use crate::support::Project;

/// The content behind a link under `latest`.
pub(crate) fn blob(project: &Project, result: &str) -> PathBuf {
    project.path("artifacts/latest/pipeline").join(result).canonicalize().unwrap()
}

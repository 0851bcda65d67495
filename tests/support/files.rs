//! What lies in a folder.

use std::path::{Path, PathBuf};

/// All files below a folder, sorted. Links are not followed.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs_err::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let real = |path: &Path| path.is_dir() && !path.is_symlink();
    paths.into_iter().flat_map(|path| if real(&path) { files(&path) } else { vec![path] }).collect()
}

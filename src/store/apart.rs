//! Whether a path leads into a store, whatever it is called: a remote tier there would be the local one under another
//! name, and what is removed here because it is there would be lost.
//!
//! Paths are compared by where they really lead, and by device and inode, since a folder may be mounted at two places.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Folders that only a local tier has, and all of which it has.
const OF_A_LOCAL_TIER: [&str; 3] = ["attempts", "index/v1", "records/v1"];
/// Folders of a local tier that may be mounted by themselves.
const WITHIN: [&str; 6] = ["blobs", "blobs/v1", "records", "records/v1", "heads", "heads/v1"];

/// Why a folder cannot be the remote tier of the store at `root`, which is a real path.
pub(crate) fn why_not(root: &Path, remote: &Path) -> Option<String> {
    let (root_shown, remote) = (root.display(), real(remote));
    if is_same(root, &remote) {
        return Some(format!("it is the local store itself, {root_shown}"));
    }
    if holds(root, &remote) {
        return Some(format!("it lies within the local store, {root_shown}"));
    }
    if holds(&remote, root) {
        return Some(format!("the local store, {root_shown}, lies within it"));
    }
    let other = remote.ancestors().find(|folder| OF_A_LOCAL_TIER.iter().all(|part| folder.join(part).is_dir()))?;
    Some(format!(
        "{} is the local store of another project, which removes from it what it does not need",
        other.display()
    ))
}

/// Whether a path is a folder, or lies within it; `folder` is a real path.
pub(crate) fn holds(folder: &Path, path: &Path) -> bool {
    let path = real(path);
    let itself: BTreeSet<_> = std::iter::once(folder.to_owned())
        .chain(WITHIN.iter().filter(|_| is_local_tier(folder)).map(|part| folder.join(part)))
        .filter_map(|folder| identity(&folder))
        .collect();
    path.starts_with(folder) || path.ancestors().filter_map(identity).any(|found| itself.contains(&found))
}

fn is_local_tier(folder: &Path) -> bool {
    OF_A_LOCAL_TIER.iter().all(|part| folder.join(part).is_dir())
}

fn is_same(one: &Path, other: &Path) -> bool {
    one == other || identity(one).is_some_and(|one| identity(other) == Some(one))
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    fs_err::metadata(path).ok().map(|meta| (meta.dev(), meta.ino()))
}

/// Where a path really leads, as far as it is there.
fn real(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    for there in path.ancestors() {
        if let Ok(real) = fs_err::canonicalize(there) {
            let rest = path.strip_prefix(there).unwrap_or(Path::new(""));
            return if rest.as_os_str().is_empty() { real } else { real.join(rest) };
        }
    }
    path
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_store_is_no_remote_tier_of_itself_by_any_name() {
        let folder = tempfile::tempdir().unwrap();
        let here = fs_err::canonicalize(folder.path()).unwrap();
        let root = here.join("project/artifacts");
        for part in ["blobs/v1", "records/v1", "index/v1", "attempts", "heads/v1"] {
            fs_err::create_dir_all(root.join(part)).unwrap();
            fs_err::create_dir_all(here.join("other/artifacts").join(part)).unwrap();
        }
        fs_err::create_dir_all(here.join("remote")).unwrap();
        let link = |to: &str, name: &str| fs_err::os::unix::fs::symlink(here.join(to), here.join(name)).unwrap();
        link("project/artifacts", "one");
        link("project", "two");
        link("project/artifacts/blobs", "three");
        link("remote", "four");
        for (remote, why) in [
            ("project/artifacts", "itself"),
            ("project/artifacts/", "itself"),
            ("project/../project/artifacts", "itself"),
            ("one", "itself"),
            ("two/artifacts", "itself"),
            ("project/artifacts/remote", "within the local"),
            ("project/artifacts/not/there", "within the local"),
            ("one/runs", "within the local"),
            ("three", "within the local"),
            ("three/v1/x", "within the local"),
            ("project", "within it"),
            ("two", "within it"),
            (".", "within it"),
            ("/", "within it"),
            ("other/artifacts", "another project"),
            ("other/artifacts/remote", "another project"),
        ] {
            let found = why_not(&root, &here.join(remote));
            assert!(found.as_ref().is_some_and(|found| found.contains(why)), "{remote}: {found:?}");
        }
        for remote in ["remote", "four", "project/remote", "project/artifacts2", "other/remote", "not/there"] {
            assert_eq!(why_not(&root, &here.join(remote)), None, "{remote}");
        }
    }
}

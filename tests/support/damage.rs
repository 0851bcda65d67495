//! Ways to spoil a file of a store.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Writes other bytes of the same length over a file that is read-only.
pub(crate) fn damage(path: &Path) {
    let length = fs_err::metadata(path).unwrap().len();
    fs_err::set_permissions(path, PermissionsExt::from_mode(0o644)).unwrap();
    fs_err::write(path, vec![b'#'; usize::try_from(length).unwrap()]).unwrap();
}

//! What lies in the folder of photos. Links to folders are not followed, and no link leads out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Folders lie no deeper in each other, and there are no more files.
const DEEPEST: usize = 64;
const MOST: usize = 2_000_000;

#[derive(Debug, thiserror::Error)]
pub(crate) enum FolderError {
    #[error("{0}: it is no folder")]
    NoFolder(String),
    #[error("{0}: it has more than {MOST} files, or folders more than {DEEPEST} deep; name a smaller folder")]
    Large(String),
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

/// Names within the folder, with `/` between folders. Hidden files and folders, whose names begin with a dot, are none.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    pub(crate) files: BTreeSet<String>,
    pub(crate) folders: BTreeSet<String>,
    /// What is no file to be read, and why.
    pub(crate) unreadable: BTreeMap<String, &'static str>,
    /// Names that are no UTF-8, as well as they can be shown; no table can name them.
    pub(crate) nameless: Vec<String>,
}

pub(crate) fn list(folder: &Path) -> Result<Listing, FolderError> {
    if !folder.is_dir() {
        return Err(FolderError::NoFolder(folder.display().to_string()));
    }
    let root = fs_err::canonicalize(folder)?;
    let mut listing = Listing::default();
    let mut open = vec![(root.clone(), String::new(), 0)];
    while let Some((path, prefix, depth)) = open.pop() {
        for entry in fs_err::read_dir(&path)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else {
                listing.nameless.push(format!("{prefix}{}", entry.file_name().to_string_lossy()));
                continue;
            };
            if name.starts_with('.') {
                continue;
            }
            let name = format!("{prefix}{name}");
            let kind = entry.file_type()?;
            match () {
                () if kind.is_dir() => {
                    open.push((entry.path(), format!("{name}/"), depth + 1));
                    listing.folders.insert(name);
                }
                () if kind.is_file() => drop(listing.files.insert(name)),
                () if kind.is_symlink() => match link(&root, &entry.path()) {
                    Ok(()) => drop(listing.files.insert(name)),
                    Err(why) => drop(listing.unreadable.insert(name, why)),
                },
                () => drop(listing.unreadable.insert(name, "it is a pipe, a socket or a device")),
            }
            if listing.files.len() > MOST || depth > DEEPEST {
                return Err(FolderError::Large(folder.display().to_string()));
            }
        }
    }
    listing.nameless.sort_unstable();
    Ok(listing)
}

/// A link is as good as a file if one within the folder is at its end.
fn link(root: &Path, path: &Path) -> Result<(), &'static str> {
    let Ok(end) = path.canonicalize() else { return Err("it is a link to nothing") };
    match () {
        () if !end.starts_with(root) => Err("it is a link that leads out of the folder"),
        () if end.is_file() => Ok(()),
        () => Err("it is a link to a folder or to what is no file"),
    }
}

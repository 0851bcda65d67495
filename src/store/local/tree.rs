//! Trees: folders as content. A tree document lists entries sorted by the bytes of their paths, and is itself a blob.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::Metadata;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path};

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::record::{Artifact, Form};
use crate::store::StoreError;
use crate::store::local::blob::Blobs;

/// Most entries that a tree may have, and longest path.
const MAX_ENTRIES: usize = 1_000_000;
const MAX_PATH: usize = 4096;

/// The document.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tree {
    pub(crate) version: u32,
    /// Entries by path, `/` between names.
    pub(crate) entries: BTreeMap<String, Entry>,
}

/// One entry. Folders are listed too, so that empty ones are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Entry {
    File { digest: Digest, size: u64 },
    Executable { digest: Digest, size: u64 },
    Folder,
    Link { target: String },
}

impl Tree {
    /// The blobs of its files.
    pub(crate) fn blobs(&self) -> impl Iterator<Item = Digest> {
        self.entries.values().filter_map(|entry| match entry {
            Entry::File { digest, .. } | Entry::Executable { digest, .. } => Some(*digest),
            Entry::Folder | Entry::Link { .. } => None,
        })
    }

    /// Bytes of all files.
    pub(crate) fn size(&self) -> u64 {
        self.entries
            .values()
            .map(|entry| match entry {
                Entry::File { size, .. } | Entry::Executable { size, .. } => *size,
                Entry::Folder | Entry::Link { .. } => 0,
            })
            .sum()
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// Gives the owner of an output, who is the engine's too, the right to read it again.
fn make_readable(path: &Path, meta: &std::fs::Metadata) -> Result<(), StoreError> {
    let mode = meta.permissions().mode();
    let needed = match meta.file_type() {
        kind if kind.is_dir() => 0o700,
        kind if kind.is_file() => 0o400,
        _ => 0,
    };
    if mode & needed == needed {
        return Ok(());
    }
    let permissions = std::fs::Permissions::from_mode(mode | needed);
    fs_err::set_permissions(path, permissions).map_err(StoreError::io("store an output"))
}

/// The same for a folder and all folders in it.
fn open_folders(folder: &Path) -> Result<(), StoreError> {
    let doing = StoreError::io("store an output");
    make_readable(folder, &fs_err::symlink_metadata(folder).map_err(&doing)?)?;
    for entry in fs_err::read_dir(folder).map_err(&doing)? {
        let entry = entry.map_err(&doing)?;
        if entry.file_type().map_err(&doing)?.is_dir() {
            open_folders(&entry.path())?;
        }
    }
    Ok(())
}

/// Takes a file or folder into the store. That something of it cannot be read, or is gone, is no failure of the store.
pub(crate) fn ingest(blobs: &Blobs, path: &Path, media: &str) -> Result<Artifact, StoreError> {
    take_in(blobs, path, media).map_err(|error| match error {
        StoreError::Io { source, .. } if fs_err::symlink_metadata(path).is_err() || !is_readable(path) => {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            StoreError::unfit(name, format!("it cannot be read as the stage left it: {source}"))
        }
        error => error,
    })
}

/// Whether all that is below a path can be read.
fn is_readable(path: &Path) -> bool {
    match fs_err::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => {
            fs_err::read_dir(path).is_ok_and(|mut all| all.all(|entry| entry.is_ok_and(|one| is_readable(&one.path()))))
        }
        Ok(meta) if meta.is_file() => fs_err::File::open(path).is_ok(),
        Ok(_) => true,
        Err(_) => false,
    }
}

fn take_in(blobs: &Blobs, path: &Path, media: &str) -> Result<Artifact, StoreError> {
    let meta = fs_err::symlink_metadata(path).map_err(StoreError::io("store an output"))?;
    let artifact = |digest, form, size| Artifact { digest, form, size, media: media.to_owned() };
    if meta.is_file() {
        let form = if is_executable(&meta) { Form::Executable } else { Form::File };
        make_readable(path, &meta)?;
        let (digest, size) = blobs.put_file(path)?;
        return Ok(artifact(digest, form, size));
    }
    if !meta.is_dir() {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        return Err(StoreError::unfit(name, "an output is a file or a folder"));
    }
    let mut tree = Tree { version: 1, entries: BTreeMap::new() };
    open_folders(path)?;
    let mut take = |file: &Path| {
        make_readable(file, &fs_err::symlink_metadata(file).map_err(StoreError::io("store an output"))?)?;
        blobs.put_file(file)
    };
    walk(path, "", &mut Walk { leave_out: &|_, _| false, take: &mut take, note: &mut |_, _, _| {} }, &mut tree)?;
    let digest = blobs.put_bytes(&tree.to_bytes())?;
    fs_err::remove_dir_all(path).map_err(StoreError::io("clear an output folder"))?;
    Ok(artifact(digest, Form::Folder, tree.size()))
}

/// What takes the content of one file: it gives back digest and size.
pub(crate) type TakeFile<'a> = dyn FnMut(&Path) -> Result<(Digest, u64), StoreError> + 'a;

/// What is done with what lies in a folder.
pub(crate) struct Walk<'a> {
    /// Whether something is no part of the folder.
    pub(crate) leave_out: &'a dyn Fn(&Path, &Metadata) -> bool,
    pub(crate) take: &'a mut TakeFile<'a>,
    /// Learns of folders, and of links with their targets.
    pub(crate) note: &'a mut dyn FnMut(&Path, &Metadata, Option<&Path>),
}

/// Lists a folder into a tree.
pub(crate) fn walk(folder: &Path, prefix: &str, with: &mut Walk<'_>, tree: &mut Tree) -> Result<(), StoreError> {
    let doing = StoreError::io("read a folder");
    for entry in fs_err::read_dir(folder).map_err(&doing)? {
        let entry = entry.map_err(&doing)?;
        let path = entry.path();
        let meta = fs_err::symlink_metadata(&path).map_err(&doing)?;
        if (with.leave_out)(&path, &meta) {
            continue;
        }
        let inner = inner_path(prefix, &entry.file_name(), tree.entries.len())?;
        if meta.is_dir() {
            (with.note)(&path, &meta, None);
            tree.entries.insert(inner.clone(), Entry::Folder);
            walk(&path, &inner, with, tree)?;
        } else if meta.is_file() {
            let executable = is_executable(&meta);
            let (digest, size) = (with.take)(&path)?;
            let entry = if executable { Entry::Executable { digest, size } } else { Entry::File { digest, size } };
            tree.entries.insert(inner, entry);
        } else if meta.is_symlink() {
            let target = fs_err::read_link(&path).map_err(&doing)?;
            (with.note)(&path, &meta, Some(&target));
            tree.entries.insert(inner.clone(), link(&inner, &target)?);
        } else {
            return Err(StoreError::unfit(inner, "it is a device, a pipe or a socket"));
        }
    }
    Ok(())
}

/// The path of an entry in its tree.
fn inner_path(prefix: &str, name: &OsStr, entries: usize) -> Result<String, StoreError> {
    let Some(name) = name.to_str() else {
        let inner = Path::new(prefix).join(name).display().to_string();
        return Err(StoreError::unfit(inner, "its name is not UTF-8"));
    };
    let inner = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") };
    if inner.len() > MAX_PATH || entries >= MAX_ENTRIES {
        return Err(StoreError::unfit(
            inner,
            format!("a folder has at most {MAX_ENTRIES} entries with paths of at most {MAX_PATH} bytes"),
        ));
    }
    Ok(inner)
}

/// A link that is relative and stays inside the tree.
fn link(at: &str, target: &Path) -> Result<Entry, StoreError> {
    let refuse = |why: &str| StoreError::unfit(at, format!("it is a link to `{}`, {why}", target.display()));
    let text = target.to_str().ok_or_else(|| refuse("which is not UTF-8"))?;
    if target.is_absolute() {
        return Err(refuse("which is absolute; links within a folder are relative"));
    }
    // A name may itself be a link, after which `..` would lead anywhere; so all `..` stand before the first name.
    let mut depth = at.matches('/').count();
    let mut named = false;
    for part in target.components() {
        match part {
            Component::ParentDir if named => return Err(refuse("which goes up again after a name")),
            Component::ParentDir => {
                depth = depth.checked_sub(1).ok_or_else(|| refuse("which lies outside of the folder"))?
            }
            Component::Normal(_) => named = true,
            _ => {}
        }
    }
    Ok(Entry::Link { target: text.to_owned() })
}

/// Whether a text is the name of one thing in a folder.
pub(crate) fn is_name(text: &str) -> bool {
    !matches!(text, "" | "." | "..") && !text.contains('/')
}

/// Reads a tree document, and checks that no path in it leads outside.
pub(crate) fn read(blobs: &Blobs, digest: &Digest) -> Result<Tree, StoreError> {
    let path = blobs.checked(digest)?;
    let bytes = fs_err::read(&path).map_err(StoreError::io("read the store"))?;
    parse(&bytes, digest)
}

/// Reads a tree document from bytes whose digest is known to be right.
pub(crate) fn parse(bytes: &[u8], digest: &Digest) -> Result<Tree, StoreError> {
    let tree: Tree = serde_json::from_slice(bytes)
        .map_err(|error| StoreError::unfit(digest.short(), format!("it is no tree: {error}")))?;
    for (path, entry) in &tree.entries {
        if !path.split('/').all(is_name) {
            return Err(StoreError::unfit(path, "a path in a tree is relative and stays inside"));
        }
        // What lies below a link would be put where the link leads.
        if let Some((folder, _)) = path.rsplit_once('/')
            && tree.entries.get(folder) != Some(&Entry::Folder)
        {
            return Err(StoreError::unfit(path, "it lies in what is no folder of the tree"));
        }
        if let Entry::Link { target } = entry {
            link(path, Path::new(target))?;
        }
    }
    Ok(tree)
}

/// Checks all blobs of a tree.
pub(crate) fn check(blobs: &Blobs, digest: &Digest) -> Result<(), StoreError> {
    read(blobs, digest)?.blobs().try_for_each(|blob| blobs.checked(&blob).map(|_| ()))
}

pub(crate) fn is_executable(meta: &std::fs::Metadata) -> bool {
    meta.permissions().mode() & 0o100 != 0
}

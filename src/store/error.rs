//! What can go wrong in a store.

use std::io;
use std::path::PathBuf;

use crate::digest::{Digest, Key};

/// A fault of the store, or of what was to be stored.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk failed; the source names the file.
    #[error("cannot {doing}: {source}{}", hint(.source))]
    Io {
        /// What was being done.
        doing: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
    /// A file or folder that a stage reads in place cannot be read; the source says why.
    #[error("the input {} cannot be read: {why}", named(.name.as_deref(), .path))]
    Input {
        /// Its name, where it is known.
        name: Option<String>,
        /// Its path.
        path: PathBuf,
        /// What the operating system said.
        why: String,
    },
    /// Content is in no tier.
    #[error("content {} is missing from the store", .0.short())]
    Missing(Digest),
    /// Content does not match its name. It was put aside.
    #[error("content {} was damaged; it is in {} now", .digest.short(), .quarantine.display())]
    Damaged {
        /// Its name.
        digest: Digest,
        /// Where it was put.
        quarantine: PathBuf,
    },
    /// A stage changed what it was given to read.
    #[error("the stage changed its input `{0}`, which others may read")]
    Altered(String),
    /// A stage changed what it and others were given to read, and it is not known which of them.
    #[error("its input `{0}` was changed by itself, or by another stage that was given it at the same time")]
    AlteredBySome(String),
    /// A file or folder cannot be stored.
    #[error("`{path}` cannot be stored: {why}")]
    Unfit {
        /// Path, relative to the output where it is inside one.
        path: String,
        /// Why not.
        why: String,
    },
    /// A pin cannot be made.
    #[error("the pin `{name}`: {why}")]
    BadPin {
        /// Its name.
        name: String,
        /// What is wrong.
        why: String,
    },
    /// What a pin keeps is not known any more.
    #[error("the pin `{0}` is damaged, so what it keeps is not known; bring its file back, or `nnf unpin {0}`")]
    DamagedPin(String),
    /// A record of a newer version of this program, which may need what this one does not know of.
    #[error("the record {} was written by a newer version of nnf; use that one, or a later one", .0.short())]
    Newer(Key),
    /// What the remote tier's list of a pipeline's last results keeps is not known.
    #[error(
        "`{0}` in the remote store is damaged, so what it keeps is not known; remove it, or run its pipeline again"
    )]
    DamagedHead(String),
    /// There is no store at a place.
    #[error("there is no store at {}", .0.display())]
    NoStore(PathBuf),
    /// The remote tier failed.
    #[error("the remote store failed: {0}")]
    Remote(String),
    /// The remote tier's URL or settings are wrong.
    #[error("the remote store `{url}` cannot be used: {why}")]
    BadRemote {
        /// The URL, without what may be secret.
        url: String,
        /// What is wrong.
        why: String,
    },
}

fn named(name: Option<&str>, path: &std::path::Path) -> String {
    name.map_or_else(|| format!("`{}`", path.display()), |name| format!("`{name}`, {},", path.display()))
}

impl StoreError {
    /// The same, of the input of this name.
    pub(crate) fn of_input(self, input: &str) -> StoreError {
        match self {
            StoreError::Input { name: None, path, why } => {
                StoreError::Input { name: Some(input.to_owned()), path, why }
            }
            error => error,
        }
    }

    pub(crate) fn io(doing: &'static str) -> impl Fn(io::Error) -> StoreError {
        move |source| StoreError::Io { doing, source }
    }

    pub(crate) fn unfit(path: impl Into<String>, why: impl Into<String>) -> StoreError {
        StoreError::Unfit { path: path.into(), why: why.into() }
    }
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            " (make room on the disk and run again; nothing is lost)"
        }
        io::ErrorKind::PermissionDenied => " (give yourself permission to write there)",
        io::ErrorKind::ReadOnlyFilesystem => " (the store has to lie on a disk that can be written)",
        _ => "",
    }
}

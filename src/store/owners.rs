//! Under which name a store knows a pipeline: its own, unless that is another one's of the same store.
//!
//! A pipeline is its file, and the root that the file is for; its name is for people, and two may have the same. Who has
//! a name is noted beside the heads. A note holds for as long as its file is there and keeps its results here, so a
//! project that was moved, or copied with its store, has its names still. A name that an older version gave is free
//! until somebody claims it. Losing a note costs no result: the first to run has the name then.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::digest::Digest;
use crate::lock_file;
use crate::store::error::StoreError;
use crate::store::local::writing::write_atomically;
use crate::store::local::{heads, inventory};
use crate::store::pipelines::Pipelines;

/// The name under which older versions kept every pipeline whose file's name was no plain word.
const OLD_NAME: &str = "pipeline";

/// Whose results are meant: a pipeline's file, and its root. Both are real paths.
#[derive(Clone, Debug)]
pub struct Owner {
    /// The root, in which the store lies.
    root: PathBuf,
    /// The file; relative to the root where it lies in it.
    file: PathBuf,
    /// Whether its name depends on parameters: then it has several.
    varies: bool,
}

/// The name of a pipeline in a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The name, fit for a folder's.
    pub name: String,
    /// The file that has the name which the pipeline would have.
    pub taken_by: Option<PathBuf>,
}

impl PartialEq for Owner {
    fn eq(&self, other: &Self) -> bool {
        (&self.root, &self.file) == (&other.root, &other.file)
    }
}

impl Owner {
    /// The owner of what the file of a pipeline gives, for this root.
    #[must_use]
    pub fn new(root: &Path, file: &Path, varies: bool) -> Self {
        let file = file.strip_prefix(root).unwrap_or(file);
        Owner { root: root.to_owned(), file: file.to_owned(), varies }
    }

    /// Tells owners apart; short.
    pub(crate) fn digest(&self) -> String {
        short(&[self.root.as_os_str().as_bytes(), self.file.as_os_str().as_bytes()])
    }

    /// Paths hold no zero bytes.
    fn bytes(&self) -> Vec<u8> {
        let varies: &[u8] = if self.varies { b"varies" } else { b"" };
        [self.root.as_os_str().as_bytes(), self.file.as_os_str().as_bytes(), varies].join(&0)
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut parts = bytes.split(|byte| *byte == 0);
        let mut path = || parts.next().map(|part| PathBuf::from(OsStr::from_bytes(part)));
        let (root, file) = (path()?, path()?);
        Some(Owner { root, file, varies: parts.next()? == b"varies" })
    }
}

fn short(parts: &[&[u8]]) -> String {
    Digest::of(&parts.join(&0)).to_string()[..8].to_owned()
}

impl Pipelines<'_> {
    /// The name under which the results of a pipeline lie here, or would. `wanted` is its own name.
    #[must_use]
    pub fn name_of(&self, wanted: &str, owner: &Owner) -> Name {
        let name = self.old_name(wanted, owner).unwrap_or(wanted);
        let Some(other) = self.other(name, owner) else { return Name { name: name.to_owned(), taken_by: None } };
        // No name that a person gives has an `@`. Another root may have linked this store, and a file of the same path.
        let by_file = format!("{name}@{}", short(&[owner.file.as_os_str().as_bytes()]));
        let free = self.other(&by_file, owner).is_none();
        let name = if free { by_file } else { format!("{name}@{}", owner.digest()) };
        Name { name, taken_by: Some(other.root.join(other.file)) }
    }

    /// The same, and notes that the pipeline has the name from now on.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn claim_name(&self, wanted: &str, owner: &Owner) -> Result<Name, StoreError> {
        let doing = StoreError::io("note whose results these are");
        let _lock = self.owners_lock().map_err(&doing)?;
        let found = self.name_of(wanted, owner);
        if self.owner(&found.name).is_some_and(|noted| noted == *owner && noted.varies == owner.varies) {
            return Ok(found);
        }
        // A file that calls itself otherwise now has its former name no more.
        for (name, noted) in self.notes().map_err(&doing)? {
            if noted == *owner && !(noted.varies && owner.varies) {
                fs_err::remove_file(self.note_of_owner(&name)).map_err(&doing)?;
            }
        }
        write_atomically(&self.note_of_owner(&found.name), &owner.bytes()).map_err(&doing)?;
        Ok(found)
    }

    /// Older versions gave one name to all whose file's name was no plain word. The first of them to claim it has it,
    /// if it has no results under its own, and none has that name by right.
    fn old_name(&self, wanted: &str, owner: &Owner) -> Option<&'static str> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        let heads = |name: &str| heads::path(&self.tiers.root.join("heads/v1"), name).exists();
        let by_right = ["yaml", "yml"].iter().any(|ending| {
            let file = owner.root.join(&owner.file).with_file_name(OLD_NAME).with_extension(ending);
            file.exists() || owner.root.join(OLD_NAME).with_extension(ending).exists()
        });
        let old = !wanted.bytes().all(plain) && !heads(wanted) && heads(OLD_NAME) && !by_right;
        (old && self.other(OLD_NAME, owner).is_none()).then_some(OLD_NAME)
    }

    /// Who else has a name.
    fn other(&self, name: &str, owner: &Owner) -> Option<Owner> {
        let other = self.owner(name)?;
        let here = || fs_err::canonicalize(other.root.join("artifacts")).is_ok_and(|store| store == self.tiers.root);
        let lives = || other.root.join(&other.file).is_file() && here();
        (other != *owner && lives()).then_some(other)
    }

    fn owner(&self, name: &str) -> Option<Owner> {
        Owner::parse(&fs_err::read(self.note_of_owner(name)).ok()?)
    }

    /// All names, and who has them.
    fn notes(&self) -> std::io::Result<Vec<(String, Owner)>> {
        let files = inventory::names(&self.tiers.root.join("heads/v1"))?;
        let names = files.iter().filter_map(|file| file.strip_suffix(".owner"));
        Ok(names.filter_map(|name| Some((name.to_owned(), self.owner(name)?))).collect())
    }

    pub(crate) fn note_of_owner(&self, name: &str) -> PathBuf {
        self.tiers.root.join("heads/v1").join(format!("{name}.owner"))
    }

    fn owners_lock(&self) -> std::io::Result<File> {
        let path = self.tiers.root.join("heads/v1/.owners.lock");
        let file = lock_file::open(&path)?;
        file.lock()?;
        Ok(file)
    }
}

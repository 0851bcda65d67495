//! Where two versions of an output differ first. They may lie in different stores.

use std::io::{self, Read};
use std::path::Path;

use serde::Serialize;

use crate::digest::Digest;
use crate::record::{Artifact, Form};
use crate::store::error::StoreError;
use crate::store::facade::Store;
use crate::store::local::blob::Blobs;
use crate::store::local::tree::{self, Entry, Tree};

/// The first difference, in the order of paths and bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The file inside the output, where that is a folder.
    pub path: Option<String>,
    /// The first byte that differs, counted from 0; none where it is no matter of bytes.
    pub offset: Option<u64>,
    /// In words.
    pub what: String,
}

/// Finds the first difference of two artifacts; none if they are the same.
///
/// # Errors
/// [`StoreError::Missing`] and [`StoreError::Damaged`] where one of them cannot be read.
pub fn first_difference(
    (old_store, old): (&Store, &Artifact),
    (new_store, new): (&Store, &Artifact),
) -> Result<Option<Difference>, StoreError> {
    if (old.digest, old.form) == (new.digest, new.form) {
        return Ok(None);
    }
    let (old_blobs, new_blobs) = (&old_store.tiers.blobs, &new_store.tiers.blobs);
    let said = |what: &str| Some(Difference { path: None, offset: None, what: what.into() });
    Ok(match (old.form, new.form) {
        (Form::Folder, Form::Folder) => {
            let (old, new) = (tree::read(old_blobs, &old.digest)?, tree::read(new_blobs, &new.digest)?);
            in_folder((old_blobs, &old), (new_blobs, &new))?
        }
        (Form::Folder, _) => said("it was a folder and is a file now"),
        (_, Form::Folder) => said("it was a file and is a folder now"),
        _ if old.digest == new.digest => said("only the executable bit differs"),
        _ => Some(in_files(None, (old_blobs, &old.digest), (new_blobs, &new.digest))?),
    })
}

fn in_folder(old: (&Blobs, &Tree), new: (&Blobs, &Tree)) -> Result<Option<Difference>, StoreError> {
    let mut paths: Vec<&String> = old.1.entries.keys().chain(new.1.entries.keys()).collect();
    paths.sort_unstable();
    paths.dedup();
    for path in paths {
        let said = |what: &str| Some(Difference { path: Some(path.clone()), offset: None, what: what.into() });
        let found = match (old.1.entries.get(path), new.1.entries.get(path)) {
            (old, new) if old == new => None,
            (Some(_), None) => said("it was there and is not now"),
            (None, _) => said("it was not there and is now"),
            (Some(before), Some(after)) => match (content(before), content(after)) {
                (Some(before), Some(after)) if before != after => {
                    Some(in_files(Some(path.clone()), (old.0, &before), (new.0, &after))?)
                }
                (Some(_), Some(_)) => said("only the executable bit differs"),
                _ => said("it is another kind of entry, or a link to another place"),
            },
        };
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

fn content(entry: &Entry) -> Option<Digest> {
    match entry {
        Entry::File { digest, .. } | Entry::Executable { digest, .. } => Some(*digest),
        Entry::Folder | Entry::Link { .. } => None,
    }
}

fn in_files(path: Option<String>, old: (&Blobs, &Digest), new: (&Blobs, &Digest)) -> Result<Difference, StoreError> {
    let (old, new) = (old.0.checked(old.1)?, new.0.checked(new.1)?);
    let doing = StoreError::io("compare outputs");
    let (offset, ended) = first_byte(&old, &new).map_err(&doing)?;
    let what = match ended {
        Ended::Neither => "other bytes",
        Ended::Old => "it is longer now, and the same up to there",
        Ended::New => "it is shorter now, and the same up to there",
    };
    Ok(Difference { path, offset: Some(offset), what: what.into() })
}

/// Which of two files ended where they differ first.
#[derive(Debug, PartialEq, Eq)]
enum Ended {
    Neither,
    Old,
    New,
}

/// The position of the first byte that differs.
fn first_byte(old: &Path, new: &Path) -> io::Result<(u64, Ended)> {
    let (mut old, mut new) = (fs_err::File::open(old)?, fs_err::File::open(new)?);
    let (mut one, mut two) = (Vec::new(), Vec::new());
    let mut at = 0;
    loop {
        one.clear();
        two.clear();
        (&mut old).take(1 << 20).read_to_end(&mut one)?;
        (&mut new).take(1 << 20).read_to_end(&mut two)?;
        match one.iter().zip(&two).position(|(a, b)| a != b) {
            Some(differs) => return Ok((at + differs as u64, Ended::Neither)),
            None if one.len() < two.len() => return Ok((at + one.len() as u64, Ended::Old)),
            None if one.len() > two.len() || one.is_empty() => return Ok((at + two.len() as u64, Ended::New)),
            None => at += one.len() as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::store::StoreOptions;

    struct World {
        folder: tempfile::TempDir,
        stores: [Store; 2],
    }

    impl World {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let open =
                |name: &str| Store::open(&StoreOptions { local: folder.path().join(name), remote: None }).unwrap();
            let stores = [open("one"), open("two")];
            World { folder, stores }
        }

        /// Takes a folder of these files into each store.
        fn difference(&self, old: &[(&str, &[u8])], new: &[(&str, &[u8])]) -> Option<Difference> {
            let take = |store: &Store, files: &[(&str, &[u8])]| {
                let path = self.folder.path().join("out");
                for (name, bytes) in files {
                    let file = path.join(name);
                    fs_err::create_dir_all(file.parent().unwrap()).unwrap();
                    fs_err::write(file, bytes).unwrap();
                }
                store.content().ingest(&path, "inode/directory").unwrap()
            };
            let (old, new) = (take(&self.stores[0], old), take(&self.stores[1], new));
            first_difference((&self.stores[0], &old), (&self.stores[1], &new)).unwrap()
        }
    }

    #[test]
    fn the_first_file_and_byte_are_named() {
        let world = World::new();
        let long = vec![7; (1 << 20) + 5];
        let mut other = long.clone();
        other[(1 << 20) + 3] = 8;
        let told =
            |path: &str, offset, what: &str| Some(Difference { path: Some(path.into()), offset, what: what.into() });
        assert_eq!(world.difference(&[("a", b"x")], &[("a", b"x")]), None);
        assert_eq!(
            world.difference(&[("a", b"x"), ("b/c", &long), ("d", b"1")], &[("a", b"x"), ("b/c", &other), ("d", b"2")]),
            told("b/c", Some((1 << 20) + 3), "other bytes")
        );
        let same = "and the same up to there";
        assert_eq!(
            world.difference(&[("a", b"xy")], &[("a", b"x")]),
            told("a", Some(1), &format!("it is shorter now, {same}"))
        );
        assert_eq!(
            world.difference(&[("a", &long)], &[("a", &[&long[..], b"!"].concat())]),
            told("a", Some((1 << 20) + 5), &format!("it is longer now, {same}"))
        );
        assert_eq!(world.difference(&[("a", b"")], &[("b", b"")]), told("a", None, "it was there and is not now"));
    }
}

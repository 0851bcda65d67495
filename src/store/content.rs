//! The room of content, in both tiers: taken in, handed out, checked.

use std::path::Path;

use crate::digest::Digest;
use crate::record::{Artifact, Form};
use crate::store::closure;
use crate::store::error::StoreError;
use crate::store::local::attributes::{BLOB_MODE, mode};
use crate::store::local::files::{self, FileInput};
use crate::store::local::materialize::Materialized;
use crate::store::local::{materialize, tree};
use crate::store::tiers::Tiers;

/// Files and folders by their digests; see [`Store::content`](crate::store::Store::content).
#[derive(Clone, Copy)]
pub struct Content<'a> {
    pub(super) tiers: &'a Tiers,
}

impl Content<'_> {
    /// Digest of a file or folder outside the store, and what it looks like now.
    ///
    /// # Errors
    /// When it cannot be read, or a folder holds what a tree cannot.
    pub fn of_file(&self, path: &Path) -> Result<FileInput, StoreError> {
        files::digest(path, &self.tiers.root, &self.tiers.stamps)
    }

    /// The digest of a file or folder outside the store, where nothing else of it matters: one look, if it rests.
    ///
    /// # Errors
    /// As for [`Content::of_file`].
    pub fn digest(&self, path: &Path) -> Result<Digest, StoreError> {
        files::digest_alone(path, &self.tiers.root, &self.tiers.stamps)
    }

    /// Takes a file or folder that a stage wrote into the store. What was at `path` is moved or gone afterwards.
    ///
    /// # Errors
    /// When it holds what a tree cannot (links that lead outside, devices, names that are not UTF-8), or a disk fails.
    pub fn ingest(&self, path: &Path, media: &str) -> Result<Artifact, StoreError> {
        tree::ingest(&self.tiers.blobs, path, media)
    }

    /// Takes bytes in memory into the store.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn ingest_bytes(&self, bytes: &[u8], media: &str) -> Result<Artifact, StoreError> {
        let digest = self.tiers.blobs.put_bytes(bytes)?;
        Ok(Artifact { digest, form: Form::File, size: bytes.len() as u64, media: media.to_owned() })
    }

    /// Puts content at `to`, read-only, for a stage to read: a reflink, else a hard link. The content is checked.
    ///
    /// # Errors
    /// [`StoreError::Missing`] and [`StoreError::Damaged`] say that it has to be made again.
    pub fn materialize(&self, artifact: &Artifact, to: &Path) -> Result<Materialized, StoreError> {
        self.fetch(artifact)?;
        materialize::materialize(&self.tiers.blobs, artifact, to)
    }

    /// Checks that a stage has not changed what was handed out to it. Changed blobs go to quarantine.
    ///
    /// # Errors
    /// [`StoreError::Altered`] names what was changed.
    pub fn check_materialized(&self, materialized: &Materialized) -> Result<(), StoreError> {
        materialize::check(&self.tiers.blobs, materialized)
    }

    /// Copies content to `to` for a person to keep: writable, and independent of the store.
    ///
    /// # Errors
    /// As for [`Content::materialize`].
    pub fn copy_out(&self, artifact: &Artifact, to: &Path) -> Result<(), StoreError> {
        self.fetch(artifact)?;
        materialize::copy_out(&self.tiers.blobs, artifact, to)
    }

    /// The bytes of a small file in the store.
    ///
    /// # Errors
    /// As for [`Content::materialize`].
    pub fn read(&self, artifact: &Artifact) -> Result<Vec<u8>, StoreError> {
        self.fetch(artifact)?;
        let path = self.tiers.blobs.checked(&artifact.digest)?;
        fs_err::read(path).map_err(StoreError::io("read the store"))
    }

    /// A file in the store whose content was checked, to be read piece by piece.
    ///
    /// # Errors
    /// As for [`Content::materialize`].
    pub fn open(&self, artifact: &Artifact) -> Result<fs_err::File, StoreError> {
        self.fetch(artifact)?;
        let path = self.tiers.blobs.checked(&artifact.digest)?;
        fs_err::File::open(path).map_err(StoreError::io("read the store"))
    }

    /// Whether content is in the local tier, by a look at its name alone; of a folder, its list of files.
    #[must_use]
    pub fn is_here(&self, artifact: &Artifact) -> bool {
        self.tiers.blobs.path(&artifact.digest).is_file()
    }

    /// Whether content is in the local tier and undamaged, or can be had from the remote one.
    ///
    /// # Errors
    /// As for [`Content::materialize`].
    pub fn check(&self, artifact: &Artifact) -> Result<(), StoreError> {
        self.fetch(artifact)?;
        match artifact.form {
            Form::Folder => tree::check(&self.tiers.blobs, &artifact.digest),
            Form::File | Form::Executable => self.tiers.blobs.checked(&artifact.digest).map(|_| ()),
        }
    }

    /// The mode of a file of content that is here, if it is not the one that all content has; of a folder, of the first
    /// such file in it. Reading content puts its mode back.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn wrong_mode(&self, artifact: &Artifact) -> Result<Option<u32>, StoreError> {
        let wrong = |digest: &Digest| {
            let meta = fs_err::symlink_metadata(self.tiers.blobs.path(digest)).ok()?;
            Some(mode(&meta)).filter(|mode| *mode != BLOB_MODE)
        };
        if let Some(mode) = wrong(&artifact.digest) {
            return Ok(Some(mode));
        }
        let inside = match artifact.form {
            Form::Folder => tree::read(&self.tiers.blobs, &artifact.digest),
            Form::File | Form::Executable => return Ok(None),
        };
        match inside {
            Err(StoreError::Missing(_) | StoreError::Damaged { .. }) => Ok(None),
            tree => Ok(tree?.blobs().find_map(|digest| wrong(&digest))),
        }
    }

    /// Brings content from the remote tier if the local one lacks it.
    fn fetch(&self, artifact: &Artifact) -> Result<(), StoreError> {
        let Some(tier) = &self.tiers.tier else { return Ok(()) };
        let blobs = &self.tiers.blobs;
        match blobs.checked(&artifact.digest) {
            Err(StoreError::Missing(_) | StoreError::Damaged { .. }) => drop(tier.fetch_blob(&artifact.digest, blobs)?),
            other => drop(other?),
        }
        tier.fetch_blobs(&closure::lacking_inside(blobs, &[artifact])?, blobs, &|_, fetched| fetched.map(|_| ()))
    }
}

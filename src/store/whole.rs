//! Whether all content of results is here and whole: looked at together, and fetched where the remote tier has it.
//!
//! Nothing is made again here; a run does that.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use rayon::prelude::*;

use crate::digest::Digest;
use crate::mutex::lock;
use crate::record::{Artifact, Form, Produced};
use crate::store::content::Content;
use crate::store::error::StoreError;
use crate::store::local::index::RecordSummary;
use crate::store::local::tree;

/// Blobs that a thread looks at in one go; a look is a microsecond where nothing has changed.
const AT_A_TIME: usize = 64;

impl Content<'_> {
    /// Of these results, the outputs whose content is not whole in the local tier, and what is wrong: the first one of
    /// each result. What the remote tier has is fetched.
    ///
    /// # Errors
    /// When a tier fails.
    pub fn not_whole(&self, results: &[&RecordSummary]) -> Result<BTreeMap<usize, (String, String)>, StoreError> {
        let (mut outer, mut folders) = (BTreeSet::new(), BTreeSet::new());
        for (_, artifact) in results.iter().flat_map(|known| artifacts(known)) {
            outer.insert(artifact.digest);
            if artifact.form == Form::Folder {
                folders.insert(artifact.digest);
            }
        }
        let mut faults = self.gather(outer)?;
        let listed: Vec<Digest> = folders.into_iter().filter(|folder| !faults.contains_key(folder)).collect();
        let mut inside = BTreeMap::new();
        for folder in listed {
            match tree::read(&self.tiers.blobs, &folder) {
                Ok(tree) => drop(inside.insert(folder, tree.blobs().collect::<Vec<_>>())),
                Err(error @ (StoreError::Missing(_) | StoreError::Damaged { .. })) => {
                    faults.insert(folder, error.to_string());
                }
                Err(error) => return Err(error),
            }
        }
        let lacking = self.gather(inside.values().flatten().copied().collect())?;
        for (folder, files) in inside {
            if let Some(fault) = files.iter().find_map(|file| lacking.get(file)) {
                faults.insert(folder, fault.clone());
            }
        }
        let first = |known: &&RecordSummary| {
            let named = artifacts(known).find_map(|(name, artifact)| Some((name, faults.get(&artifact.digest)?)));
            named.map(|(name, fault)| (name.clone(), fault.clone()))
        };
        Ok(results.iter().enumerate().filter_map(|(at, known)| Some((at, first(known)?))).collect())
    }

    /// What is wrong with those blobs that are in no tier, or damaged here and not to be had from there.
    fn gather(&self, digests: BTreeSet<Digest>) -> Result<BTreeMap<Digest, String>, StoreError> {
        let digests: Vec<Digest> = digests.into_iter().collect();
        let look = |digest: &Digest| match self.tiers.blobs.checked(digest) {
            Ok(_) => Ok(None),
            Err(error @ (StoreError::Missing(_) | StoreError::Damaged { .. })) => {
                Ok(Some((*digest, error.to_string())))
            }
            Err(error) => Err(error),
        };
        let found: Result<Vec<_>, _> = digests.par_iter().with_min_len(AT_A_TIME).map(look).collect();
        let faults: BTreeMap<Digest, String> = found?.into_iter().flatten().collect();
        let Some(tier) = self.tiers.tier.as_ref().filter(|_| !faults.is_empty()) else { return Ok(faults) };
        let lacking: Vec<Digest> = faults.keys().copied().collect();
        let faults = Mutex::new(faults);
        tier.fetch_blobs(&lacking, &self.tiers.blobs, &|digest, fetched| match fetched {
            Ok(_) => {
                lock(&faults).remove(digest);
                Ok(())
            }
            Err(StoreError::Missing(_) | StoreError::Damaged { .. }) => Ok(()),
            Err(error) => Err(error),
        })?;
        Ok(std::mem::take(&mut *lock(&faults)))
    }
}

/// The outputs of a result that are there, by name.
fn artifacts(known: &RecordSummary) -> impl Iterator<Item = (&String, &Artifact)> {
    known.outputs.iter().filter_map(|(name, produced)| match produced {
        Produced::Artifact(artifact) => Some((name, artifact)),
        Produced::Absent => None,
    })
}

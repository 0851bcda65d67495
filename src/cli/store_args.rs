//! The store that a command looks after: of a pipeline, which may be faulty otherwise, or of a folder.

use std::path::{Path, PathBuf};

use clap::Args;
use nnf::pipeline::whereabouts;
use nnf::store::{Store, StoreOptions};

use crate::cli::common::{Common, PIPELINE};
use crate::cli::context::remote;
use crate::cli::failure::Failure;

/// Which store is meant.
#[derive(Debug, Args)]
pub(crate) struct StoreArgs {
    /// The pipeline whose store is meant (default pipeline.yaml); what else is wrong in it does not matter
    #[arg(value_name = "PIPELINE")]
    pipeline: Option<PathBuf>,
    /// Folder in which the store lies, as `artifacts`; default the pipeline's root, else the current folder
    #[arg(long, value_name = "FOLDER", conflicts_with = "pipeline")]
    root: Option<PathBuf>,
}

impl StoreArgs {
    /// Opens the store, which must be there.
    pub(crate) fn open(&self, common: &Common) -> Result<Store, Failure> {
        let (root, url) = self.find(common)?;
        // A store may have been moved and have another name now.
        let inside = root.join("artifacts");
        let local = if !inside.exists() && Store::is_at(&root) { root } else { inside };
        Ok(Store::open_existing(&StoreOptions {
            local,
            remote: common.store.clone().or(url).map(remote).transpose()?,
        })?)
    }

    fn find(&self, common: &Common) -> Result<(PathBuf, Option<String>), Failure> {
        if let Some(root) = &self.root {
            return Ok((root.clone(), None));
        }
        let given = self.pipeline.as_deref();
        let path = given.unwrap_or(Path::new(PIPELINE));
        match whereabouts(path, &common.set) {
            Ok(found) => Ok((found.root, found.store)),
            Err(_) if given.is_none() => Ok((PathBuf::from("."), None)),
            Err(faults) => Err(Failure::Wrong(
                faults
                    .into_iter()
                    .map(|fault| fault.hint("`--root FOLDER` names the store without the pipeline"))
                    .collect(),
            )),
        }
    }
}

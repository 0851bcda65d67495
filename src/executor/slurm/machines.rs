//! Which node measures, and what machine it is: asked once, by a job, and remembered beside the lanes.
//!
//! Where the note is lost another node may be asked, and what was measured is then of another machine.

use std::path::{Path, PathBuf};

use nnf_contract::Machine;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::executor::slurm::submission::Resources;

/// A node and what it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Known {
    pub(crate) node: String,
    pub(crate) machine: Machine,
}

/// Nodes by what is asked for.
#[derive(Debug)]
pub(crate) struct Machines {
    folder: PathBuf,
}

impl Machines {
    pub(crate) fn new(spool: &Path) -> Self {
        Machines { folder: spool.join("machines") }
    }

    /// The node that was asked before.
    pub(crate) fn find(&self, resources: &Resources) -> Option<Known> {
        serde_json::from_slice(&fs_err::read(self.file(resources)).ok()?).ok()
    }

    /// Remembers a node.
    pub(crate) fn keep(&self, resources: &Resources, known: &Known) -> std::io::Result<()> {
        fs_err::create_dir_all(&self.folder)?;
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        std::io::Write::write_all(&mut file, &serde_json::to_vec_pretty(known)?)?;
        file.persist(self.file(resources)).map_err(|error| error.error)?;
        Ok(())
    }

    /// Forgets a node: it is not what it was.
    pub(crate) fn forget(&self, resources: &Resources) {
        let _ = fs_err::remove_file(self.file(resources));
    }

    /// What decides on which nodes a job may run; how long it takes does not.
    fn file(&self, resources: &Resources) -> PathBuf {
        let asked = Resources { timeout: None, node: None, ..resources.clone() };
        let digest = Digest::of(asked.arguments().join("\0").as_bytes()).to_string();
        self.folder.join(format!("{}.json", &digest[..32]))
    }
}

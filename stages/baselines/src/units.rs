//! What a stage has finished, kept beside its checkpoint: a folder for each network with its model and a document.
//!
//! A stage that goes on after a kill finds them and does none again.

use std::path::{Path, PathBuf};

use nnf_contract::Stage;
use nnf_net::Model;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::BaselineError;

const DOCUMENT: &str = "unit.json";

/// The finished networks of one stage.
pub(crate) struct Units {
    root: PathBuf,
}

impl Units {
    /// Those of a stage; without a checkpoint folder they do not outlive the attempt.
    pub(crate) fn of(stage: &Stage) -> Self {
        Units { root: stage.checkpoint().unwrap_or(&stage.task().scratch).to_owned() }
    }

    /// The folder of a finished network.
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        self.root.join("done").join(name)
    }

    /// A folder for the checkpoints of a training under way.
    pub(crate) fn training(&self, name: &str) -> Result<PathBuf, BaselineError> {
        let folder = self.root.join("training").join(name);
        fs_err::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// What was noted of a network, if it is finished.
    pub(crate) fn done<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        let text = fs_err::read_to_string(self.folder(name).join(DOCUMENT)).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// Keeps a finished network. A kill at any moment leaves it finished or not begun.
    pub(crate) fn finish<T: Serialize>(&self, name: &str, model: &Model, document: &T) -> Result<(), BaselineError> {
        let (folder, part) = (self.folder(name), self.root.join("part").join(name));
        for old in [&folder, &part] {
            if old.exists() {
                fs_err::remove_dir_all(old)?;
            }
        }
        model.save(&part)?;
        fs_err::write(part.join(DOCUMENT), serde_json::to_string(document)?)?;
        if let Some(parent) = folder.parent() {
            fs_err::create_dir_all(parent)?;
        }
        fs_err::rename(&part, &folder)?;
        let training = self.root.join("training").join(name);
        if training.exists() {
            fs_err::remove_dir_all(training)?;
        }
        Ok(())
    }

    /// Copies a finished network's model to where it belongs in an output.
    pub(crate) fn publish(&self, name: &str, target: &Path) -> Result<(), BaselineError> {
        fs_err::create_dir_all(target)?;
        for file in ["network.json", "weights.safetensors"] {
            fs_err::copy(self.folder(name).join(file), target.join(file))?;
        }
        Ok(())
    }
}

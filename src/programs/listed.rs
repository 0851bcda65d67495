//! Programs as a pipeline lists them.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::diagnostic::Place;

/// Programs that a pipeline has when it lists none.
pub const DEFAULT_PROGRAMS: [&str; 2] = ["nnf-data-prep", "nnf-stages"];

/// A program as a pipeline lists it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Listed {
    /// Its name in the pipeline.
    pub name: String,
    /// Its command, the program first.
    pub words: Vec<String>,
    /// Files that it is made of, absolute; part of the fingerprint of its kinds.
    pub code: Vec<PathBuf>,
    /// The folder that relative paths begin at.
    pub root: PathBuf,
    /// Where it is listed; none for the ones that come with the engine.
    #[serde(skip)]
    pub place: Option<Place>,
}

impl Listed {
    /// A program that comes with the engine.
    #[must_use]
    pub fn shipped(name: &str, root: &Path) -> Self {
        Listed { name: name.into(), words: vec![name.into()], code: Vec::new(), root: root.into(), place: None }
    }

    /// A program of the pipeline, its command still to be filled in.
    #[must_use]
    pub fn named(name: &str, root: &Path, place: &Place) -> Self {
        Listed { name: name.into(), words: Vec::new(), code: Vec::new(), root: root.into(), place: Some(place.clone()) }
    }
}

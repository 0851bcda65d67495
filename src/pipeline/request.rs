//! What to load, and where checked pipelines are remembered.

use std::path::{Path, PathBuf};

use crate::programs::ProgramResolver;

/// What to load.
pub struct LoadRequest<'a> {
    /// The pipeline file.
    pub path: &'a Path,
    /// `--set` overrides, `params.NAME=VALUE`, in order.
    pub overrides: &'a [String],
    /// Answers for the programs.
    pub programs: &'a dyn ProgramResolver,
    /// Where checked pipelines are remembered; none to check every time.
    pub memory: Option<&'a Memory>,
}

/// Where checked pipelines are remembered.
#[derive(Clone, Debug)]
pub struct Memory {
    /// The folder.
    pub folder: PathBuf,
    /// Tells builds of the engine apart, since one may understand a pipeline otherwise than another.
    pub build: String,
}

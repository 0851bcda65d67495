//! What expansion needs to know besides the definition.

use std::path::PathBuf;

use crate::graph::SlurmOptions;
use crate::pipeline::files::Reach;
use crate::pipeline::interpolate::Scope;
use crate::programs::Catalogue;

/// What expansion needs to know besides the definition.
pub(crate) struct Around<'a> {
    pub(crate) scope: &'a Scope<'a>,
    pub(crate) catalogue: &'a Catalogue,
    pub(crate) reach: &'a Reach,
    /// Whether stages that say nothing are strict, and what strict ones may read besides.
    pub(crate) strict: bool,
    pub(crate) tools: &'a [PathBuf],
    /// What Slurm is told of every stage that says nothing else.
    pub(crate) slurm: Option<Box<SlurmOptions>>,
}

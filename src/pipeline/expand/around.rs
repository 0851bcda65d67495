//! What expansion needs to know besides the stages.

use std::path::PathBuf;

use crate::graph::SlurmOptions;
use crate::pipeline::files::AllowedRoots;
use crate::pipeline::interpolate::Scope;
use crate::pipeline::space::Space;
use crate::pipeline::stage::StageDefinition;
use crate::programs::Catalogue;

/// What expansion needs to know besides the stages.
pub(crate) struct Around<'a> {
    /// Namespaces, and of each its parameters and the kinds of its programs.
    pub(crate) spaces: &'a [Space],
    pub(crate) scopes: &'a [Scope<'static>],
    pub(crate) catalogues: &'a [Catalogue],
    pub(crate) roots: &'a AllowedRoots,
    /// Whether stages that say nothing are strict, and what strict ones may read besides.
    pub(crate) strict: bool,
    pub(crate) tools: &'a [PathBuf],
    /// What Slurm is told of every stage that says nothing else.
    pub(crate) slurm: Option<Box<SlurmOptions>>,
}

impl<'a> Around<'a> {
    /// The namespace of a stage.
    pub(crate) fn space(&self, stage: &StageDefinition) -> &'a Space {
        &self.spaces[stage.space]
    }

    /// The parameters that a stage sees.
    pub(crate) fn scope(&self, stage: &StageDefinition) -> &'a Scope<'a> {
        &self.scopes[stage.space]
    }

    /// The kinds that a stage may use.
    pub(crate) fn catalogue(&self, stage: &StageDefinition) -> &'a Catalogue {
        &self.catalogues[stage.space]
    }
}

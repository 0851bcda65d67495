//! From definitions to instances: axes are expanded, references resolved, parameters and inputs checked.
//!
//! It does not run anything and reads no file; it looks at names and links of files only.

mod inputs;
mod maker;
mod producers;
mod stage;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::graph::{Instance, SlurmOptions};
use crate::pipeline::definition::{Definition, Faults};
use crate::pipeline::files::Reach;
use crate::pipeline::interpolate::Scope;
use crate::programs::Catalogue;

use maker::Maker;
use stage::Stage;

/// What expansion needs to know besides the definition.
pub(crate) struct Around<'a> {
    pub(crate) scope: &'a Scope,
    pub(crate) catalogue: &'a Catalogue,
    pub(crate) reach: &'a Reach,
    /// Whether stages that say nothing are strict, and what strict ones may read besides.
    pub(crate) strict: bool,
    pub(crate) tools: &'a [PathBuf],
    /// What Slurm is told of every stage that says nothing else.
    pub(crate) slurm: Option<Box<SlurmOptions>>,
}

/// All instances; sources refer to positions in the list. Faulty ones are in it too, so that what reads them is checked.
pub(crate) fn instances(definition: &Definition, around: &Around<'_>, faults: &mut Faults) -> Vec<Instance> {
    let stages: Vec<Stage<'_>> = definition.stages.iter().map(|stage| Stage::new(stage, around, faults)).collect();
    let mut first = 0;
    let mut index = HashMap::new();
    for stage in &stages {
        index.insert(stage.definition.name.as_str(), (first, stage));
        first += stage.cells.len();
    }
    let mut instances = Vec::with_capacity(first);
    for stage in &stages {
        for cell in &stage.cells {
            let mut found = Vec::new();
            let scope = Scope { params: Arc::clone(&around.scope.params), each: cell.values.clone() };
            let maker = Maker { stage, cell, scope, around, index: &index, faults: &mut found };
            instances.push(maker.make());
            // The instances of a stage share most of their faults.
            found.retain(|fault| !faults.contains(fault));
            faults.extend(found);
        }
    }
    instances
}

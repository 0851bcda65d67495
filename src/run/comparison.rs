//! Comparing what a stage left when it was run again with what is stored.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::graph::{Graph, InstanceId};
use crate::record::Produced;
use crate::store::{Difference, RecordSummary, StoreError, first_difference};

use super::attempts::Context;
use super::verdict::{OutputDifference, Verdict, surroundings};

/// What it takes to compare.
pub(super) struct Comparison<'a> {
    pub(super) graph: &'a Graph,
    pub(super) context: &'a Context<'a>,
    /// A folder for both versions of outputs that differ.
    pub(super) keep: Option<PathBuf>,
    /// Outputs whose stored files had another mode than content has, before anything was read.
    pub(super) modes: BTreeMap<(InstanceId, String), u32>,
}

impl Comparison<'_> {
    /// What came of a stage that has been run again.
    pub(super) fn verdict(
        &self,
        id: InstanceId,
        stored: &RecordSummary,
        again: &RecordSummary,
    ) -> Result<Verdict, StoreError> {
        let (real, scratch) = (self.context.key_context.store, self.context.store);
        let mut outputs = Vec::new();
        for (name, before) in &stored.outputs {
            let said = |what: &str| Some(Difference { path: None, offset: None, what: what.into() });
            let first = match (before, again.outputs.get(name)) {
                (Produced::Absent, Some(Produced::Absent) | None) => None,
                (Produced::Absent, _) => said("it was left out and is there now"),
                (Produced::Artifact(_), Some(Produced::Absent) | None) => said("it was there and is left out now"),
                (Produced::Artifact(old), Some(Produced::Artifact(new))) => {
                    real.content()
                        .check(old)
                        .or_else(|error| if old.digest == new.digest { Ok(()) } else { Err(error) })?;
                    first_difference((real, old), (scratch, new))?
                }
            };
            let mode = self.modes.get(&(id, name.clone())).map(|mode| Difference {
                path: None,
                offset: None,
                what: format!("its file in the store had mode {mode:o}; somebody changed that, not the bytes"),
            });
            if let Some(first) = first.or(mode) {
                self.keep(id, name, before, again.outputs.get(name))?;
                outputs.push(OutputDifference { output: name.clone(), first });
            }
        }
        if outputs.is_empty() {
            return Ok(Verdict::Same { outputs: stored.outputs.len() });
        }
        let surroundings = match (real.records().get(&stored.key)?, scratch.records().get(&again.key)?) {
            (Some(then), Some(now)) => surroundings(&then, &now),
            _ => Vec::new(),
        };
        Ok(Verdict::Differs { outputs, surroundings })
    }

    /// Keeps both versions of an output: `DIR/<stage>/<output>/stored` and `again`.
    fn keep(
        &self,
        id: InstanceId,
        output: &str,
        stored: &Produced,
        again: Option<&Produced>,
    ) -> Result<(), StoreError> {
        let Some(keep) = &self.keep else { return Ok(()) };
        let folder = keep.join(&self.graph.get(id).name).join(output);
        fs_err::create_dir_all(&folder).map_err(StoreError::io("keep both versions of an output"))?;
        let versions = [(self.context.key_context.store, Some(stored), "stored"), (self.context.store, again, "again")];
        for (store, produced, name) in versions {
            if let Some(Produced::Artifact(artifact)) = produced {
                store.content().copy_out(artifact, &folder.join(name))?;
            }
        }
        Ok(())
    }
}

//! What a person reads whose pipeline is wrong.

#[path = "told.rs"]
mod told;

use crate::support::Project;

pub(crate) use told::faults_of;

/// The faults of a pipeline. Nothing may have been run, and the exit code must say so.
pub(crate) fn faults(pipeline: &str) -> String {
    faults_of(&Project::new(pipeline), &["run"])
}

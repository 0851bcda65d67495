//! Pipelines of several files.

use crate::support::Project;

/// A project with these files.
pub(crate) fn project(files: &[(&str, &str)]) -> Project {
    let project = Project::new("");
    files.iter().for_each(|(name, text)| project.write(name, text));
    project
}

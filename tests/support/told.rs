//! What a command tells that is refused.

use crate::support::Project;

/// The faults that a command names.
pub(crate) fn faults_of(project: &Project, arguments: &[&str]) -> String {
    let outcome = project.nnf(arguments);
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert_eq!(outcome.out, "");
    let runs = fs_err::read_dir(project.path("artifacts/runs/v1"));
    assert_eq!(runs.map_or(0, Iterator::count), 0, "something was run");
    outcome.err
}

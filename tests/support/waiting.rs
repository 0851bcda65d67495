//! A stage that waits for a test.

/// A command of the shell that waits until a file is there, or the project is not: what a test leaves behind, such as the
/// stage of a run that it killed, ends with the test's folder.
pub(crate) fn until(file: &str) -> String {
    format!("while [ -d $PWD ] && ! test -e {file}; do sleep 0.02; done")
}

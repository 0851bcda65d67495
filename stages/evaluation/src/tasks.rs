//! Tasks that a person names, and their names as parts of file names.

use std::fmt::Write;

use nnf_problem::TaskTable;

use crate::error::EvaluationError;

/// Positions of tasks by their names.
///
/// # Errors
/// When none is named, or one twice, or one that there is not.
pub fn named(task_table: &TaskTable, names: &[String]) -> Result<Vec<usize>, EvaluationError> {
    if names.is_empty() {
        return Err(EvaluationError::Misfit("no task is named under `tasks`".into()));
    }
    let mut found = Vec::new();
    for name in names {
        let task = task_table.position(name)?;
        if found.contains(&task) {
            return Err(EvaluationError::Misfit(format!("the task `{name}` is named twice under `tasks`")));
        }
        found.push(task);
    }
    Ok(found)
}

/// A task's name as a part of a file's: letters and digits of ASCII and `_` stay, spaces become `-`, all else becomes `%`
/// and its bytes in hexadecimal. No two tasks share one.
#[must_use]
pub fn file_name(task: &str) -> String {
    let mut name = String::new();
    for byte in task.bytes() {
        match byte {
            b' ' => name.push('-'),
            b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => name.push(char::from(byte)),
            _ => {
                let _ = write!(name, "%{byte:02X}");
            }
        }
    }
    name
}

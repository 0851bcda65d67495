//! `nnf __sandbox BOUNDS PROGRAM [ARGUMENT…]`: what the process of a strict stage is before it becomes the stage.
//!
//! The command is no one's to call but the engine's. It stands before the usual arguments, because a stage must start
//! quickly and its words are its own.

use std::ffi::OsString;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};

use nnf::executor::{Bounds, enter_sandbox, why_not_started};

/// The first argument by which it is known.
pub(crate) const WORD: &str = "__sandbox";

/// Exit code when the stage could not be confined or started.
const NOT_STARTED: u8 = 125;

/// The program as stages' processes start it: this very file, even if another one lies under its name by now.
pub(crate) fn command() -> Vec<OsString> {
    vec!["/proc/self/exe".into(), WORD.into()]
}

/// Confines this process and becomes the program. It returns only if that failed.
pub(crate) fn main(mut words: impl Iterator<Item = OsString>) -> ExitCode {
    let (bounds, program) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let confined = read(Path::new(&bounds)).and_then(|bounds| Ok(enter_sandbox(&bounds)?));
    let error = match confined {
        Err(error) => error.to_string(),
        Ok(()) => {
            let argv: Vec<OsString> = std::iter::once(program).chain(words).collect();
            let error = Command::new(&argv[0]).args(&argv[1..]).exec();
            let why = why_not_started(&argv, Path::new("."), &error);
            format!("`{}` does not start: {why}", argv[0].to_string_lossy())
        }
    };
    let _ = writeln!(std::io::stderr(), "nnf: {error}");
    ExitCode::from(NOT_STARTED)
}

fn read(file: &Path) -> anyhow::Result<Bounds> {
    Ok(serde_json::from_slice(&fs_err::read(file)?)?)
}

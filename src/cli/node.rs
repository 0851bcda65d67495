//! `nnf __node FOLDER`: what a job of Slurm becomes on its node. It runs the stages that wait in the folder.
//!
//! The command is no one's to call but a job's. It stands before the usual arguments, as `__sandbox` does.

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use nnf::executor::serve;
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::cli::sandbox;

/// The first argument by which it is known.
pub(crate) const WORD: &str = "__node";

/// The program as jobs start it: this very file, which has to lie at the same place on nodes.
pub(crate) fn command() -> Vec<OsString> {
    let program = std::env::current_exe().map_or_else(|_| "nnf".into(), OsString::from);
    vec![program, WORD.into()]
}

/// Serves until nothing waits any more.
pub(crate) fn main(mut words: impl Iterator<Item = OsString>) -> ExitCode {
    let folder = words.next().unwrap_or_default();
    let told_to_end = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        // Without it the stage would be killed without a word, which Slurm tells of as well.
        let _ = signal_hook::flag::register(signal, Arc::clone(&told_to_end));
    }
    match serve(Path::new(&folder), &std::env::vars_os().collect(), &sandbox::command(), &told_to_end) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "nnf: {error}");
            ExitCode::FAILURE
        }
    }
}

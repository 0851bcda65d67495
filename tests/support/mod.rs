//! A project in a folder of its own, and the compiled `nnf` run in it.
//!
//! What only some tests need lies in the files beside this one.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A folder with a pipeline, a home and a cache that no other test shares; removed when dropped.
pub(crate) struct Project {
    folder: tempfile::TempDir,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Project {
    /// A project whose `pipeline.yaml` holds this text.
    pub(crate) fn new(pipeline: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let project = Project { folder };
        project.write("pipeline.yaml", pipeline);
        project
    }

    /// A path in the project.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join("project").join(name)
    }

    /// Writes a file of the project.
    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let folder = self.folder.path().join("project");
        let path = folder.join(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, text).unwrap();
    }

    /// The command line, in an environment of which only the search path is the tests' own.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let beside = |name: &str| self.folder.path().join(name);
        let mut command = Command::new(env!("CARGO_BIN_EXE_nnf"));
        command.args(arguments).current_dir(self.path("")).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", beside("home")).env("NNF_CACHE", beside("cache"));
        command
    }

    /// Runs the command line to its end.
    pub(crate) fn nnf(&self, arguments: &[&str]) -> Outcome {
        let outcome = finish(self.command(arguments), self.folder.path());
        assert!(outcome.code.is_some() && !outcome.err.contains("panicked"), "{outcome:?}");
        outcome
    }
}

/// Runs a command to its end; what it says about `folder` is said about `ROOT`.
fn finish(mut command: Command, folder: &Path) -> Outcome {
    let output = command.output().unwrap();
    let root = folder.canonicalize().unwrap().join("project");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(root.to_str().unwrap(), "ROOT");
    Outcome { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
}

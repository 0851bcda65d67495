//! A machine: a project in a folder of its own, with the variables that lead to an S3 server.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value as Json;

use crate::support::{Outcome, Project};
use nnf_test_s3::S3;

/// A machine.
pub(crate) struct Machine {
    pub(crate) project: Project,
    pub(crate) environment: BTreeMap<String, String>,
}

/// What a run did, as its own events tell.
pub(crate) struct Did {
    /// Stages whose work was done here, sorted by name.
    pub(crate) ran: Vec<String>,
    pub(crate) events: Vec<Json>,
    pub(crate) err: String,
}

impl Machine {
    /// A machine whose pipeline is stored in `s3://bucket/store`. Faults are met with little patience.
    pub(crate) fn new(server: &S3, pipeline: &str) -> Self {
        let project = Project::new(&format!("store: {}\n{pipeline}", server.url("store")));
        let mut environment = server.settings();
        environment.insert("NNF_STORE_RETRIES".into(), "2".into());
        environment.insert("NNF_STORE_TIMEOUT".into(), "20".into());
        Machine { project, environment }
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) -> &mut Self {
        self.environment.insert(name.into(), value.into());
        self
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.project.command(arguments);
        command.envs(&self.environment).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn nnf(&self, arguments: &[&str]) -> Outcome {
        let output = self.command(arguments).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let outcome = Outcome { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) };
        assert!(outcome.code.is_some() && !outcome.err.contains("panicked"), "{outcome:?}");
        outcome
    }

    /// A command that must succeed; what it prints.
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        let outcome = self.nnf(arguments);
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        outcome.out
    }

    /// A run that must succeed.
    pub(crate) fn run(&self, arguments: &[&str]) -> Did {
        let outcome = self.nnf(&[&["run", "--json"], arguments].concat());
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        did(&outcome)
    }

    /// Files of the local store.
    pub(crate) fn blobs(&self) -> usize {
        files(&self.project.path("artifacts/blobs/v1")).len()
    }
}

/// What the events of a run tell.
pub(crate) fn did(outcome: &Outcome) -> Did {
    let events: Vec<Json> = outcome.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let finished = events.iter().filter(|event| event["event"] == "finished" && event["adopted"] == false);
    let mut ran: Vec<String> = finished.map(|event| event["stage"].as_str().unwrap().to_owned()).collect();
    ran.sort();
    Did { ran, events, err: outcome.err.clone() }
}

/// All files in a folder, sorted.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs_err::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect();
    files.sort();
    files
}

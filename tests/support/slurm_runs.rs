//! Runs of a project on the tests' Slurm, and what Slurm says of them.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use super::slurm::Cluster;
use super::support::{Outcome, Project};

impl Cluster {
    /// Has one of Slurm's programs say something. It must succeed.
    pub(crate) fn say(&self, program: &str, arguments: &[&str]) -> String {
        let output = Command::new(program).args(arguments).env("SLURM_CONF", self.conf()).output().unwrap();
        assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Jobs of a project, which are known by the folder that they start in.
    pub(crate) fn jobs(&self, project: &Project, states: &str) -> Vec<String> {
        let all = self.say("squeue", &["--noheader", "--array", "--states", states, "--format=%i|%Z"]);
        let folder = project.path("artifacts/slurm").display().to_string();
        let own = all.lines().filter_map(|line| line.split_once('|')).filter(|(_, at)| at.starts_with(&folder));
        own.map(|(id, _)| id.to_owned()).collect()
    }

    pub(crate) fn command(&self, project: &Project, arguments: &[&str]) -> Command {
        let mut command = project.command(arguments);
        command.env("SLURM_CONF", self.conf());
        command
    }

    pub(crate) fn nnf(&self, project: &Project, arguments: &[&str]) -> Outcome {
        let output = self.command(project, arguments).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Outcome { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }
}

/// Until it holds, or far too long.
pub(crate) fn until(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(120), "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

pub(crate) fn text(path: PathBuf) -> String {
    fs_err::read_to_string(path).unwrap_or_default()
}

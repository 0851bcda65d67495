//! Slurm's programs, and what their failures mean: whether to ask again, to wait for room, or to give up.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::executor::slurm::cluster::{Cluster, SlurmError};
use crate::executor::slurm::nodes::{FORMAT, NodeFacts, nodes};
use crate::executor::slurm::state::{ACCOUNTING_FORMAT, Job, JobId, JobState, QUEUE_FORMAT, jobs};

/// Longest time that one of them may take. They have timeouts of their own, which a site can make longer.
const LIMIT: Duration = Duration::from_secs(60);
/// Most of what one prints that is read.
const MOST: u64 = 64 << 20;
/// What may be asked for in one command line.
const MOST_IDS: usize = 500;

/// How failures of communication and of daemons are worded; they pass.
const PASSING: [&str; 16] = [
    "Unable to contact slurm controller",
    "Unable to contact the slurm controller",
    "Slurm controller not responding",
    "controller not responding",
    "Socket timed out",
    "timed out",
    "Zero Bytes were transmitted",
    "Connection refused",
    "Connection reset",
    "Transport endpoint is not connected",
    "in standby mode",
    "Resource temporarily unavailable",
    "temporarily unable to",
    "Munge",
    "munge",
    "Protocol authentication error",
];

/// How a limit on the number of jobs is worded; it passes when some of them have ended.
const LIMITS: [&str; 5] = ["MaxSubmit", "job submit limit", "MaxJobCount", "Too many jobs", "maximum number of jobs"];

/// Slurm's programs.
#[derive(Clone, Debug)]
pub(crate) struct Programs {
    environment: BTreeMap<OsString, OsString>,
}

impl Programs {
    /// Programs that see what of this environment tells them where Slurm is, and what a person has set for `sbatch`. The
    /// rest stays away from the jobs, to which it would be sent along: it may hold secrets, and, within a job, what is
    /// true of that job alone.
    pub(crate) fn new(environment: &BTreeMap<OsString, OsString>) -> Self {
        let environment = environment.iter().filter(|(name, _)| is_passed(name));
        Programs { environment: environment.map(|(name, value)| (name.clone(), value.clone())).collect() }
    }

    /// Whether a person has set something for `sbatch` besides.
    pub(crate) fn are_told_more(&self) -> bool {
        self.environment.keys().any(|name| name.to_string_lossy().starts_with("SBATCH_"))
    }

    /// What the nodes of all partitions have.
    pub(crate) fn nodes(&self) -> Result<Vec<NodeFacts>, SlurmError> {
        let format = format!("--format={FORMAT}");
        let arguments = ["--noheader", "--exact", &format].map(OsString::from);
        Ok(nodes(&self.run("sinfo", &arguments, b"", Path::new("/"))?))
    }

    /// Whether the cluster has a node of this name.
    pub(crate) fn has_node(&self, node: &str) -> Result<bool, SlurmError> {
        let arguments = ["--noheader", "--format=%N", "--nodes", node].map(OsString::from);
        Ok(!self.run("sinfo", &arguments, b"", Path::new("/"))?.trim().is_empty())
    }

    fn run(
        &self,
        program: &'static str,
        arguments: &[OsString],
        input: &[u8],
        folder: &Path,
    ) -> Result<String, SlurmError> {
        let failed = |error: std::io::Error| SlurmError::Silent(format!("`{program}`: {error}"));
        // Files take whatever it prints, so that it never waits for a reader.
        let mut streams = [(); 3].map(|()| tempfile::tempfile());
        let [stdin, stdout, stderr] = &mut streams;
        let (Ok(stdin), Ok(stdout), Ok(stderr)) = (stdin, stdout, stderr) else {
            return Err(SlurmError::Silent("there is no room for a temporary file".into()));
        };
        stdin.write_all(input).and_then(|()| stdin.seek(SeekFrom::Start(0))).map_err(failed)?;
        let child = Command::new(program)
            .args(arguments)
            .current_dir(folder)
            .env_clear()
            .envs(&self.environment)
            .stdin(Stdio::from(stdin.try_clone().map_err(failed)?))
            .stdout(Stdio::from(stdout.try_clone().map_err(failed)?))
            .stderr(Stdio::from(stderr.try_clone().map_err(failed)?))
            .spawn()
            .map_err(|error| SlurmError::NotInstalled { program, error: error.to_string() })?;
        let status = wait(child).map_err(failed)?;
        let (said, complaint) = (text(stdout).map_err(failed)?, text(stderr).map_err(failed)?);
        match status {
            Some(status) if status.success() => Ok(said),
            Some(_) => Err(meaning(program, &complaint)),
            None => Err(SlurmError::Silent(format!("`{program}` did not end within {} s", LIMIT.as_secs()))),
        }
    }
}

impl Cluster for Programs {
    fn submit(&self, arguments: &[String], script: &[u8], folder: &Path) -> Result<JobId, SlurmError> {
        let said = self.run("sbatch", &words(arguments), script, folder)?;
        id_in(&said).map(str::to_owned).ok_or_else(|| SlurmError::Refused { program: "sbatch", said: one_line(&said) })
    }

    fn queue(&self, names: &[String]) -> Result<BTreeMap<JobId, Job>, SlurmError> {
        let user = rustix::process::getuid().as_raw().to_string();
        let arguments = ["--noheader", "--array", "--states=all", "--user", &user, "--name", &names.join(",")];
        let format = format!("--format={QUEUE_FORMAT}");
        let arguments: Vec<OsString> = arguments.into_iter().chain([format.as_str()]).map(OsString::from).collect();
        Ok(jobs(&self.run("squeue", &arguments, b"", Path::new("/"))?))
    }

    fn accounts(&self, ids: &[JobId]) -> Result<BTreeMap<JobId, Job>, SlurmError> {
        let mut found = BTreeMap::new();
        for ids in ids.chunks(MOST_IDS) {
            let jobs_of = format!("--jobs={}", ids.join(","));
            let format = format!("--format={ACCOUNTING_FORMAT}");
            let arguments = ["--noheader", "--parsable2", "--allocations", "--array", &jobs_of, &format];
            match self.run("sacct", &arguments.map(OsString::from), b"", Path::new("/")) {
                Ok(said) => found.extend(jobs(&said)),
                Err(error @ SlurmError::Silent(_)) => return Err(error),
                Err(error) => tracing::debug!("no accounts of jobs: {error}"),
            }
        }
        Ok(found)
    }

    fn cancel(&self, name: &str, ids: &[JobId]) -> Result<(), SlurmError> {
        // Another cluster may know the same number as somebody else's job. `scancel --name` would tell them apart, but
        // takes all tasks of an array that have not begun, where some of them are meant.
        let own = self.queue(&[name.to_owned()])?;
        let there = |id: &&JobId| own.get(*id).is_some_and(|job| !matches!(job.state, JobState::Ended(_)));
        let ids: Vec<&JobId> = ids.iter().filter(there).collect();
        for ids in ids.chunks(MOST_IDS) {
            let arguments: Vec<OsString> =
                std::iter::once("--quiet".into()).chain(ids.iter().map(OsString::from)).collect();
            match self.run("scancel", &arguments, b"", Path::new("/")) {
                Ok(_) => {}
                Err(error @ (SlurmError::Silent(_) | SlurmError::NotInstalled { .. })) => return Err(error),
                Err(error) => tracing::debug!("{error}"),
            }
        }
        Ok(())
    }
}

fn words(words: &[String]) -> Vec<OsString> {
    words.iter().map(OsString::from).collect()
}

/// How it ended; none if it did not in time.
fn wait(mut child: Child) -> std::io::Result<Option<ExitStatus>> {
    let began = Instant::now();
    let mut pause = Duration::from_millis(2);
    while began.elapsed() < LIMIT {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
    child.kill()?;
    child.wait()?;
    Ok(None)
}

fn text(file: &mut std::fs::File) -> std::io::Result<String> {
    file.seek(SeekFrom::Start(0))?;
    let mut bytes = Vec::new();
    file.take(MOST).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn meaning(program: &'static str, complaint: &str) -> SlurmError {
    let said = one_line(complaint);
    let has = |words: &[&str]| words.iter().any(|word| said.contains(word));
    if has(&LIMITS) {
        SlurmError::Full(said)
    } else if has(&PASSING) {
        SlurmError::Silent(format!("`{program}`: {said}"))
    } else {
        SlurmError::Refused { program, said }
    }
}

/// What a program of Slurm said, without the word by which it begins each line.
fn one_line(said: &str) -> String {
    let lines = said.lines().map(|line| {
        let (_, rest) = line.split_once(": error: ").or_else(|| line.split_once(": fatal: ")).unwrap_or(("", line));
        rest.trim()
    });
    let lines: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
    if lines.is_empty() { "it said nothing".into() } else { lines.join("; ").chars().take(1000).collect() }
}

/// What `sbatch --parsable` prints, `ID` or `ID;CLUSTER`, below whatever a site's filter has to say.
fn id_in(said: &str) -> Option<&str> {
    let is_id = |word: &&str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    said.lines().rev().filter_map(|line| line.trim().split(';').next()).find(is_id)
}

fn is_passed(name: &OsStr) -> bool {
    const NAMES: [&str; 12] = [
        "PATH",
        "HOME",
        "USER",
        "LOGNAME",
        "SHELL",
        "TZ",
        "LD_LIBRARY_PATH",
        "SLURM_CONF",
        "SLURM_CONF_SERVER",
        "SLURM_CLUSTERS",
        "SLURM_JWT",
        "SLURM_WCKEY",
    ];
    name.to_str().is_some_and(|name| NAMES.contains(&name) || name.starts_with("SBATCH_"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn what_passes_is_told_from_what_does_not() {
        let down = "sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)\n";
        assert!(matches!(meaning("sbatch", down), SlurmError::Silent(said) if said.ends_with("(connect failure)")));
        let late = "slurm_load_jobs error: Socket timed out on send/recv operation\n";
        assert!(matches!(meaning("squeue", late), SlurmError::Silent(_)));
        let full = "sbatch: error: AssocMaxSubmitJobLimit\nsbatch: error: Batch job submission failed: Job violates \
                    accounting/QOS policy (job submit limit, user's size and/or time limits)\n";
        assert!(matches!(meaning("sbatch", full), SlurmError::Full(_)));
        let wrong = "sbatch: error: invalid partition specified: nope\n\
                     sbatch: error: Batch job submission failed: Invalid partition name specified\n";
        assert_eq!(
            meaning("sbatch", wrong).to_string(),
            "`sbatch` refused: invalid partition specified: nope; Batch job submission failed: Invalid partition name specified"
        );
        assert_eq!(meaning("sbatch", " \n").to_string(), "`sbatch` refused: it said nothing");
    }

    #[test]
    fn jobs_see_nothing_of_what_this_program_sees() {
        let names =
            ["PATH", "SLURM_CONF", "SBATCH_PARTITION", "SLURM_JOB_ID", "SQUEUE_FORMAT", "AWS_SECRET_ACCESS_KEY"];
        let environment = names.map(|name| (OsString::from(name), OsString::from("x"))).into_iter().collect();
        let seen: Vec<_> = Programs::new(&environment).environment.into_keys().collect();
        assert_eq!(seen, ["PATH", "SBATCH_PARTITION", "SLURM_CONF"]);
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let programs = Programs { environment: [("PATH".into(), "/no/such/folder".into())].into() };
        let error = programs.submit(&[], b"#!/bin/sh\n", Path::new("/")).unwrap_err();
        assert!(matches!(&error, SlurmError::NotInstalled { program: "sbatch", .. }), "{error}");
    }

    #[test]
    fn the_id_is_found_below_what_a_site_has_to_say() {
        assert_eq!(id_in("81\n"), Some("81"));
        assert_eq!(id_in("81;cluster\n"), Some("81"));
        assert_eq!(id_in("Welcome to 3 nodes\n4711\n\n"), Some("4711"));
        assert_eq!(id_in("nothing\n"), None);
    }

    /// A person's own job may have the number of one of ours, on another cluster; and `scancel --name 5_7` ends all tasks
    /// of array 5 that have not begun.
    #[test]
    fn only_the_own_jobs_that_are_there_are_cancelled_and_of_arrays_only_the_tasks_meant() {
        let folder = tempfile::tempdir().unwrap();
        let script = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs_err::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
            fs_err::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        };
        let said = folder.path().join("said");
        script(
            "squeue",
            "case \"$*\" in *--name\\ own*) printf '5_7|PENDING||\\n5_8|PENDING||\\n6|COMPLETED|n1|\\n';; esac",
        );
        script("scancel", &format!("echo \"$@\" >> {}", said.display()));
        let path = std::env::join_paths([folder.path(), Path::new("/usr/bin"), Path::new("/bin")]).unwrap();
        let programs = Programs { environment: [("PATH".into(), path)].into() };
        programs.cancel("own", &["5_7".into(), "6".into(), "81".into()]).unwrap();
        programs.cancel("other", &["5_7".into()]).unwrap();
        assert_eq!(fs_err::read_to_string(said).unwrap(), "--quiet 5_7\n");
    }
}

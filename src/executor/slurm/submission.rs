//! What a stage needs, in the words of `sbatch`.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use crate::graph::{CpuNeed, Needs, SlurmOptions};

/// Jobs that can do the same stages: all that `sbatch` is told of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Resources {
    /// Cores, memory, GPUs.
    pub(crate) needs: Needs,
    /// Whether the node is to run nothing else.
    pub(crate) alone: bool,
    /// The node, where it must be a certain one.
    pub(crate) node: Option<String>,
    /// Longest time of one stage.
    pub(crate) timeout: Option<Duration>,
    /// What the pipeline says.
    pub(crate) options: SlurmOptions,
}

/// What a job may take beyond the time of its stage: for its start, and to end a stage in order.
const MARGIN: Duration = Duration::from_secs(60);
/// How long a job goes on to take stages.
const SHARED: Duration = Duration::from_secs(600);

impl Resources {
    /// For how long a job takes one stage after another, so that short ones do not wait for Slurm each. What measures has
    /// a job to itself.
    pub(crate) fn shared_for(&self) -> Duration {
        match self.timeout {
            _ if self.alone => Duration::ZERO,
            Some(timeout) => timeout.min(SHARED),
            None => SHARED,
        }
    }

    /// What `sbatch` is told, apart from names and places.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let mut words: Vec<String> = ["--nodes=1", "--ntasks=1", "--no-requeue"].map(str::to_owned).into();
        match self.needs.cpus {
            CpuNeed::Count(count) => words.push(format!("--cpus-per-task={count}")),
            // The whole node: how many cores that is, its own process finds out.
            CpuNeed::All => words.push("--exclusive".into()),
        }
        if self.alone && self.needs.cpus != CpuNeed::All {
            words.push("--exclusive".into());
        }
        if self.needs.memory > 0 {
            words.push(format!("--mem={}M", self.needs.memory.div_ceil(1 << 20)));
        }
        if self.needs.gpus > 0 {
            words.push(format!("--gres=gpu:{}", self.needs.gpus));
        }
        if let Some(timeout) = self.timeout {
            let all = timeout.saturating_add(self.shared_for()).saturating_add(MARGIN);
            words.push(format!("--time={}", all.as_secs().div_ceil(60)));
        }
        words.extend(self.node.iter().map(|node| format!("--nodelist={node}")));
        let options = &self.options;
        let named = [("partition", &options.partition), ("account", &options.account), ("qos", &options.qos)];
        words.extend(named.iter().filter_map(|(name, value)| Some(format!("--{name}={}", value.as_ref()?))));
        // Last, for of two that say the same the later one counts.
        words.extend(options.arguments.iter().cloned());
        words
    }
}

/// The script of a job: this very program, as it lies on the nodes, serves the stages of a folder.
pub(crate) fn script(words: &[OsString], folder: &Path) -> Vec<u8> {
    let mut script = b"#!/bin/sh\nexec".to_vec();
    for word in words.iter().map(OsString::as_os_str).chain([folder.as_os_str()]) {
        script.push(b' ');
        script.extend(quoted(word));
    }
    script.push(b'\n');
    script
}

/// A word as a shell reads it.
fn quoted(word: &OsStr) -> Vec<u8> {
    let mut quoted = vec![b'\''];
    for byte in word.as_bytes() {
        match byte {
            b'\'' => quoted.extend(br"'\''"),
            byte => quoted.push(*byte),
        }
    }
    quoted.push(b'\'');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resources(needs: Needs) -> Resources {
        Resources { needs, alone: false, node: None, timeout: None, options: SlurmOptions::default() }
    }

    fn words(resources: &Resources) -> String {
        resources.arguments().join(" ").replace("--nodes=1 --ntasks=1 --no-requeue ", "")
    }

    const SMALL: Needs = Needs { cpus: CpuNeed::Count(1), memory: 0, gpus: 0 };

    #[test]
    fn needs_become_resources() {
        let mut all = resources(Needs { cpus: CpuNeed::Count(3), memory: (4 << 30) + 1, gpus: 2 });
        assert_eq!(words(&all), "--cpus-per-task=3 --mem=4097M --gres=gpu:2");
        all.options = SlurmOptions {
            partition: Some("long".into()),
            account: Some("lab".into()),
            qos: Some("low".into()),
            arguments: vec!["--constraint=skylake".into(), "--gres=gpu:a100:2".into()],
        };
        assert_eq!(
            words(&all),
            "--cpus-per-task=3 --mem=4097M --gres=gpu:2 --partition=long --account=lab --qos=low --constraint=skylake \
             --gres=gpu:a100:2"
        );
        assert_eq!(words(&resources(Needs { cpus: CpuNeed::All, ..SMALL })), "--exclusive");
    }

    #[test]
    fn a_job_has_time_for_its_stage_and_those_that_share_it() {
        for (seconds, minutes) in [(1, 2), (30, 2), (60, 3), (600, 21), (7200, 131), (u64::MAX, u64::MAX.div_ceil(60))]
        {
            let timed = Resources { timeout: Some(Duration::from_secs(seconds)), ..resources(SMALL) };
            assert_eq!(words(&timed), format!("--cpus-per-task=1 --time={minutes}"), "{seconds}");
        }
    }

    #[test]
    fn what_measures_has_one_node_and_shares_nothing() {
        let timeout = Some(Duration::from_secs(600));
        let alone = Resources { alone: true, node: Some("n2".into()), timeout, ..resources(SMALL) };
        assert_eq!(words(&alone), "--cpus-per-task=1 --exclusive --time=11 --nodelist=n2");
        assert_eq!(alone.shared_for(), Duration::ZERO);
    }

    #[test]
    fn a_script_holds_any_path() {
        let words = ["/opt/my tools/nnf".into(), "__node".into()];
        let script = script(&words, Path::new("/it's/here; rm -rf $HOME"));
        let text = String::from_utf8_lossy(&script);
        assert_eq!(text, "#!/bin/sh\nexec '/opt/my tools/nnf' '__node' '/it'\\''s/here; rm -rf $HOME'\n");
    }
}

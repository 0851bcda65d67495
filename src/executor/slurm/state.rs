//! Where a job stands, by the words that Slurm has for it.

use std::collections::BTreeMap;

/// How a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JobEnd {
    Completed,
    /// Its script ended with another exit code than 0, or was not started.
    Failed,
    /// Its time was up.
    TimedOut,
    OutOfMemory,
    NodeFailed,
    Preempted,
    /// By a person.
    Cancelled,
}

/// Where a job stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum JobState {
    /// It waits, for this reason.
    Pending(String),
    /// It runs, or is about to begin or to end.
    Running,
    Ended(JobEnd),
}

/// A job, or a task of an array of jobs: `81` or `82_7`.
pub(crate) type JobId = String;

/// A job as Slurm tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Job {
    pub(crate) state: JobState,
    /// The node; empty while there is none.
    pub(crate) node: String,
}

/// What `squeue` is asked to print of each job. The reason stands last, since it may hold anything.
pub(crate) const QUEUE_FORMAT: &str = "%i|%T|%N|%r";
/// The same for `sacct`.
pub(crate) const ACCOUNTING_FORMAT: &str = "JobID,State,NodeList,Reason";

/// Reads lines of these formats. A line that is none is left out: a warning may stand between them.
pub(crate) fn jobs(text: &str) -> BTreeMap<JobId, Job> {
    text.lines().filter_map(job).collect()
}

fn job(line: &str) -> Option<(JobId, Job)> {
    let mut parts = line.trim_end().splitn(4, '|');
    let (id, state, node, reason) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    if !id.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    // `sacct` writes `None assigned` where there is no node.
    let node = if node.contains(' ') { "" } else { node };
    Some((id.to_owned(), Job { state: state_of(state, reason), node: node.to_owned() }))
}

/// A state that is not known is taken for one of those that a job passes through: it ends in one that is.
fn state_of(word: &str, reason: &str) -> JobState {
    // `CANCELLED by 1000`
    let word = word.split([' ', '+']).next().unwrap_or_default();
    let ended = match word {
        "COMPLETED" => JobEnd::Completed,
        "FAILED" => JobEnd::Failed,
        "TIMEOUT" | "DEADLINE" => JobEnd::TimedOut,
        "OUT_OF_MEMORY" => JobEnd::OutOfMemory,
        "NODE_FAIL" | "BOOT_FAIL" | "LAUNCH_FAILED" | "RECONFIG_FAIL" => JobEnd::NodeFailed,
        "PREEMPTED" => JobEnd::Preempted,
        "CANCELLED" | "REVOKED" => JobEnd::Cancelled,
        "PENDING" | "REQUEUED" | "REQUEUE_HOLD" | "REQUEUE_FED" | "RESV_DEL_HOLD" | "SPECIAL_EXIT" => {
            return JobState::Pending(reason.to_owned());
        }
        _ => return JobState::Running,
    };
    JobState::Ended(ended)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn what_the_queue_tells_is_read() {
        let text = "82_77|RUNNING|n1|None\n83|PENDING||Resources\nslurm_load: warning\n\
                    84|PENDING||ReqNodeNotAvail, UnavailableNodes:n1|n2\n85|COMPLETING|n[1-2]|None\n";
        let jobs = jobs(text);
        let state = |id: &str| jobs.get(id).unwrap().state.clone();
        assert_eq!(jobs.len(), 4);
        assert_eq!((state("82_77"), jobs["82_77"].node.as_str()), (JobState::Running, "n1"));
        assert_eq!(state("83"), JobState::Pending("Resources".into()));
        assert_eq!(state("84"), JobState::Pending("ReqNodeNotAvail, UnavailableNodes:n1|n2".into()));
        assert_eq!(state("85"), JobState::Running);
    }

    #[test]
    fn ends_are_told_apart() {
        let ends = [
            ("COMPLETED", JobEnd::Completed),
            ("FAILED", JobEnd::Failed),
            ("TIMEOUT", JobEnd::TimedOut),
            ("DEADLINE", JobEnd::TimedOut),
            ("OUT_OF_MEMORY", JobEnd::OutOfMemory),
            ("NODE_FAIL", JobEnd::NodeFailed),
            ("BOOT_FAIL", JobEnd::NodeFailed),
            ("PREEMPTED", JobEnd::Preempted),
            ("CANCELLED", JobEnd::Cancelled),
            ("CANCELLED by 1000", JobEnd::Cancelled),
            ("CANCELLED+", JobEnd::Cancelled),
        ];
        for (word, end) in ends {
            let found = jobs(&format!("7|{word}|None assigned|None"));
            assert_eq!(found["7"], Job { state: JobState::Ended(end), node: String::new() }, "{word}");
        }
    }

    #[test]
    fn nothing_that_is_no_job_is_taken_for_one() {
        for text in
            ["", "|", "|||", "7", "7|RUNNING", "JobID|State|NodeList|Reason", "\u{0}|x|y|z", "squeue: error: a|b|c|d"]
        {
            assert!(jobs(text).is_empty(), "{text:?}");
        }
        assert_eq!(jobs("7|A STATE OF THE FUTURE||").get("7").unwrap().state, JobState::Running);
    }
}

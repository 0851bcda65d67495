//! Processes that left their stage's process group, or outlived the engine that started them.
//!
//! A process is known by a variable of its environment, which all that it starts inherits: the scratch folder, which no
//! two attempts share. One that was started with another environment is not found.

use std::path::Path;

/// The variable.
pub(crate) const MARK: &str = "NNF_SCRATCH";

/// Has processes whose parents end become children of this one, where `end_marked` looks for them.
pub(crate) fn adopt() {
    system::adopt();
}

/// Ends what a group or an attempt left among the children of this process, however it was started.
pub(crate) fn end_children(group: u32, scratch: Option<&Path>) {
    system::end_children(group, scratch);
}

/// Ends all processes of this machine whose scratch folder lies in this one. Returns how many there were.
pub(crate) fn end_marked(folder: &Path) -> usize {
    system::end_marked(folder)
}

#[cfg(target_os = "linux")]
mod system {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::path::{Path, PathBuf};
    use std::sync::Once;
    use std::time::Duration;

    use rustix::process::{Pid, Signal, WaitOptions, kill_process, set_child_subreaper, waitpid};

    use super::MARK;
    use crate::processes::proc_file;

    /// How often, and how long apart, processes that were killed are looked for again: they may have started others.
    const ROUNDS: u32 = 200;
    const PAUSE: Duration = Duration::from_millis(5);
    /// How often a process without an environment is looked at again.
    const PATIENCE: u32 = 4;

    pub(super) fn adopt() {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            if let Err(error) = set_child_subreaper(Some(rustix::process::getpid())) {
                tracing::debug!("orphans of stages go to the system: {error}");
            }
        });
    }

    pub(super) fn end_children(group: u32, scratch: Option<&Path>) {
        let mut dying: Vec<Pid> = Vec::new();
        for round in 0..ROUNDS {
            // They are nobody else's to wait for: those who started them are gone. Until they are gone as well, what they
            // started does not come here.
            dying.retain(|child| matches!(waitpid(Some(*child), WaitOptions::NOHANG), Ok(None)));
            let waiting = !dying.is_empty();
            let own = |child: &Pid| group_of(*child) == Some(group);
            let marked = |child: &Pid| scratch.is_some_and(|scratch| is_marked(*child, scratch));
            let (found, others): (Vec<Pid>, Vec<Pid>) =
                children().into_iter().partition(|child| own(child) || marked(child));
            // One that is just becoming another program cannot be told from those of other stages for a moment.
            let unknown = round < PATIENCE && others.into_iter().any(has_no_environment);
            if found.is_empty() && !waiting && !unknown {
                return;
            }
            for child in found {
                let _ = kill_process(child, Signal::KILL);
                if !dying.contains(&child) {
                    dying.push(child);
                }
            }
            std::thread::sleep(PAUSE * round.min(4));
        }
        tracing::warn!("a process of a stage does not end although it was killed");
    }

    pub(super) fn end_marked(folder: &Path) -> usize {
        let (mut ended, mut quiet) = (0, 0);
        for round in 0..ROUNDS {
            let found: Vec<Pid> = processes("/proc".into()).filter(|id| is_marked(*id, folder)).collect();
            // One that is just becoming another program has no environment for a moment.
            quiet = if found.is_empty() { quiet + 1 } else { 0 };
            if quiet == 2 {
                break;
            }
            let killed = found.into_iter().filter(|id| kill_process(*id, Signal::KILL).is_ok()).count();
            ended = ended.max(killed);
            std::thread::sleep(PAUSE * round.clamp(1, 4));
        }
        ended
    }

    /// Processes that this one adopted. They become children of its first thread, which starts none itself.
    fn children() -> Vec<Pid> {
        let first = rustix::process::getpid().as_raw_nonzero();
        let text = proc_file::read(&format!("/proc/self/task/{first}/children")).unwrap_or_default();
        text.split_whitespace().filter_map(|id| id.parse().ok()).filter_map(Pid::from_raw).collect()
    }

    fn processes(proc: PathBuf) -> impl Iterator<Item = Pid> {
        let entries = fs_err::read_dir(proc).into_iter().flatten().flatten();
        entries.filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?))
    }

    /// Whether an environment names the folder, or one in it. It cannot be read of strangers, nor of processes that have ended.
    fn is_marked(id: Pid, folder: &Path) -> bool {
        let environment = fs_err::read(format!("/proc/{}/environ", id.as_raw_nonzero())).unwrap_or_default();
        let value = |word: &'_ [u8]| word.strip_prefix(MARK.as_bytes())?.strip_prefix(b"=").map(<[u8]>::to_vec);
        environment
            .split(|byte| *byte == 0)
            .filter_map(value)
            .any(|value| Path::new(OsStr::from_bytes(&value)).starts_with(folder))
    }

    fn has_no_environment(id: Pid) -> bool {
        fs_err::read(format!("/proc/{}/environ", id.as_raw_nonzero())).is_ok_and(|environment| environment.is_empty())
    }

    fn group_of(id: Pid) -> Option<u32> {
        let text = proc_file::read(&format!("/proc/{}/stat", id.as_raw_nonzero())).ok()?;
        // The name in parentheses may hold spaces; state, parent and group follow it.
        text.rsplit_once(')')?.1.split_whitespace().nth(2)?.parse().ok()
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::path::Path;

    pub(super) fn adopt() {}

    pub(super) fn end_children(_: u32, _: Option<&Path>) {}

    pub(super) fn end_marked(_: &Path) -> usize {
        0
    }
}

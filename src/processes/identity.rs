//! Whether a process is still the one that it was: its number alone is given to others once it has ended.

use rustix::process::{Pid, Signal, kill_process_group};

/// When a process began, in a form that two processes of the same id do not share.
fn start_time(id: u32) -> Option<String> {
    #[cfg(target_os = "linux")]
    {
        let text = super::proc_file::read(&format!("/proc/{id}/stat")).ok()?;
        // The name in parentheses may hold spaces; the start time is the 20th field after it.
        let (_, rest) = text.rsplit_once(')')?;
        rest.split_whitespace().nth(19).map(str::to_owned)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let output =
            std::process::Command::new("/bin/ps").args(["-o", "lstart=", "-p", &id.to_string()]).output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout).trim().replace(' ', "_");
        (!text.is_empty()).then_some(text)
    }
}

/// What a process is known by, also to another engine: its number, and when it began.
pub(crate) fn noted(id: u32) -> String {
    format!("{id} {}", start_time(id).unwrap_or_default())
}

/// Kills the process group of a leader that a killed engine noted so, if it is still there.
pub(crate) fn end_noted(note: &str) {
    let mut words = note.split_whitespace();
    if let Some(leader) = words.next().and_then(|id| id.parse().ok())
        && end_group(leader, words.next().unwrap_or_default())
    {
        tracing::warn!("process {leader}, left by a killed run, was ended");
    }
}

/// Kills a process group if its leader is still the process that began then; false if there was nothing to kill.
fn end_group(leader: u32, started: &str) -> bool {
    let same = !started.is_empty() && start_time(leader).as_deref() == Some(started);
    let group = i32::try_from(leader).ok().and_then(Pid::from_raw);
    same && group.is_some_and(|group| kill_process_group(group, Signal::KILL).is_ok())
}

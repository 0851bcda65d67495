//! Whether a process is still the one that it was: its number alone is given to others once it has ended.

use rustix::process::{Pid, Signal, kill_process_group};

/// When a process began, in a form that two processes of the same id do not share.
pub(crate) fn start_time(id: u32) -> Option<String> {
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

/// Kills a process group if its leader is still the process that began then; false if there was nothing to kill.
pub(crate) fn end_group(leader: u32, started: &str) -> bool {
    let same = !started.is_empty() && start_time(leader).as_deref() == Some(started);
    let group = i32::try_from(leader).ok().and_then(Pid::from_raw);
    same && group.is_some_and(|group| kill_process_group(group, Signal::KILL).is_ok())
}

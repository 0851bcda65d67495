//! All processes of a session: its leader's group, and those that made groups of their own (`timeout`, a shell's jobs).

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// How often processes are looked for that were started meanwhile.
const ROUNDS: u32 = 5;

/// Sends a signal to all of them.
pub(crate) fn signal(leader: Pid, signal: Signal) {
    // They may have ended by themselves.
    let _ = kill_process_group(leader, signal);
    let mut reached = Vec::new();
    for _ in 0..ROUNDS {
        let others: Vec<Pid> = members(leader).into_iter().filter(|id| !reached.contains(id)).collect();
        if others.is_empty() {
            return;
        }
        for id in others {
            let _ = kill_process(id, signal);
            reached.push(id);
        }
    }
}

/// Those that are not of the leader's group.
fn members(leader: Pid) -> Vec<Pid> {
    let entries = fs_err::read_dir("/proc").into_iter().flatten().flatten();
    let ids = entries.filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?));
    ids.filter(|id| is_of(*id, leader)).collect()
}

fn is_of(id: Pid, leader: Pid) -> bool {
    let leader = leader.as_raw_nonzero().get();
    let text = fs_err::read_to_string(format!("/proc/{}/stat", id.as_raw_nonzero())).unwrap_or_default();
    // The name in parentheses may hold spaces; state, parent, group and session follow it.
    let fields = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    let numbers: Vec<i32> = fields.split_whitespace().skip(1).take(3).filter_map(|word| word.parse().ok()).collect();
    matches!(numbers[..], [_, group, session] if session == leader && group != leader)
}

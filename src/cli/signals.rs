//! The signals by which a person, or the system, stops what runs.

use nnf::run::Interrupter;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::cli::failure::Failure;

/// Ctrl-C, the signal by which services are stopped, and the loss of the terminal interrupt the run.
pub(crate) fn listen(interrupter: Interrupter) -> Result<(), Failure> {
    let hang_up = (!ignores_hang_up()).then_some(SIGHUP);
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM].into_iter().chain(hang_up))
        .map_err(|error| Failure::Store(format!("cannot listen for signals: {error}")))?;
    std::thread::spawn(move || {
        for count in signals.forever().scan(0, |count, _| {
            *count += 1;
            Some(*count)
        }) {
            // Nothing runs any more then; what goes on is sending results, which `nnf push` can do later.
            if count > 2 {
                std::process::exit(i32::from(Failure::Interrupted.exit_code()));
            }
            interrupter.interrupt();
        }
    });
    Ok(())
}

/// Whether `nohup`, or another that started this program, wants it to outlive its terminal; taken to be so where it is not
/// known.
fn ignores_hang_up() -> bool {
    let status = fs_err::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_none_or(|mask| mask >> (SIGHUP - 1) & 1 == 1)
}
